"""Many runs in one process: a loop for each, and one ear for the requests of people."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence

from tiphys.controller.failures import reason_of
from tiphys.controller.loop import Ports, RunLoop
from tiphys.controller.retention import Retention
from tiphys.errors import LostOwnership, TiphysError, Transient, WorldError
from tiphys.model.ids import RunId
from tiphys.ports import RunRow, Runtime, Update

_log = logging.getLogger(__name__)


_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_LOOK_SECONDS = 0.1
_SWEEP_SECONDS = 60.0
SOON_SECONDS = 600.0
"""How long an engine with nothing else to do stays for something that is to be deleted."""


class Engine:
    """Drives runs. `runtime_for` makes the runtime of one run."""

    def __init__(
        self,
        ports: Ports,
        runtime_for: Callable[[RunRow], Runtime],
        retention: Retention | None = None,
    ) -> None:
        """Prepare; nothing runs yet. `serve` sees to ended runs by `retention`."""
        self._ports = ports
        self._journal = ports.journal
        self._intake = ports.intake
        self._clock = ports.clock
        self._runtime_for = runtime_for
        self._loops: dict[RunId, RunLoop] = {}
        self._refused: set[RunId] = set()
        self._retention = retention
        self._ended = asyncio.Event()
        self._just_ended: set[RunId] = set()
        self._next_due = math.inf
        self._is_reached = True

    async def drive(self, row: RunRow, watched: Callable[[Update], None] | None = None) -> bool:
        """Drive one run to its end; return False if a living owner has it.

        Raises LostOwnership if another takes it over, and what else keeps it from going on; the
        run is as it was committed last then, and anyone may drive it further.
        """
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

    async def serve(self, idle_seconds: float, stays: Callable[[], bool] = lambda: False) -> None:
        """Drive every unfinished run nobody drives, until there has been none for a while.

        It goes on as long as `stays` says so.
        """
        idle_since = self._clock.now()
        async with asyncio.TaskGroup() as group:
            helpers = [group.create_task(self._listen()), group.create_task(self._tidy())]
            while True:
                for row in await self._claimable():
                    if row.run not in self._loops and row.run not in self._refused:
                        self._loops[row.run] = self._loop(row)
                        group.create_task(self._keep(row))
                is_due = self._next_due <= self._clock.now() + SOON_SECONDS
                if self._loops or is_due or stays():
                    idle_since = self._clock.now()
                elif self._clock.now() - idle_since >= idle_seconds:
                    break
                await self._clock.sleep_until(self._clock.now() + _LOOK_SECONDS)
            for task in helpers:
                task.cancel()

    async def _claimable(self) -> Sequence[RunRow]:
        """Return what nobody drives; nothing while the store cannot be reached."""
        try:
            found = await self._journal.claimable()
        except Transient as exc:
            if self._is_reached:
                _log.warning("runs cannot be looked for: %s", exc)
            self._is_reached = False
            await self._clock.sleep_until(self._clock.now() + exc.retry_after)
            return ()
        self._is_reached = True
        return found

    async def _tidy(self) -> None:
        """See to ended runs, for ever: when one has ended, when one is due, and now and then."""
        again_at = -math.inf
        while self._retention is not None:
            self._ended.clear()
            ended, self._just_ended = self._just_ended, set()
            now = self._clock.now()
            try:
                if now >= again_at:
                    again_at = now + _SWEEP_SECONDS
                    due = await self._retention.sweep()
                else:
                    due = await self._retention.follow(ended)
            except TiphysError as exc:
                due, again_at = None, now + _SWEEP_SECONDS
                self._just_ended |= ended
                _log.warning("ended runs cannot be looked at: %s", exc)
            self._next_due = math.inf if due is None else due
            await self._until(min(self._next_due, again_at))

    async def _until(self, at: float) -> None:
        """Return at that time, or when a run has ended."""
        sleep = asyncio.ensure_future(self._clock.sleep_until(at))
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({sleep, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            ended.cancel()

    def _loop(self, row: RunRow, watched: Callable[[Update], None] | None = None) -> RunLoop:
        return RunLoop(row.run, self._ports, self._runtime_for(row), watched)

    async def _keep(self, row: RunRow) -> None:
        """Drive a run; after a failure that may pass, load it again and go on."""
        pause = _FIRST_PAUSE_SECONDS
        try:
            while not await self._safely(row.run, self._loops[row.run]):
                await self._clock.sleep_until(self._clock.now() + pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
                self._loops[row.run] = self._loop(row)
        finally:
            self._loops.pop(row.run, None)
            if self._retention is not None:
                self._next_due = min(self._next_due, self._clock.now())
                self._just_ended.add(row.run)
            self._ended.set()

    async def _safely(self, run: RunId, loop: RunLoop) -> bool:
        """The per-run boundary: what goes wrong with one run does not touch the others.

        False: the run is to be loaded again, later.
        """
        again = False
        try:
            await loop.drive()
        except* LostOwnership:
            _log.info("run %s has another owner", run)
        except* Transient as group:
            again = True
            _log.warning("run %s is interrupted: %s", run, reason_of(group))
        except* WorldError:
            again = True
            _log.exception("run %s is interrupted", run)
        except* Exception:  # noqa: BLE001 - the per-run boundary
            self._refused.add(run)
            _log.exception("run %s cannot be driven", run)
        finally:
            await loop.close()
        return not again
