"""A run's wake-ups: a heap of times, and one task that sleeps until the first."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

from tiphys.ports import Clock


class Timers:
    """Named timers of one run."""

    def __init__(self, clock: Clock) -> None:
        """Start without timers."""
        self._clock = clock
        self._times: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._changed = asyncio.Event()

    def set(self, name: str, at: float) -> None:
        """Ring at `at` (epoch seconds); replaces a timer of that name."""
        self._times[name] = at
        heapq.heappush(self._heap, (at, name))
        self._changed.set()

    def clear(self, name: str) -> None:
        """Forget a timer."""
        self._times.pop(name, None)

    async def run(self, fire: Callable[[str], None]) -> None:
        """Call `fire(name)` when the time of one has come, for ever.

        It is not kept: whoever it belongs to has these timers, and would be in a cycle with them.
        """
        while True:
            self._changed.clear()
            self._ring(fire)
            if not self._heap:
                await self._changed.wait()
                continue
            sleep = asyncio.ensure_future(self._clock.sleep_until(self._heap[0][0]))
            change = asyncio.ensure_future(self._changed.wait())
            try:
                await asyncio.wait({sleep, change}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleep.cancel()
                change.cancel()

    def _ring(self, fire: Callable[[str], None]) -> None:
        now = self._clock.now()
        while self._heap and (self._heap[0][0] <= now or not self._is_set(self._heap[0])):
            at, name = heapq.heappop(self._heap)
            if self._is_set((at, name)):
                del self._times[name]
                fire(name)

    def _is_set(self, item: tuple[float, str]) -> bool:
        return self._times.get(item[1]) == item[0]
