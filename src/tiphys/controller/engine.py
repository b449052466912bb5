"""Many runs in one process: a loop for each, and one ear for the requests of people."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from tiphys.controller.loop import Ports, RunLoop
from tiphys.errors import LostOwnership, TiphysError
from tiphys.model.ids import RunId
from tiphys.ports import Clock, Intake, Journal, RunRow, Runtime, Update

_log = logging.getLogger(__name__)


class Engine:
    """Drives runs. `runtime_for` makes the runtime of one run."""

    def __init__(
        self,
        journal: Journal,
        intake: Intake,
        runtime_for: Callable[[RunRow], Runtime],
        clock: Clock,
        owner: str,
    ) -> None:
        """Prepare; nothing runs yet."""
        self._journal = journal
        self._intake = intake
        self._runtime_for = runtime_for
        self._clock = clock
        self._owner = owner
        self._loops: dict[RunId, RunLoop] = {}
        self._refused: set[RunId] = set()

    async def drive(self, row: RunRow, watched: Callable[[Update], None] | None = None) -> bool:
        """Drive one run to its end; return False if a living owner has it."""
        loop = self._loop(row, watched)
        self._loops[row.run] = loop
        try:
            async with asyncio.TaskGroup() as group:
                ear = group.create_task(self._listen())
                mine = await loop.drive()
                ear.cancel()
        finally:
            self._loops.pop(row.run, None)
            await loop.close()
        return mine

    async def _listen(self) -> None:
        while True:
            await self._intake.wait()
            for loop in [*self._loops.values()]:
                loop.wake()

    async def serve(self, idle_seconds: float) -> None:
        """Drive every unfinished run nobody drives, until there has been none for a while."""
        idle_since = self._clock.now()
        async with asyncio.TaskGroup() as group:
            ear = group.create_task(self._listen())
            while True:
                for row in await self._journal.claimable():
                    if row.run not in self._loops and row.run not in self._refused:
                        self._loops[row.run] = loop = self._loop(row)
                        group.create_task(self._safely(row.run, loop))
                if self._loops:
                    idle_since = self._clock.now()
                elif self._clock.now() - idle_since >= idle_seconds:
                    break
                await self._clock.sleep_until(self._clock.now() + 0.1)
            ear.cancel()

    def _loop(self, row: RunRow, watched: Callable[[Update], None] | None = None) -> RunLoop:
        runtime = self._runtime_for(row)
        ports = Ports(self._journal, self._intake, runtime, self._clock, self._owner, watched)
        return RunLoop(row.run, ports)

    async def _safely(self, run: RunId, loop: RunLoop) -> None:
        """The per-run boundary: what goes wrong with one run does not touch the others."""
        try:
            await loop.drive()
        except* LostOwnership:
            _log.info("run %s has another owner", run)
        except* TiphysError:
            self._refused.add(run)
            _log.exception("run %s cannot be driven", run)
        finally:
            self._loops.pop(run, None)
            await loop.close()
