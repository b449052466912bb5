"""The rules of room to begin: how many workflows are at work at once, in all and per namespace.

Pure, and kept in the same books as locks: a question is a block of two locks, the namespace's and
the whole engine's. It differs in whom one waits for: a namespace at its limit keeps no other
waiting. Source: reference/engine.md 2.7; argo workflow/sync/throttler.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tiphys.locks.book import ROOM, Book, Key, News, key_of, rank_of
from tiphys.messages import Awaited, Granted, Lock, LocksWanted, RoomWanted

POSTPONED = "Workflow processing has been postponed because too many workflows are already running"
_LANE = f"{ROOM}/"


@dataclass(frozen=True, slots=True)
class RoomLimits:
    """How many workflows may be at work; 0 is any number.

    `namespaces` has the namespaces that have a limit other than `per_namespace`.
    """

    engine: int = 0
    per_namespace: int = 0
    namespaces: Mapping[str, int] = field(default_factory=dict)

    def of(self, namespace: str) -> int:
        """Return the limit of a namespace."""
        return self.namespaces.get(namespace, self.per_namespace)


def ask(book: Book, question: RoomWanted, limits: RoomLimits) -> list[News]:
    """Take a question, new or repeated, and return what is due to it and to others."""
    wanted = _block(question)
    key = key_of(wanted)
    known = book.find(key)
    if known is not None and known.held:
        book.adopt(key)
        return [News(*key, Granted())]
    if known is not None and known.wanted == wanted:
        book.adopt(key)
    else:
        book.remove(key)
        book.wait(wanted)
    news = settle(book, limits)
    if all((one.run, one.question) != key for one in news):
        news.append(News(*key, Awaited(POSTPONED)))
    return news


def is_room(wanted: LocksWanted) -> bool:
    """Tell whether what stands in a book is a question for room."""
    return wanted.locks[-1].key == ROOM


def release(book: Book, key: Key, limits: RoomLimits) -> list[News]:
    """Give up room, held or waited for; return what others get."""
    book.remove(key)
    return settle(book, limits)


def settle(book: Book, limits: RoomLimits) -> list[News]:
    """Let begin whoever may: of the namespaces with room, the best first."""
    news: list[News] = []
    while not _is_full(book, ROOM, limits.engine):
        open_ = [lane for lane in book.queues(ROOM) if not _is_full_lane(book, lane, limits)]
        heads = [head for head in map(book.first, open_) if head is not None]
        if not heads:
            break
        key = key_of(min(heads, key=rank_of))
        book.grant(key)
        news.append(News(*key, Granted()))
    return news


def _block(question: RoomWanted) -> LocksWanted:
    return LocksWanted(
        question=question.question,
        run=question.run,
        holder=f"{question.namespace}/{question.run}",
        locks=(
            Lock(key=f"{_LANE}{question.namespace}", kind="mutex"),
            Lock(key=ROOM, kind="mutex"),
        ),
        priority=question.priority,
        created_at=question.created_at,
    )


def _is_full_lane(book: Book, lane: str, limits: RoomLimits) -> bool:
    return _is_full(book, lane, limits.of(lane.removeprefix(_LANE)))


def _is_full(book: Book, name: str, limit: int) -> bool:
    return limit > 0 and book.count(name) >= limit
