"""Deletes artifacts: a queue in a ledger, each deletion tried again until it works or is hopeless.

Which artifacts, and when, is decided in `model/artifact_gc.py`.
Differs: Argo starts a pod for this; here the engine does it, and a failed artifact does not keep
the others of its task from being deleted.
Source: reference/executor.md 11.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tiphys.errors import NotFound, TiphysError, Transient
from tiphys.model.artifact_gc import Deletion, failure_condition
from tiphys.model.artifacts import Artifact
from tiphys.model.ids import RunId
from tiphys.model.status import Condition
from tiphys.ports import ArtifactDriver, Clock, DeletionRow, Deletions

DriversOf = Callable[[str], Callable[[Artifact], ArtifactDriver]]
"""Namespace of the workflow -> what finds the driver of an artifact, with that one's Secrets."""

_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often a deletion is tried, and how long to wait between, in seconds."""

    tries: int = 5
    first_seconds: float = 1.0
    factor: float = 1.6

    def wait(self, tries: int) -> float:
        """Return the wait after so many tries that failed."""
        return float(self.first_seconds * self.factor ** (tries - 1))


class ArtifactGC:
    """Works through the ledger. One for each process that may delete."""

    def __init__(
        self,
        ledger: Deletions,
        drivers: DriversOf,
        clock: Clock,
        backoff: Backoff = Backoff(),
    ) -> None:
        self._ledger = ledger
        self._drivers = drivers
        self._clock = clock
        self._backoff = backoff
        self._woken = asyncio.Event()

    async def want(self, run: RunId, namespace: str, deletions: Sequence[Deletion]) -> None:
        """Note what is to be deleted. Noted again: no effect."""
        now = self._clock.now()
        rows = [DeletionRow(run, namespace, item, due_at=now) for item in deletions]
        await self._ledger.add(rows)
        self._woken.set()

    async def again(self, run: RunId) -> None:
        """Try what failed once more: somebody says that its cause is gone."""
        for row in await self._ledger.of(run):
            if row.state == "failed":
                await self._ledger.settle(
                    replace(row, state="wanted", tries=0, due_at=self._clock.now())
                )
        self._woken.set()

    async def serve(self) -> None:
        """Delete what is due, for ever."""
        while True:
            self._woken.clear()
            next_due = await self.work()
            await self._until(next_due)

    async def work(self) -> float | None:
        """Delete all that is due now; return when the next is, None if nothing is wanted."""
        while rows := await self._ledger.due(self._clock.now(), _AT_ONCE):
            settled = await asyncio.gather(*(self._delete(row) for row in rows))
            for row in settled:
                await self._ledger.settle(row)
        return await self._ledger.next_due()

    async def finish(self, run: RunId | None = None) -> None:
        """Delete what is wanted, of one run or of all; return when nothing of it is any more."""
        while (due := await self.work()) is not None and (run is None or await self._wants(run)):
            await self._clock.sleep_until(due)

    async def _wants(self, run: RunId) -> bool:
        return any(row.state == "wanted" for row in await self._ledger.of(run))

    async def _until(self, at: float | None) -> None:
        """Wait until a time, or until something new is wanted."""
        waits: list[asyncio.Future[object]] = [asyncio.ensure_future(self._woken.wait())]
        if at is not None:
            waits.append(asyncio.ensure_future(self._clock.sleep_until(at)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _delete(self, row: DeletionRow) -> DeletionRow:
        """Try once and return what became of it."""
        tries, artifact = row.tries + 1, row.deletion.artifact
        try:
            await self._drivers(row.namespace)(artifact).delete(artifact)
        except NotFound:
            pass  # gone is gone
        except Transient as exc:
            if tries < self._backoff.tries:
                wait = max(self._backoff.wait(tries), exc.retry_after)
                due_at = self._clock.now() + wait
                return replace(row, tries=tries, due_at=due_at, error=str(exc))
            text = f"timed out waiting for the condition: {exc}"
            return replace(row, state="failed", tries=tries, error=text)
        except TiphysError as exc:
            return replace(row, state="failed", tries=tries, error=str(exc))
        return replace(row, state="deleted", tries=tries, error="")

    async def condition(self, run: RunId) -> Condition | None:
        """Return the condition about what could not be deleted, None if nothing failed."""
        failed = [row for row in await self._ledger.of(run) if row.state == "failed"]
        return failure_condition((row.error, row.deletion.task) for row in failed)

    async def is_over(self, run: RunId, force: bool = False) -> bool:
        """Tell whether the finalizer may go: all is deleted, or with `force` nothing is tried."""
        states = {row.state for row in await self._ledger.of(run)}
        return "wanted" not in states and (force or "failed" not in states)
