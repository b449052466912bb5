"""Keeps Workflow objects and the runs behind them in step.

An object without a run becomes one, under its uid, so it is done once. What its run says is written
into the object as it changes. An object that is deleted takes its run with it. Objects are made by
resource templates; that of a run submitted otherwise is made when somebody asks for it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from tiphys.compile.workloads.faces import held, is_rejected, mirrored, rejected, released
from tiphys.compile.workloads.reading import is_going, part, text, uid_of
from tiphys.controller.object_ports import ObjectPorts
from tiphys.errors import Conflict, NotFound, UserError
from tiphys.model.base import JsonObject
from tiphys.model.ids import RunId
from tiphys.ports import ObjectRef, RunRow

_log = logging.getLogger(__name__)
_LOOK_SECONDS: Final = 0.2
_DRIVE_SECONDS: Final = 2.0


class Faces:
    """The Workflow objects of a store."""

    def __init__(self, ports: ObjectPorts, group: asyncio.TaskGroup) -> None:
        """Prepare; child workflows are driven by tasks of `group`."""
        self._ports = ports
        self._group = group
        self._live: dict[ObjectRef, bytes] = {}
        self._driving: dict[RunId, asyncio.Task[None]] = {}
        self._next_drive: dict[RunId, float] = {}
        self._next = 0.0

    @property
    def has_work(self) -> bool:
        """Whether a child workflow has not ended."""
        return bool(self._live)

    @property
    def next_look(self) -> float | None:
        """When the runs are looked at next."""
        return self._next if self._live else None

    async def look(self, ref: ObjectRef) -> None:
        """Do what an object wants that is new or was changed."""
        document = await self._ports.present(ref)
        if document is None or is_rejected(document):
            self._live.pop(ref, None)
        elif is_going(document):
            await self._end(ref, document)
        elif (row := await self._run_of(ref, document)) is not None:
            await self._mirror(ref, row)

    async def poll(self) -> None:
        """Write what has changed of the runs, when it is time."""
        now = self._ports.clock.now()
        if now < self._next:
            return
        self._next = now + _LOOK_SECONDS
        for ref in [*self._live]:
            row = await self._ports.children.find(ref.namespace, ref.name)
            if row is None or self._live.get(ref) == row.summary:
                if row is not None:
                    self._drive(row)
                continue
            await self._mirror(ref, row)

    async def _run_of(self, ref: ObjectRef, document: JsonObject) -> RunRow | None:
        """Return the run of an object, begun if there is none."""
        row = await self._ports.children.find(ref.namespace, ref.name)
        uid = uid_of(document)
        if row is not None and row.run == uid:
            return row
        if held(document) and text(part(document, "status"), "phase"):
            # It had a run, which was deleted: whoever did that could not delete the object too.
            await self._ports.change(ref, released)
            await self._delete(ref)
            return None
        try:
            return await self._ports.children.submit(document)
        except (UserError, Conflict) as exc:
            why = str(exc)
            await self._ports.change(ref, lambda it: rejected(it, why))
            return None

    async def _mirror(self, ref: ObjectRef, row: RunRow) -> None:
        workflow = self._ports.children.shown(row)
        await self._ports.change(
            ref, lambda it: mirrored(it, workflow) if uid_of(it) == row.run else it
        )
        if row.done:
            self._live.pop(ref, None)
        else:
            self._live[ref] = row.summary
            self._drive(row)

    async def _end(self, ref: ObjectRef, document: JsonObject) -> None:
        self._live.pop(ref, None)
        row = await self._ports.children.find(ref.namespace, ref.name)
        if row is not None and row.run == uid_of(document):
            task = self._driving.get(row.run)
            await self._ports.children.forget(row)
            if task is not None:
                await asyncio.wait({task})
        await self._ports.change(ref, released)

    async def _delete(self, ref: ObjectRef) -> None:
        try:
            await self._ports.objects.delete(ref)
        except NotFound:
            return

    def _drive(self, row: RunRow) -> None:
        """See to it that a child workflow is driven, where no engine does that by itself."""
        now = self._ports.clock.now()
        if self._ports.drive is None or row.done or row.run in self._driving:
            return
        if now >= self._next_drive.get(row.run, 0.0):
            self._next_drive[row.run] = now + _DRIVE_SECONDS
            task = self._group.create_task(self._driven(row))
            self._driving[row.run] = task
            task.add_done_callback(lambda _: self._driving.pop(row.run, None))

    async def _driven(self, row: RunRow) -> None:
        """The boundary of one child: what goes wrong with it does not touch the others."""
        if self._ports.drive is None:
            return
        try:
            await self._ports.drive(row)
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001 - the boundary of one child workflow
            _log.exception("child workflow %s is interrupted", row.name)
