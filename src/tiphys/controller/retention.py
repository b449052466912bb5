"""Ended runs: deleted when they have expired or are too many, their pods when it is time.

Looked at from the outside, again and again: what is due follows from the stored summaries, and
doing it twice does no harm, so a crash between deciding and deleting loses nothing. A run is
claimed first, so that nobody goes on with it meanwhile, and looked at again. What is decided is
in `engine/cleanup.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from tiphys.controller import bundle
from tiphys.controller.collecting import Collector
from tiphys.engine.cleanup import Ended, Kept, dropped_jobs, surplus
from tiphys.errors import NotFound, TiphysError
from tiphys.model.ids import RunId
from tiphys.ports import Clock, EndedRow, Journal, Queries, RunRow, Runtime

_log = logging.getLogger(__name__)


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
        self._collected: dict[RunId, bytes] = {}

    async def sweep(self) -> float | None:
        """Delete what is due; return when something will be next (epoch seconds), None if never.

        What cannot be deleted now is left for the next time.
        """
        now = self._yard.clock.now()
        rows = [(row, _SUMMARY.decode(row.summary)) for row in await self._yard.queries.ended()]
        beyond = self._beyond(rows)
        times: list[float] = []
        for row, said in rows:
            expires = said.due.expires
            if row.run in beyond or (expires is not None and expires <= now):
                await self._safely(row, self._delete)
                continue
            times += [] if expires is None else [expires]
            times += await self._look_after(row, said.due, now)
        if self._yard.collector is not None:
            wanted = await self._yard.collector.gc.work()
            times += [] if wanted is None else [wanted]
        return min(times, default=None)

    async def _look_after(self, row: EndedRow, due: _Due, now: float) -> list[float]:
        """See to what an ended run has left; return when to look again."""
        if due.artifacts and self._collected.get(row.run) != row.summary:
            await self._safely(row, self._collect)
        if due.claims and row.run not in self._unclaimed:
            await self._safely(row, partial(self._unclaim, due.claims))
        if due.pods is None or row.run in self._cleared:
            return []
        if due.pods > now:
            return [due.pods]
        await self._safely(row, self._clear)
        return []

    def _beyond(self, rows: Sequence[tuple[EndedRow, _Summary]]) -> set[str]:
        ended = (Ended(row.run, said.status.phase, row.created_at) for row, said in rows)
        return set(surplus(ended, self._kept))

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
        self._collected[row.run] = row.summary

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
