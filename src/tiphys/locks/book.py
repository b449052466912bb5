"""What the rules of locks need to know of who holds and who waits, wherever that is kept.

`queue.py` decides, a book remembers: in memory or in the database. A look-up costs O(log n) in the
number of those who wait, whatever it is kept in. Nothing is decided here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tiphys.messages import Answer, Lock, LocksWanted
from tiphys.model.ids import RunId

ROOM = "#room"
"""How the names of room begin; no lock of a workflow has a "#" in its name."""


class Key(NamedTuple):
    """A question: whose, and its name."""

    run: RunId
    question: str


class News(NamedTuple):
    """An answer that is due to a question."""

    run: RunId
    question: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Entry:
    """A question that stands in a book, and whether what it wants is held."""

    wanted: LocksWanted
    held: bool


def key_of(wanted: LocksWanted) -> Key:
    """Return which question it is."""
    return Key(wanted.run, wanted.question)


def name_of(lock: Lock) -> str:
    """Return the name a lock is kept under: in the database it has another name than elsewhere."""
    return lock.database or lock.key


def names_of(wanted: LocksWanted) -> tuple[str, ...]:
    """Return the names of all locks of a block, in its order."""
    return tuple(name_of(lock) for lock in wanted.locks)


def workflow_of(wanted: LocksWanted) -> str:
    """Return "<namespace>/<workflow>" of who asks."""
    return "/".join(wanted.holder.split("/")[:2])


def peer_of(wanted: LocksWanted) -> str:
    """Return what those have in common that do not wait for each other's turn.

    That is the workflow's name, whatever its namespace, and whether a node asks or the workflow.
    Source: reference/engine.md 8.2.4 rule 3.
    """
    parts = wanted.holder.split("/")
    return f"{parts[1]}/{len(parts)}" if len(parts) > 1 else wanted.holder


def rank_of(wanted: LocksWanted) -> tuple[int, float, str]:
    """Return the place in every queue; what is smaller is served first.

    Differs: where Argo leaves the order of equals to chance, per queue, the workflow's name
    decides; so all queues agree on it, and no two workflows each head a queue that the other needs.
    """
    return (-wanted.priority, wanted.created_at, workflow_of(wanted))


def is_block(wanted: LocksWanted) -> bool:
    """Tell whether several locks are wanted at once; room to begin does not count."""
    return len(wanted.locks) > 1 and not wanted.locks[0].key.startswith(ROOM)


class Book(ABC):
    """Who holds which lock, who waits for it, and the last known limits."""

    @abstractmethod
    def find(self, key: Key) -> Entry | None:
        """Return what is known of a question."""

    @abstractmethod
    def limit(self, name: str) -> int | None:
        """Return the last known limit of a semaphore, None if it was never known."""

    @abstractmethod
    def set_limit(self, name: str, limit: int) -> None:
        """Keep a limit."""

    @abstractmethod
    def database_limit(self, name: str) -> int | None:
        """Return the limit that people gave a semaphore of the database, None without one."""

    @abstractmethod
    def count(self, name: str) -> int:
        """Return how many hold a lock."""

    @abstractmethod
    def holders(self, name: str) -> Sequence[LocksWanted]:
        """Return those who hold a lock, by the name of the holder."""

    @abstractmethod
    def first(self, name: str) -> LocksWanted | None:
        """Return who heads a lock's queue."""

    @abstractmethod
    def peers(self, name: str, peer: str) -> Iterable[LocksWanted]:
        """Return peers that wait for a lock: of those that want the same locks, the first."""

    @abstractmethod
    def waits(self, run: RunId) -> Iterable[LocksWanted]:
        """Return what a run waits for: of questions that want the same locks, the first."""

    @abstractmethod
    def has_blocks(self) -> bool:
        """Tell whether anybody waits for several locks at once (`is_block`)."""

    @abstractmethod
    def queues(self, group: str) -> Sequence[str]:
        """Return the names "<group>/..." that somebody waits for, in order."""

    @abstractmethod
    def contested(self) -> Sequence[Lock]:
        """Return the semaphores that somebody waits for."""

    @abstractmethod
    def questions(self, run: RunId) -> Sequence[str]:
        """Return all questions of a run, in the order they were asked."""

    @abstractmethod
    def runs(self) -> Sequence[RunId]:
        """Return the runs that hold something or wait."""

    @abstractmethod
    def wait(self, wanted: LocksWanted) -> None:
        """Put a question that is not in the book into the queues of its locks."""

    @abstractmethod
    def grant(self, key: Key) -> None:
        """Let a question that waits hold all of its locks."""

    @abstractmethod
    def adopt(self, key: Key) -> None:
        """Note that this process asked a question that is in the book already."""

    @abstractmethod
    def remove(self, key: Key) -> None:
        """Forget a question. Unknown question: no effect."""
