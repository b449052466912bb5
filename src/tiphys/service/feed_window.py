"""The last changes among the workflows, in order: what watchers who are not very late read from.

Of each workflow there are the first change that was noted and the last one. So who has passed the
first has heard of the workflow, and nobody need remember what it has heard of. Entries are small;
what was made of a change is kept for a while only (`Warm`).

Used by `feed.py` alone, which asks the store; nothing is read here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tiphys.model.base import JsonObject
from tiphys.model.ids import RunId
from tiphys.ports_server import RunChange

Kind = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(slots=True)
class Made:
    """A change as the store told it, and what was made of it: documents, and of these, frames."""

    change: RunChange
    documents: dict[bool, JsonObject] = field(default_factory=dict)
    shared: dict[tuple[bool, Kind], dict[str, bytes]] = field(default_factory=dict)


@dataclass(slots=True)
class Noted:
    """That a workflow changed, under a number; `superseded`: it has changed again since.

    Under the number `first` it was told of to those who had not seen it in a list.
    """

    number: int
    born: int
    first: int
    run: RunId
    namespace: str
    name: str
    gone: bool
    made: Made | None = None
    superseded: bool = False


def noted(change: RunChange) -> Noted:
    """Return what is noted of a change."""
    item = change.item
    row, born = item.row, item.born
    names = (row.run, row.namespace, row.name)
    return Noted(item.version, born, born, *names, change.gone, Made(change))


class Warm:
    """What was made lately. The oldest goes when there is more than `most`, but for the newest.

    What counts is a workflow and each of its nodes: whole workflows are large.
    """

    def __init__(self, most: int) -> None:
        """Begin empty."""
        self._most = most
        self._kept: deque[tuple[Noted, int]] = deque()
        self._weight = 0

    def keep(self, item: Noted, weight: int) -> None:
        """Keep what is made of a change, or what has been added to it."""
        self._kept.append((item, weight))
        self._weight += weight
        while self._weight > self._most and len(self._kept) > 1:
            oldest, less = self._kept.popleft()
            self._weight -= less
            if oldest is not self._kept[-1][0]:
                oldest.made = None


class Window:
    """At most `most` changes, by number. Those after `floor` are all there."""

    def __init__(self, most: int, floor: int = 0) -> None:
        """Begin empty, after a number."""
        self._most = most
        self.floor = floor
        self.last = floor
        self._numbers: list[int] = []
        self._by_number: dict[int, Noted] = {}
        self._latest: dict[RunId, Noted] = {}

    def __len__(self) -> int:
        """Return how many changes are kept."""
        return len(self._numbers)

    def add(self, item: Noted) -> None:
        """Note a change, later than all before, in the place of an earlier one of its workflow."""
        before = self._latest.get(item.run)
        if before is not None and before.born == item.born:
            item.first = before.first
        elif item.born > self.floor:  # else it was there before all that is noted here
            item.first = item.number
        if before is not None:
            self._supersede(before)
        self._numbers.append(item.number)
        self._by_number[item.number] = item
        self._latest[item.run] = item
        self.last = item.number
        while len(self._numbers) > self._most:
            self._drop_oldest()

    def after(self, number: int, most: int) -> tuple[Sequence[Noted], int]:
        """Return the first changes after a number, and up to which number these are all.

        A workflow's first change is left out if its last one is among them.
        """
        start = bisect_right(self._numbers, number)
        some = self._numbers[start : start + most]
        end = some[-1] if len(some) == most else self.last
        found = [self._by_number[one] for one in some]
        return [one for one in found if not self._is_told_by(one, end)], end

    def holds(self, item: Noted) -> bool:
        """Tell whether somebody may still read a change from here."""
        return self._by_number.get(item.number) is item

    def latest(self, run: RunId) -> Noted | None:
        """Return the last change of a workflow, None if it is not kept."""
        return self._latest.get(run)

    def _is_told_by(self, item: Noted, end: int) -> bool:
        return item.superseded and self._latest[item.run].number <= end

    def _supersede(self, item: Noted) -> None:
        """Let go what is not the last of its workflow any more, but for the first."""
        item.superseded = True
        item.made = None
        if item.number != item.first:
            del self._by_number[item.number]
            del self._numbers[bisect_right(self._numbers, item.number) - 1]

    def _drop_oldest(self) -> None:
        self.floor = self._numbers.pop(0)
        oldest = self._by_number.pop(self.floor)
        if not oldest.superseded:
            del self._latest[oldest.run]
