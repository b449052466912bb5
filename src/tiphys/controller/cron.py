"""Keeps CronWorkflows in step with the clock: one task for all of them.

It loads their documents, sleeps until the next due time and hands that to `due_times`, and keeps
`active`, the counters and the history in order. Source: Argo workflow/cron/controller.go;
reference/engine-operations.md 11.1.6 and 11.1.7.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final

import msgspec

from tiphys.compile.triggers.due import Timetable, missed, parse_schedules, register
from tiphys.compile.triggers.history import excess, reconciled
from tiphys.compile.triggers.outcome import COMPLETED_LABEL, with_condition
from tiphys.controller.cron_ports import CronPorts, reference_of
from tiphys.controller.due_times import DueTimes
from tiphys.errors import Conflict, InvalidDocument, NotFound, StoreError, Transient, WorldError
from tiphys.expr.errors import CronError
from tiphys.model.base import API_VERSION
from tiphys.model.codec import convert
from tiphys.model.cron import CronWorkflow
from tiphys.model.times import time_seconds
from tiphys.ports import ObjectRef

_log = logging.getLogger(__name__)

_RESTING: Final = 6
"""CronWorkflows without active workflows are looked after this many times less often."""
_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 60.0


@dataclass(slots=True)
class _Registered:
    """A CronWorkflow as it was loaded; `timetable` None: it cannot be scheduled, or has ended."""

    reference: ObjectRef
    version: bytes
    is_suspended: bool
    timetable: Timetable | None = None
    is_restless: bool = True


class CronLoop:
    """The schedules of all CronWorkflows of a store."""

    def __init__(self, ports: CronPorts) -> None:
        """Prepare; nothing is looked at yet."""
        self._ports = ports
        self._due = DueTimes(ports)
        self._crons: dict[str, _Registered] = {}
        self._loaded = False
        self._seen = 0
        self._syncs = 0
        self._next_sync = 0.0

    @property
    def has_work(self) -> bool:
        """Whether a CronWorkflow waits for its time, or nobody has looked yet."""
        tables = (item.timetable for item in self._crons.values() if not item.is_suspended)
        return not self._loaded or any(it is not None and it.next_at is not None for it in tables)

    async def run(self) -> None:
        """Work, without end; after a failure that may pass, begin again from the store."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._recover()
                while True:
                    await self._fire()
                    await self._look()
                    await self._fire()
                    await self._sync()
                    pause = _FIRST_PAUSE_SECONDS
                    await self._wait()
            except Transient as exc:
                _log.warning("schedules are interrupted: %s", exc)
            except (WorldError, StoreError):
                _log.exception("schedules are interrupted")
            await self._ports.clock.sleep_until(self._ports.clock.now() + pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _wait(self) -> None:
        """Return at the next due time, the next sync, or when an object has changed."""
        times = [item.timetable.next_at for item in self._crons.values() if item.timetable]
        wanted = [float(at) for at in times if at is not None]
        if self._crons:
            wanted.append(self._next_sync)
        change = asyncio.ensure_future(self._ports.objects.changed(self._seen))
        waits: list[asyncio.Future[int] | asyncio.Future[None]] = [change]
        if wanted:
            waits.append(asyncio.ensure_future(self._ports.clock.sleep_until(min(wanted))))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if change.done():
                self._seen = change.result()
        finally:
            for item in waits:
                item.cancel()

    async def _guarded(self, uid: str, work: Awaitable[None]) -> None:
        """The boundary of one CronWorkflow: what goes wrong with it does not touch the others."""
        try:
            await work
        except (WorldError, StoreError):
            raise
        except Exception:  # noqa: BLE001 - the boundary of one CronWorkflow
            _log.exception("CronWorkflow %s cannot be kept in step", uid)

    # ---------------------------------------------------------------------------- documents

    async def _documents(self) -> dict[str, CronWorkflow]:
        found = {}
        for document in await self._ports.objects.list(API_VERSION, "CronWorkflow", None):
            try:
                cron = convert(document, CronWorkflow)
                found[cron.metadata.uid] = cron
            except InvalidDocument:
                _log.exception("a stored CronWorkflow cannot be read")
        return found

    async def _recover(self) -> None:
        """Finish what an engine that died, or this one before a failure, left undone."""
        crons = await self._documents()
        ledger, owner = self._ports.ledger, self._ports.owner
        for left in await ledger.left(owner):
            row = await ledger.take(left.cron, left.at, owner)
            if row is None:
                continue
            cron = crons.get(row.cron)
            if cron is not None:
                await self._guarded(row.cron, self._due.finish(row, reference_of(cron)))
        for uid in await ledger.crons():
            if uid not in crons:
                await ledger.forget(uid)

    async def _look(self) -> None:
        """Load what is new or was changed, forget what is gone."""
        crons = await self._documents()
        for uid in [uid for uid in self._crons if uid not in crons]:
            del self._crons[uid]
            await self._ports.ledger.forget(uid)
        for uid, cron in crons.items():
            present = self._crons.get(uid)
            if present is None or present.version != _version(cron):
                await self._guarded(uid, self._load(cron))
        self._loaded = True

    async def _load(self, cron: CronWorkflow) -> None:
        """Register a CronWorkflow, and make up for what was missed."""
        uid, reference = cron.metadata.uid, reference_of(cron)
        before = self._crons.get(uid)
        entry = _Registered(reference, _version(cron), bool(cron.spec.suspend))
        self._crons[uid] = entry
        if cron.metadata.labels.get(COMPLETED_LABEL) == "true":
            return
        try:
            schedules = parse_schedules(cron.spec)
        except CronError as exc:
            problem = await self._ports.workflows.problem(cron) or exc.message
            await self._ports.change(reference, lambda it: with_condition(it, "SpecError", problem))
            return
        now = self._ports.clock.now()
        lost = missed(cron, schedules, now // 1, self._ports.local)
        if lost is not None and lost.runs:
            await self._due.come(uid, lost.at, reference)
        elif lost is not None:
            await self._due.miss(uid, lost.at, lost.reason, reference)
        entry.timetable = register(schedules, self._since(cron, before, now), self._ports.local)

    def _since(self, cron: CronWorkflow, before: _Registered | None, now: float) -> float:
        """Return the moment due times are counted from.

        What is due in the very second of a start, or of a change, is not lost.
        """
        if before is not None:
            pending = None if before.timetable is None else before.timetable.next_at
            return now if pending is None else min(now, pending - 1)
        created = cron.metadata.creation_timestamp
        if self._loaded or created is None:
            return now
        return max(now // 1 - 1, time_seconds(created))

    # ---------------------------------------------------------------------------- due times

    async def _fire(self) -> None:
        """Deal with every due time that has come."""
        now = self._ports.clock.now()
        for uid, entry in [*self._crons.items()]:
            if entry.timetable is None:
                continue
            at, moved = entry.timetable.take(now)
            if at is not None:
                entry.is_restless = True
                self._next_sync = min(self._next_sync, now + self._ports.sync_seconds)
                await self._guarded(uid, self._due.come(uid, at, entry.reference))
                entry.timetable = moved

    # ----------------------------------------------------------------------------- children

    async def _sync(self) -> None:
        """Bring `active`, the counters and the history up to date, when it is time."""
        now = self._ports.clock.now()
        if now < self._next_sync:
            return
        everybody = self._syncs % _RESTING == 0
        for uid, entry in [*self._crons.items()]:
            if everybody or entry.is_restless:
                await self._guarded(uid, self._sync_one(entry))
        restless = any(entry.is_restless for entry in self._crons.values())
        self._syncs = self._syncs + 1 if restless else 0
        self._next_sync = now + self._ports.sync_seconds * (1 if restless else _RESTING)

    async def _sync_one(self, entry: _Registered) -> None:
        ports = self._ports
        cron = await ports.present(entry.reference)
        if cron is None:
            return
        children = await ports.workflows.children(cron)
        context = ports.context(cron, ports.clock.now())
        await ports.change(entry.reference, lambda it: reconciled(it, children, context))
        for child in excess(cron, children):
            try:
                await ports.workflows.delete(child.namespace, child.name)
            except NotFound:
                continue
            except Conflict as exc:
                _log.warning("%s", exc)
        entry.is_restless = any(not child.done for child in children)


def _version(cron: CronWorkflow) -> bytes:
    """Return what makes a CronWorkflow be loaded again when it changes."""
    completed = cron.metadata.labels.get(COMPLETED_LABEL, "")
    return msgspec.json.encode((cron.spec, completed))
