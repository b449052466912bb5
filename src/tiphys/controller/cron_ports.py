"""What keeping CronWorkflows in step works with: ports, and the workflows they make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from tiphys.compile.triggers.history import Child
from tiphys.compile.triggers.outcome import Outcome
from tiphys.errors import Conflict, NotFound
from tiphys.expr.values import UTC as UTC_ZONE
from tiphys.expr.values import Context, Zone
from tiphys.model.base import API_VERSION
from tiphys.model.codec import convert, encode
from tiphys.model.cron import CronWorkflow
from tiphys.model.workflow import Workflow
from tiphys.ports import Clock, Ledger, ObjectRef, Objects

_SYNC_SECONDS: Final = 10.0


class Workflows(Protocol):
    """What is done with workflows; `service.cron` does it."""

    async def problem(self, cron: CronWorkflow) -> str:
        """Return the first thing wrong with a CronWorkflow, "" if it is valid."""
        ...

    async def submit(self, workflow: Workflow) -> Child:
        """Run a workflow. Raises Conflict if its name is taken."""
        ...

    async def find(self, cron: CronWorkflow, name: str) -> Child | None:
        """Return the child of that name, None if there is none."""
        ...

    async def children(self, cron: CronWorkflow) -> Sequence[Child]:
        """Return the workflows that a CronWorkflow made, or people made of it."""
        ...

    async def terminate(self, namespace: str, name: str) -> None:
        """End a workflow at once. Raises NotFound, and Conflict if it has ended."""
        ...

    async def delete(self, namespace: str, name: str) -> None:
        """Forget a workflow. Raises NotFound."""
        ...


def _nobody(_cron: CronWorkflow, _outcome: Outcome) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class CronPorts:
    """What the loop works with; `owner` is this process, `local` the zone of plain schedules.

    `decided` is told of every decision about a due time.
    """

    objects: Objects
    ledger: Ledger
    workflows: Workflows
    clock: Clock
    owner: str
    local: Zone = UTC_ZONE
    decided: Callable[[CronWorkflow, Outcome], None] = _nobody
    sync_seconds: float = _SYNC_SECONDS

    def context(self, cron: CronWorkflow, at: float) -> Context:
        """Return what expressions may know of the world at a due time."""
        now = datetime.fromtimestamp(self.clock.now(), UTC)
        return Context(now, f"{cron.metadata.uid}/{at}".encode(), self.local)

    async def present(self, reference: ObjectRef) -> CronWorkflow | None:
        """Return a CronWorkflow as it is stored, None if it is gone."""
        try:
            return convert(await self.objects.get(reference), CronWorkflow)
        except NotFound:
            return None

    async def change(
        self, reference: ObjectRef, change: Callable[[CronWorkflow], CronWorkflow]
    ) -> None:
        """Make another document of the present one, however often others write between."""
        while (cron := await self.present(reference)) is not None:
            changed = change(cron)
            if changed == cron:
                return
            try:
                await self.objects.replace(encode(changed))
            except Conflict:
                continue
            except NotFound:
                pass
            return


def reference_of(cron: CronWorkflow) -> ObjectRef:
    """Return the reference of a CronWorkflow."""
    return ObjectRef(API_VERSION, "CronWorkflow", cron.metadata.namespace, cron.metadata.name)
