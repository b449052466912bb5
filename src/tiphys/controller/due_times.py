"""One due time, from the moment it has come until the CronWorkflow's document shows it.

It is taken in the ledger, decided and carried out, noted, closed, in that order; whoever finds one
half done goes on where it was left. So two engines, or one that was killed, make one workflow of
it. The decision itself is made in `compile.triggers`.

Differs: a due time that was skipped (suspended, `when`, Forbid) stays so. Argo decides it again at
every change of the CronWorkflow within startingDeadlineSeconds.

Source: Argo workflow/cron/operator.go, run; reference/engine-operations.md 11.1.3.
"""

from __future__ import annotations

import logging
from typing import Final, Literal

import msgspec

from tiphys.compile.triggers.children import child_name, scheduled_child
from tiphys.compile.triggers.decide import Submit, decide
from tiphys.compile.triggers.outcome import Outcome, is_noted, noted, submission_error
from tiphys.controller.cron_ports import CronPorts
from tiphys.errors import Conflict, NotFound, TiphysError
from tiphys.model.cron import CronWorkflow
from tiphys.model.times import time_text
from tiphys.ports import DueRow, ObjectRef

_log = logging.getLogger(__name__)

_KEPT_ROWS: Final = 100
_OUTCOME: Final = msgspec.json.Decoder(Outcome)


class DueTimes:
    """Deals with due times, each once."""

    def __init__(self, ports: CronPorts) -> None:
        """Prepare."""
        self._ports = ports

    async def come(self, uid: str, at: int, reference: ObjectRef) -> None:
        """Deal with a due time, unless it has been dealt with or another engine does."""
        row = await self._ports.ledger.take(uid, at, self._ports.owner)
        if row is not None:
            await self.finish(row, reference)

    async def miss(self, uid: str, at: int, reason: str, reference: ObjectRef) -> None:
        """Keep that a due time was missed, unless something was decided about it."""
        row = await self._ports.ledger.take(uid, at, self._ports.owner)
        if row is None:
            return
        if not row.outcome:
            row = await self._decide(reference, row, Outcome(kind="Missed", reason=reason))
        await self.finish(row, reference)

    async def finish(self, row: DueRow, reference: ObjectRef) -> None:
        """Carry a due time that this engine has from wherever it is to its end."""
        ports, was_decided = self._ports, bool(row.outcome)
        cron = await ports.present(reference)
        if cron is None or cron.metadata.uid != row.cron:
            await ports.ledger.close(row)
            return
        if not was_decided:
            found = await self._outcome(cron, row.at)
            row = await self._decide(reference, row, found)
            ports.decided(cron, found)
        outcome = _OUTCOME.decode(row.outcome)
        if not (was_decided and is_noted(cron, row.at, outcome)):
            await ports.change(reference, lambda present: noted(present, row.at, outcome))
        await ports.ledger.close(row)
        await self._prune(row.cron)

    async def _decide(self, reference: ObjectRef, row: DueRow, outcome: Outcome) -> DueRow:
        name = f"{reference.namespace}/{reference.name}"
        due = time_text(row.at)
        _log.info("CronWorkflow %s, due at %s: %s %s", name, due, outcome.kind, outcome.reason)
        return await self._ports.ledger.decide(row, msgspec.json.encode(outcome))

    async def _prune(self, uid: str) -> None:
        """Keep the latest rows of a CronWorkflow only."""
        rows = await self._ports.ledger.rows(uid, 2 * _KEPT_ROWS)
        if len(rows) == 2 * _KEPT_ROWS:
            await self._ports.ledger.forget(uid, rows[_KEPT_ROWS].at)

    async def _outcome(self, cron: CronWorkflow, at: int) -> Outcome:
        """Decide about a due time, carry the decision out, and return what came of it."""
        workflows, name = self._ports.workflows, child_name(cron.metadata.name, at)
        made = await workflows.find(cron, name)
        if made is not None:  # by an engine that died before it could say so
            return Outcome(kind="Submitted", reason=name, child=made.reference)
        problem = await workflows.problem(cron)
        decision = decide(cron, problem, self._ports.context(cron, at))
        if isinstance(decision, Outcome):
            return decision
        problem = await self._make_room(decision)
        if problem:
            return submission_error(cron, f"run policy error: {problem}")
        try:
            child = await workflows.submit(scheduled_child(cron, at))
        except Conflict:
            return Outcome(kind="Skipped", reason=f"a workflow {name} exists already")
        except TiphysError as exc:
            return submission_error(cron, f"Failed to submit Workflow: {exc}")
        policy: Literal["", "Replace"] = "Replace" if decision.replaces else ""
        return Outcome(kind="Submitted", reason=name, child=child.reference, policy=policy)

    async def _make_room(self, decision: Submit) -> str:
        """Terminate what a new workflow replaces and return what went wrong."""
        for item in decision.replaces:
            name = str(item.get("name", ""))
            try:
                await self._ports.workflows.terminate(str(item.get("namespace", "")), name)
            except (NotFound, Conflict):
                continue
            except TiphysError as exc:
                return f"error stopping workflow {name}: {exc}"
        return ""
