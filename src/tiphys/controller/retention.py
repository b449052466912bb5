"""Ended runs: deleted when they have expired or are too many, their pods when it is time.

Looked at from the outside, again and again: what is due follows from the stored summaries, and
doing it twice does no harm, so a crash between deciding and deleting loses nothing. Now and then
all are looked at, some at a time, in between only those that have just ended or are due: what it
costs in time and memory that a run ends does not grow with how many have. A run is
claimed first, so that nobody goes on with it meanwhile, and looked at again. What is decided is
in `engine/cleanup.py`.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec

from tiphys.controller import bundle
from tiphys.controller.collecting import Collector
from tiphys.engine.cleanup import Ended, Kept, dropped_jobs, surplus
from tiphys.errors import NotFound, TiphysError
from tiphys.model.ids import RunId
from tiphys.ports import Clock, EndedRow, Journal, Queries, RunRow, Runtime

_log = logging.getLogger(__name__)
_SOME: Final = 500
"""Ended runs that are read at a time."""


class _Due(msgspec.Struct, frozen=True):
    """When an ended run is deleted, and its pods before; the claims that it needs no more.

    `artifacts` says that some are deleted because it has ended.
    """

    expires: float | None = None
    pods: float | None = None
    claims: tuple[str, ...] = ()
    artifacts: bool = False


class _Status(msgspec.Struct, frozen=True):
    phase: str = ""


class _Summary(msgspec.Struct, frozen=True):
    """What of a summary counts here; summaries from before say nothing and are kept."""

    due: _Due = _Due()
    status: _Status = _Status()


_SUMMARY = msgspec.json.Decoder(_Summary)


class _Named(msgspec.Struct, frozen=True):
    name: str = ""


class _Claim(msgspec.Struct, frozen=True):
    metadata: _Named = _Named()


class _Spec(msgspec.Struct, rename="camel", frozen=True):
    volume_claim_templates: tuple[_Claim, ...] = ()


class _Document(msgspec.Struct, rename="camel", frozen=True):
    spec: _Spec = _Spec()
    stored_workflow_template_spec: _Spec = _Spec()


_DOCUMENT = msgspec.json.Decoder(_Document)


def claims_of(row: RunRow) -> list[str]:
    """Return the names of a run's volumeClaimTemplates, its own or those of its template."""
    own = _DOCUMENT.decode(row.document).spec
    stored = _DOCUMENT.decode(row.extras).stored_workflow_template_spec
    claims = (*own.volume_claim_templates, *stored.volume_claim_templates)
    return list(dict.fromkeys(claim.metadata.name for claim in claims))


@dataclass(frozen=True, slots=True)
class Yard:
    """Where ended runs lie.

    `forget` deletes one with everything that belongs to it, `delete_claims` the volumes that it
    made from these volumeClaimTemplates. `collector` deletes artifacts.
    """

    journal: Journal
    queries: Queries
    clock: Clock
    owner: str
    runtime_for: Callable[[RunRow], Runtime]
    forget: Callable[[RunRow], Awaitable[None]]
    delete_claims: Callable[[RunRow, Sequence[str]], Awaitable[None]]
    collector: Collector | None = None


class Retention:
    """Sees to ended runs."""

    def __init__(self, yard: Yard, kept: Kept) -> None:
        """Prepare; nothing happens before `sweep`."""
        self._yard = yard
        self._kept = kept
        self._cleared: set[RunId] = set()
        self._unclaimed: set[RunId] = set()
        self._collected: dict[RunId, int] = {}
        self._times: list[tuple[float, RunId]] = []

    async def sweep(self) -> float | None:
        """Delete what is due; return when something will be next (epoch seconds), None if never.

        All ended runs are looked at. What cannot be deleted now is left for the next time.
        """
        self._times = []
        beyond = await self._beyond()
        met: set[RunId] = set()
        async for row in self._every():
            await self._look_at(row, beyond)
            if row.run in self._cleared or row.run in self._unclaimed or row.run in self._collected:
                met.add(row.run)
        self._cleared &= met  # others may have deleted some
        self._unclaimed &= met
        self._collected = {run: what for run, what in self._collected.items() if run in met}
        return await self._next()

    async def follow(self, ended: Collection[RunId]) -> float | None:
        """Do the same, but look only at these, which have ended, and those whose time has come."""
        if self._kept != Kept():  # one that ends may be one too many of all
            return await self.sweep()
        now = self._yard.clock.now()
        wanted = {*ended}
        while self._times and self._times[0][0] <= now:
            wanted.add(heapq.heappop(self._times)[1])
        for row in await self._yard.queries.ended_of([*wanted]):
            await self._look_at(row, frozenset())
        return await self._next()

    async def _every(self) -> AsyncIterator[EndedRow]:
        after = ""
        while rows := await self._yard.queries.ended(after, _SOME):
            for row in rows:
                yield row
            after = rows[-1].run
            await asyncio.sleep(0)  # others have their turn

    async def _beyond(self) -> Collection[str]:
        """Return the runs beyond what is kept."""
        if self._kept == Kept():
            return frozenset()
        ended = [
            Ended(row.run, _SUMMARY.decode(row.summary).status.phase, row.created_at)
            async for row in self._every()
        ]
        return frozenset(surplus(ended, self._kept))

    async def _next(self) -> float | None:
        times = [self._times[0][0]] if self._times else []
        if self._yard.collector is not None:
            wanted = await self._yard.collector.gc.work()
            times += [] if wanted is None else [wanted]
        return min(times, default=None)

    async def _look_at(self, row: EndedRow, beyond: Collection[str]) -> None:
        """See to an ended run, and note when to look again."""
        now = self._yard.clock.now()
        due = _SUMMARY.decode(row.summary).due
        if row.run in beyond or (due.expires is not None and due.expires <= now):
            await self._safely(row, self._delete)
            return
        times = [] if due.expires is None else [due.expires]
        times += await self._look_after(row, due, now)
        if times:
            heapq.heappush(self._times, (min(times), row.run))

    async def _look_after(self, row: EndedRow, due: _Due, now: float) -> list[float]:
        """See to what an ended run has left; return when to look again."""
        if due.artifacts and self._collected.get(row.run) != hash(row.summary):
            await self._safely(row, self._collect)
        if due.claims and row.run not in self._unclaimed:
            await self._safely(row, partial(self._unclaim, due.claims))
        if due.pods is None or row.run in self._cleared:
            return []
        if due.pods > now:
            return [due.pods]
        await self._safely(row, self._clear)
        return []

    async def _safely(self, row: EndedRow, act: Callable[[RunRow], Awaitable[None]]) -> None:
        """Do something with a run that is still as it was, and nobody else's."""
        try:
            epoch = await self._yard.journal.claim(row.run, self._yard.owner)
            if epoch is None:
                return
            fresh = await self._yard.queries.find(row.namespace, row.name)
            if fresh.run == row.run and fresh.done and fresh.summary == row.summary:
                await act(fresh)
            await self._yard.journal.release(row.run, epoch)
        except NotFound:
            _log.info("run %s was deleted by somebody else", row.run)
        except (TiphysError, OSError) as exc:
            _log.warning("run %s cannot be cleaned up yet: %s", row.run, exc)

    async def _delete(self, row: RunRow) -> None:
        await self._yard.forget(row)
        self._cleared.discard(row.run)
        self._unclaimed.discard(row.run)
        self._collected.pop(row.run, None)

    async def _collect(self, row: RunRow) -> None:
        if self._yard.collector is not None:
            await self._yard.collector.note(row)
        self._collected[row.run] = hash(row.summary)

    async def _unclaim(self, claims: Sequence[str], row: RunRow) -> None:
        await self._yard.delete_claims(row, claims)
        self._unclaimed.add(row.run)

    async def _clear(self, row: RunRow) -> None:
        """Drop the pods of an ended run that its strategy drops, if any are left."""
        runtime = self._yard.runtime_for(row)
        try:
            left = set(await runtime.kept(row.run))
            if left:
                snapshot, events, _ = await self._yard.journal.load(row.run)
                for job in dropped_jobs(bundle.revive(snapshot, events)):
                    if job in left:
                        await runtime.forget(row.run, job)
            self._cleared.add(row.run)
        finally:
            await runtime.close()
