"""The loop of one run: inputs, handle, append, dispatch. Commit, then act.

There is one such loop for each run that this process owns. A failed commit throws the run in
memory away; there is no undo. What the world may have lost is sent again from the state when the
run is loaded (`outstanding`), what it has too much is found by asking it (`_resync`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from tiphys.compile.admit import recompile
from tiphys.controller.mailbox import Mailbox
from tiphys.controller.timers import Timers
from tiphys.engine.outstanding import outstanding
from tiphys.engine.run import Run
from tiphys.engine.state import State
from tiphys.engine.status import node_status, workflow_document
from tiphys.errors import Corrupt, EngineBug, LostOwnership
from tiphys.messages import (
    Began,
    ClearTimer,
    Command,
    Event,
    Input,
    JobReported,
    RunAdmitted,
    RunDone,
    SetTimer,
    StartJob,
    StopJob,
    TimerFired,
)
from tiphys.model.base import Json
from tiphys.model.ids import NodeId, RunId
from tiphys.ports import Changes, Clock, Intake, Journal, Runtime, Update

_log = logging.getLogger(__name__)
_SNAPSHOT_EVERY = 20_000
_GRACE_SECONDS = 30.0
_STATE = msgspec.msgpack.Decoder(State)


@dataclass(frozen=True, slots=True)
class Ports:
    """What a run's loop works with. `watched` is called after each commit with what changed."""

    journal: Journal
    intake: Intake
    runtime: Runtime
    clock: Clock
    owner: str
    watched: Callable[[Update], None] | None = None


class RunLoop:
    """Drives one run to its end."""

    def __init__(self, run: RunId, ports: Ports) -> None:
        """Prepare; nothing happens before `drive`."""
        self._id = run
        self._ports = ports
        self._mailbox = Mailbox()
        self._timers = Timers(ports.clock, self._ring)
        self._seq = 0
        self._epoch = 0
        self._taken = 0
        self._last_snapshot = 0
        self._workflow: dict[str, Json] = {}
        self._asked = asyncio.Event()

    async def drive(self) -> bool:
        """Drive the run until it is done; return False if a living owner has it.

        Raises LostOwnership if another owner takes the run over.
        """
        epoch = await self._ports.journal.claim(self._id, self._ports.owner)
        if epoch is None:
            return False
        self._epoch = epoch
        try:
            run = await self._load()
            await self._until_done(run)
        finally:
            await self._release()
        return True

    async def _release(self) -> None:
        try:
            await self._ports.journal.release(self._id, self._epoch)
        except LostOwnership:
            _log.info("run %s has another owner", self._id)

    async def close(self) -> None:
        """Let the runtime go; jobs go on."""
        await self._ports.runtime.close()

    def wake(self) -> None:
        """Look for requests of people."""
        self._asked.set()

    # ----------------------------------------------------------------------------- loading

    async def _load(self) -> Run:
        snapshot, events, self._seq = await self._ports.journal.load(self._id)
        first = events[0]
        if not isinstance(first, RunAdmitted):
            raise Corrupt(f"the journal of run {self._id} does not begin with its documents")
        if isinstance(first.workflow, dict):
            self._workflow = first.workflow
        state = _STATE.decode(snapshot) if snapshot is not None else None
        run = Run(recompile(first), first, state)
        run.fold(events)
        self._last_snapshot = self._seq
        return run

    async def _until_done(self, run: Run) -> None:
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self._reports()),
                group.create_task(self._timers.run()),
                group.create_task(self._requests()),
            ]
            await self._dispatch(outstanding(run))
            await self._resync(run)
            if not run.state.started_at:
                self._mailbox.put(Began(at=self._ports.clock.now()))
            while not run.state.done:
                await self._turn(run, await self._mailbox.batch())
            for task in helpers:
                task.cancel()

    async def _resync(self, run: Run) -> None:
        """Stop what still runs of the run's jobs and is not wanted any more."""
        for job in await self._ports.runtime.present(self._id):
            node = run.state.nodes.get(job)
            if node is None or node.fulfilled:
                await self._ports.runtime.stop(job, _GRACE_SECONDS)

    # ----------------------------------------------------------------------------- turning

    async def _turn(self, run: Run, batch: Sequence[tuple[Input, int]]) -> None:
        try:
            step = run.handle_all(item for item, _ in batch)
        except EngineBug as bug:
            _log.exception("run %s met a defect of the engine", self._id)
            await self._give_up(run, bug)
            return
        self._taken = max([self._taken, *(number for _, number in batch)])
        if step.events:
            await self._commit(run, step.events)
        await self._dispatch(step.commands)

    async def _commit(self, run: Run, events: Sequence[Event]) -> None:
        rows = self._rows(run)
        document = workflow_document(run, self._workflow)
        changes = Changes(
            events=events,
            nodes=rows,
            summary=msgspec.json.encode(document),
            done=run.state.done,
            taken=self._taken,
        )
        self._seq = await self._ports.journal.append(self._id, self._seq, self._epoch, changes)
        if self._seq - self._last_snapshot >= _SNAPSHOT_EVERY:
            self._last_snapshot = self._seq
            state = msgspec.msgpack.encode(run.state)
            await self._ports.journal.snapshot(self._id, self._seq, self._epoch, state)
        if self._ports.watched is not None:
            nodes = [row for _, row in rows]
            self._ports.watched(Update(document, nodes, run.state.done))

    def _rows(self, run: Run) -> list[tuple[NodeId, bytes]]:
        rows = [
            (key, msgspec.json.encode(node_status(run, run.state.nodes[key])))
            for key in run.changed
        ]
        run.changed.clear()
        return rows

    async def _give_up(self, run: Run, bug: EngineBug) -> None:
        """End a run whose engine broke: as Error, with what was decided before kept."""
        fresh = await self._load()
        event = RunDone(at=self._ports.clock.now(), phase="Error", message=str(bug))
        fresh.emit(event)
        run.state = fresh.state
        await self._commit(fresh, [event])
        for job in await self._ports.runtime.present(self._id):
            await self._ports.runtime.stop(job, 0.0)

    async def _dispatch(self, commands: Sequence[Command]) -> None:
        for command in commands:
            match command:
                case StartJob():
                    await self._ports.runtime.start(command.job)
                case StopJob():
                    await self._ports.runtime.stop(command.job, command.grace)
                case SetTimer():
                    self._timers.set(command.timer, command.at)
                case ClearTimer():
                    self._timers.clear(command.timer)

    # ----------------------------------------------------------------------------- sources

    async def _reports(self) -> None:
        async for report in self._ports.runtime.watch():
            self._mailbox.put(JobReported(at=self._ports.clock.now(), report=report))

    def _ring(self, timer: str) -> None:
        self._mailbox.put(TimerFired(at=self._ports.clock.now(), timer=timer))

    async def _requests(self) -> None:
        """Bring what people asked for, in order; a commit says up to which it was answered."""
        seen = 0
        while True:
            self._asked.clear()
            for number, item in await self._ports.intake.pending(self._id, seen):
                seen = number
                asked = msgspec.structs.replace(item, at=self._ports.clock.now())
                self._mailbox.put(asked, number)
            await self._asked.wait()
