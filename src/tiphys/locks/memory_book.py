"""A book in memory: heaps for queues, lost with the process."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from tiphys.locks.book import (
    Book,
    Entry,
    Key,
    is_block,
    key_of,
    names_of,
    peer_of,
    rank_of,
)
from tiphys.messages import Lock, LocksWanted
from tiphys.model.ids import RunId

_Place: TypeAlias = tuple[tuple[int, float, str], int]
"""The rank, and the number in the order of arrival."""
_Alike: TypeAlias = dict[tuple[str, ...], dict[Key, LocksWanted]]
"""Questions by the locks they want, each in the order of arrival."""

_SPARE = 16


@dataclass(slots=True)
class _Queue:
    """Those who wait for one lock. The heap also has some who wait no longer."""

    heap: list[tuple[_Place, Key]] = field(default_factory=list)
    waiting: dict[Key, _Place] = field(default_factory=dict)
    peers: dict[str, _Alike] = field(default_factory=dict)

    def add(self, place: _Place, wanted: LocksWanted) -> None:
        """Take a place."""
        key = key_of(wanted)
        self.waiting[key] = place
        heapq.heappush(self.heap, (place, key))
        _put(self.peers.setdefault(peer_of(wanted), {}), wanted)

    def remove(self, wanted: LocksWanted) -> None:
        """Leave, and clear the heap once most of it has left."""
        del self.waiting[key_of(wanted)]
        alike = self.peers[peer_of(wanted)]
        _take(alike, wanted)
        if not alike:
            del self.peers[peer_of(wanted)]
        if len(self.heap) > 2 * len(self.waiting) + _SPARE:
            self.heap = [(place, key) for key, place in self.waiting.items()]
            heapq.heapify(self.heap)

    def first(self) -> Key | None:
        """Return who is first."""
        while self.heap:
            place, key = self.heap[0]
            if self.waiting.get(key) == place:
                return key
            heapq.heappop(self.heap)
        return None


class MemoryBook(Book):
    """Who holds and who waits. `database_limits` are those of database semaphores, by name."""

    def __init__(self, database_limits: Mapping[str, int] | None = None) -> None:
        """Start empty."""
        self._database_limits = {} if database_limits is None else database_limits
        self._entries: dict[Key, Entry] = {}
        self._arrivals = 0
        self._limits: dict[str, int] = {}
        self._holders: dict[str, dict[Key, LocksWanted]] = {}
        self._queues: dict[str, _Queue] = {}
        self._groups: dict[str, set[str]] = {}
        self._waits: dict[RunId, _Alike] = {}
        self._questions: dict[RunId, dict[str, None]] = {}
        self._blocks = 0
        self._contested: dict[Lock, int] = {}

    def find(self, key: Key) -> Entry | None:
        """Return what is known of a question."""
        return self._entries.get(key)

    def limit(self, name: str) -> int | None:
        """Return the last known limit of a semaphore, None if it was never known."""
        return self._limits.get(name)

    def set_limit(self, name: str, limit: int) -> None:
        """Keep a limit."""
        self._limits[name] = limit

    def database_limit(self, name: str) -> int | None:
        """Return the limit that people gave a semaphore of the database, None without one."""
        return self._database_limits.get(name.removeprefix("sem/"))

    def count(self, name: str) -> int:
        """Return how many hold a lock."""
        return len(self._holders.get(name, ()))

    def holders(self, name: str) -> Sequence[LocksWanted]:
        """Return those who hold a lock, by the name of the holder."""
        return sorted(self._holders.get(name, {}).values(), key=lambda one: one.holder)

    def first(self, name: str) -> LocksWanted | None:
        """Return who heads a lock's queue."""
        queue = self._queues.get(name)
        key = None if queue is None else queue.first()
        return None if key is None else self._entries[key].wanted

    def peers(self, name: str, peer: str) -> Iterable[LocksWanted]:
        """Return peers that wait for a lock: of those that want the same locks, the first."""
        queue = self._queues.get(name)
        return _firsts(queue.peers.get(peer, {})) if queue is not None else []

    def waits(self, run: RunId) -> Iterable[LocksWanted]:
        """Return what a run waits for: of questions that want the same locks, the first."""
        return _firsts(self._waits.get(run, {}))

    def has_blocks(self) -> bool:
        """Tell whether anybody waits for several locks at once."""
        return self._blocks > 0

    def queues(self, group: str) -> Sequence[str]:
        """Return the names "<group>/..." that somebody waits for, in order."""
        return sorted(self._groups.get(group, ()))

    def contested(self) -> Sequence[Lock]:
        """Return the semaphores that somebody waits for."""
        return list(self._contested)

    def questions(self, run: RunId) -> Sequence[str]:
        """Return all questions of a run, in the order they were asked."""
        return list(self._questions.get(run, ()))

    def runs(self) -> Sequence[RunId]:
        """Return the runs that hold something or wait."""
        return list(self._questions)

    def wait(self, wanted: LocksWanted) -> None:
        """Put a question that is not in the book into the queues of its locks."""
        self._arrivals += 1
        self._entries[key_of(wanted)] = Entry(wanted, held=False)
        self._questions.setdefault(wanted.run, {})[wanted.question] = None
        for name in names_of(wanted):
            if name not in self._queues:
                self._queues[name] = _Queue()
                self._groups.setdefault(_group(name), set()).add(name)
            self._queues[name].add((rank_of(wanted), self._arrivals), wanted)
        _put(self._waits.setdefault(wanted.run, {}), wanted)
        self._count_waiting(wanted, 1)

    def grant(self, key: Key) -> None:
        """Let a question that waits hold all of its locks."""
        wanted = self._entries[key].wanted
        self._leave_queues(wanted)
        self._entries[key] = Entry(wanted, held=True)
        for name in names_of(wanted):
            self._holders.setdefault(name, {})[key] = wanted

    def adopt(self, key: Key) -> None:
        """Do nothing: there is no other process."""

    def remove(self, key: Key) -> None:
        """Forget a question. Unknown question: no effect."""
        known = self._entries.pop(key, None)
        if known is None:
            return
        del self._questions[key.run][key.question]
        if not self._questions[key.run]:
            del self._questions[key.run]
        if not known.held:
            self._leave_queues(known.wanted)
            return
        for name in names_of(known.wanted):
            del self._holders[name][key]
            if not self._holders[name]:
                del self._holders[name]

    def _leave_queues(self, wanted: LocksWanted) -> None:
        for name in names_of(wanted):
            self._queues[name].remove(wanted)
            if not self._queues[name].waiting:
                del self._queues[name]
                self._groups[_group(name)].remove(name)
        alike = self._waits[wanted.run]
        _take(alike, wanted)
        if not alike:
            del self._waits[wanted.run]
        self._count_waiting(wanted, -1)

    def _count_waiting(self, wanted: LocksWanted, step: int) -> None:
        if is_block(wanted):
            self._blocks += step
        for lock in wanted.locks:
            if lock.kind == "semaphore":
                self._contested[lock] = self._contested.get(lock, 0) + step
                if not self._contested[lock]:
                    del self._contested[lock]


def _group(name: str) -> str:
    return name.partition("/")[0]


def _put(alike: _Alike, wanted: LocksWanted) -> None:
    alike.setdefault(names_of(wanted), {})[key_of(wanted)] = wanted


def _take(alike: _Alike, wanted: LocksWanted) -> None:
    names = names_of(wanted)
    del alike[names][key_of(wanted)]
    if not alike[names]:
        del alike[names]


def _firsts(alike: _Alike) -> list[LocksWanted]:
    return [next(iter(group.values())) for group in alike.values()]
