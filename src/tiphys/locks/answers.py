"""Answers on their way to the runs that asked: one box per run, emptied by its watcher."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from tiphys.locks.book import News
from tiphys.messages import Answer
from tiphys.model.ids import RunId


class _Box:
    """What is due to one run."""

    def __init__(self) -> None:
        self.items: deque[tuple[str, Answer]] = deque()
        self.arrived = asyncio.Event()
        self.watchers = 0


class Answers:
    """The boxes. A box is kept until its last watcher leaves."""

    def __init__(self) -> None:
        """Start without any."""
        self._boxes: dict[RunId, _Box] = {}

    def put(self, news: Iterable[News]) -> None:
        """Add answers, and wake those who wait for them."""
        for run, question, answer in news:
            box = self._box(run)
            box.items.append((question, answer))
            box.arrived.set()

    def next(self, run: RunId) -> tuple[str, Answer] | None:
        """Take the oldest answer out of a run's box, None if it is empty."""
        box = self._box(run)
        if box.items:
            return box.items.popleft()
        box.arrived.clear()
        return None

    async def arrived(self, run: RunId) -> None:
        """Return when an answer is there, or someone nudged."""
        await self._box(run).arrived.wait()

    def nudge(self, run: RunId | None) -> None:
        """Wake the watcher of one run without an answer; of all if None."""
        boxes = [*self._boxes.values()] if run is None else [self._box(run)]
        for box in boxes:
            box.arrived.set()

    def open(self, run: RunId) -> None:
        """Begin to watch a run's box."""
        self._box(run).watchers += 1

    def close(self, run: RunId) -> bool:
        """Watch a run's box no longer; return whether it is gone, because nobody else does."""
        self._box(run).watchers -= 1
        if self._box(run).watchers > 0:
            return False
        del self._boxes[run]
        return True

    def _box(self, run: RunId) -> _Box:
        return self._boxes.setdefault(run, _Box())
