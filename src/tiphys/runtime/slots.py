"""How many jobs run at once: one limit for all the runtimes that share it.

Every run has a runtime of its own, so a process that drives many runs gives them one `Slots`.
Who waits stands in a line and gets one slot at a time, so that no run starves another. A gang gets
all it needs at once; while it waits for that nobody overtakes it.
"""

from __future__ import annotations

import os
from collections import deque
from typing import Protocol


def default_slots() -> int:
    """Return how many jobs run at once if nobody says."""
    return max(4, 2 * len(os.sched_getaffinity(0)))


class Waiting(Protocol):
    """Who waits for slots: for `slots_needed` of them at once."""

    slots_needed: int

    def begin_next(self) -> bool:
        """Begin one job, which takes a slot unless it ends at once; tell whether more wait."""
        ...


class Slots:
    """A number of slots, and the line before them. What is adopted may exceed the number."""

    def __init__(self, count: int) -> None:
        """Let `count` jobs run at once."""
        self._count = count
        self._taken = 0
        self._line: deque[Waiting] = deque()
        self._filling = False

    def take(self) -> None:
        """Count a job that runs."""
        self._taken += 1

    def give(self, number: int = 1) -> None:
        """Count jobs that run no more; call `fill` when there is time to begin others."""
        self._taken -= number

    def join(self, who: Waiting) -> None:
        """Stand in the line."""
        if who not in self._line:
            self._line.append(who)

    def leave(self, who: Waiting) -> None:
        """Wait no longer."""
        if who in self._line:
            self._line.remove(who)

    def fill(self) -> None:
        """Begin what fits. A job that ends while it begins comes back here: one loop is enough."""
        if self._filling:
            return
        self._filling = True
        try:
            while self._line and self._has_room(self._line[0]):
                who = self._line.popleft()
                if who.begin_next():
                    self._line.append(who)
        finally:
            self._filling = False

    def _has_room(self, who: Waiting) -> bool:
        """A gang that is larger than all slots begins when everything else has ended."""
        return self._taken + min(who.slots_needed, self._count) <= self._count
