"""Virtual time for asyncio: when nothing is left to do, time jumps to the next thing that is due.

`run` runs a coroutine in a loop whose time is virtual, `JumpingClock` is the Clock port on it. A
year passes in the time the work in it takes, always in the same order. If nothing can ever happen
again, `idle()` returns; a loop in which nobody waits for that raises `Stalled` instead of hanging.
"""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

BEGINNING = 1_700_000_000.0
_RESOLUTION = 5e-7
"""Two steps of a float of this size: asyncio takes what is due within it for due now."""
_Result = TypeVar("_Result")
_Events = list[tuple[selectors.SelectorKey, int]]


class Stalled(Exception):
    """Everything waits, and nothing that is waited for will ever happen."""


class _JumpingSelector(selectors.BaseSelector):
    """Never waits: it lets the time pass instead."""

    def __init__(self) -> None:
        self._inner = selectors.DefaultSelector()
        self.now = BEGINNING
        self.idle: list[asyncio.Future[None]] = []

    def select(self, timeout: float | None = None) -> _Events:
        """Return what is ready; if nothing is, move the time on by `timeout`."""
        ready = self._inner.select(0)
        if ready or timeout == 0:
            return ready
        if timeout is not None:
            self.now += timeout
        elif self.idle:
            for waiter in self.idle:
                if not waiter.done():
                    waiter.set_result(None)
            self.idle.clear()
        else:
            raise Stalled("everything waits, and nothing will ever happen")
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Watch a file."""
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """Watch a file no longer."""
        return self._inner.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """Return what is watched."""
        found: Mapping[Any, selectors.SelectorKey] = self._inner.get_map()
        return found

    def close(self) -> None:
        """Release what the selector holds."""
        self._inner.close()


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual, in seconds since the epoch."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self._clock_resolution = _RESOLUTION

    def time(self) -> float:
        """Return the virtual time."""
        return self._jumping.now

    async def idle(self) -> None:
        """Return when nothing else will ever happen."""
        waiter: asyncio.Future[None] = self.create_future()
        self._jumping.idle.append(waiter)
        await waiter


class JumpingClock:
    """The Clock port on the loop's virtual time."""

    def now(self) -> float:
        """Return the virtual seconds since the epoch."""
        return asyncio.get_running_loop().time()

    async def sleep_until(self, at: float) -> None:
        """Return when it is `at`. Who sleeps for ever keeps nobody from being idle."""
        loop = asyncio.get_running_loop()
        if at == math.inf:
            await loop.create_future()
        while loop.time() < at:
            woken: asyncio.Future[None] = loop.create_future()
            handle = loop.call_at(at, _wake, woken)
            try:
                await woken
            finally:
                handle.cancel()

    async def idle(self) -> None:
        """Return when nothing else will ever happen."""
        loop = asyncio.get_running_loop()
        if not isinstance(loop, JumpingLoop):
            raise TypeError("the time of this loop is real: run it with tiphys.testing.clock.run")
        await loop.idle()


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


def run(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine in virtual time and return its result. Raises Stalled if it hangs."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(main)
