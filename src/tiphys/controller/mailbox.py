"""One ordered queue of inputs for one run; what waits together is handled together.

A report that a job has started decides little, and a commit costs a write to the disk. So when
nothing else waits, such reports are held for a moment: short jobs have then ended, and one commit
tells both. Measured: a chain of 1,000 steps that do nothing makes half the commits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from tiphys.messages import Input, JobProgressed, JobReported, JobStarted
from tiphys.ports import Clock

_BATCH: Final = 512
_PATIENCE_SECONDS: Final = 0.05
"""Longer than a sandbox takes on a machine with other work, too short to be seen by a person."""
_TURNS: Final = 4
_AT_A_STRETCH: Final = 64
"""Inputs that are handled before the other tasks of this process have a turn: milliseconds."""
_SMALL_NEWS: Final = (JobStarted, JobProgressed)


class Mailbox:
    """Inputs in order of arrival, each with the number of the request it came from (0: none)."""

    def __init__(self, clock: Clock) -> None:
        """Start empty."""
        self._clock = clock
        self._items: deque[tuple[Input, int]] = deque()
        self._arrived = asyncio.Event()
        self._hurry = asyncio.Event()
        self._stretch = 0

    def put(self, item: Input, number: int = 0) -> None:
        """Add an input."""
        self._items.append((item, number))
        self._arrived.set()
        if not _is_patient(item):
            self._hurry.set()

    @property
    def waits(self) -> bool:
        """Whether an input waits."""
        return bool(self._items)

    async def has_hurry(self) -> bool:
        """Let what is under way in this process arrive; tell whether something waits and hurries.

        From a runtime to here a report takes two turns of the event loop, through a router three.
        While what is known already hurries, nobody waits for more.
        """
        if self._hurry.is_set() and self._stretch < _AT_A_STRETCH:
            return True
        self._stretch = 0
        for _ in range(_TURNS):
            await asyncio.sleep(0)
            if self._hurry.is_set():
                return True
        return False

    async def batch(self) -> list[tuple[Input, int]]:
        """Return what waits (at least one input), oldest first."""
        while not self._items:
            self._arrived.clear()
            await self._arrived.wait()
        if not self._hurry.is_set():
            await self._a_moment()
        found = [self._items.popleft() for _ in range(min(_BATCH, len(self._items)))]
        self._stretch += len(found)
        if all(_is_patient(item) for item, _ in self._items):
            self._hurry.clear()
        return found

    async def _a_moment(self) -> None:
        """Return when something arrives that hurries, or soon."""
        until = self._clock.now() + _PATIENCE_SECONDS
        sleep = asyncio.ensure_future(self._clock.sleep_until(until))
        hurry = asyncio.ensure_future(self._hurry.wait())
        try:
            await asyncio.wait({sleep, hurry}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            hurry.cancel()


def _is_patient(item: Input) -> bool:
    return isinstance(item, JobReported) and isinstance(item.report, _SMALL_NEWS)
