"""The rules of locks: who gets them, when, and what those are told who do not. Pure.

All of a block or none of it. Each lock has a queue, by priority and then by age of the workflow;
whoever heads it goes first, and those behind wait even while there is room. What is held stays
held until it is released, whatever happens to the limit.

Every function takes the book and returns the news: what is due to whom. Source: reference/engine.md
8.2; argo workflow/sync/sync_manager.go, semaphore.go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from tiphys.locks.book import Book, Key, News, key_of, name_of, names_of, peer_of
from tiphys.messages import (
    Answer,
    Awaited,
    Blocked,
    Granted,
    Lock,
    LocksWanted,
    Refused,
)
from tiphys.model.ids import RunId

DUPLICATE = "requested configuration is invalid: duplicate synchronization item found"


def ask(book: Book, wanted: LocksWanted, limits: Mapping[str, int]) -> list[News]:
    """Take a question, new or repeated, and return what is due to it and to others.

    `limits` has the limits by name that could be read just now.
    """
    key = key_of(wanted)
    known = book.find(key)
    if known is not None and known.held:
        book.adopt(key)
        return [News(*key, Granted())]
    refusal = _take_limits(book, wanted, limits)
    if refusal is not None and known is None:
        return [News(*key, Refused(refusal))]
    if known is not None and known.wanted == wanted:
        book.adopt(key)
    else:
        book.remove(key)
        book.wait(wanted)
    left = () if known is None else names_of(known.wanted)
    return _waited(book, wanted, settle(book, [*names_of(wanted), *left]))


def _waited(book: Book, wanted: LocksWanted, news: list[News]) -> list[News]:
    """Return the news after someone took a place in the queues."""
    key = key_of(wanted)
    if not _has(news, key) and book.has_blocks():
        for other in list(_leading(book, wanted)):
            if _is_waiting(book, other) and _may_have(book, other):
                book.grant(key_of(other))
                news += [News(*key_of(other), Granted()), *settle(book, names_of(other))]
    if not _has(news, key):
        news.append(News(*key, _awaited(book, wanted)))
    return news


def release(book: Book, key: Key) -> list[News]:
    """Give up what a question holds or waits for; return what others get. Unknown: nothing."""
    known = book.find(key)
    if known is None:
        return []
    book.remove(key)
    return settle(book, names_of(known.wanted))


def limits_changed(book: Book, limits: Mapping[str, int]) -> list[News]:
    """Take limits that may have changed and return what those get who waited for that."""
    contested = book.contested()
    for lock in contested:
        _take_limit(book, lock, limits)
    return settle(book, [name_of(lock) for lock in contested])


def settle(book: Book, names: Iterable[str]) -> list[News]:
    """Grant whatever can be granted now that these locks, or their queues, have changed."""
    news: list[News] = []
    todo = deque(dict.fromkeys(names))
    while todo:
        name = todo.popleft()
        found = next((one for one in _candidates(book, name) if _may_have(book, one)), None)
        if found is not None:
            book.grant(key_of(found))
            news.append(News(*key_of(found), Granted()))
            todo.extend(other for other in names_of(found) if other not in todo)
    return news


def _candidates(book: Book, name: str) -> Iterator[LocksWanted]:
    """Yield who might have a lock now, best first: its head, and who need not wait for it."""
    head = book.first(name)
    if head is None or _is_full(book, name):
        return
    yield head
    if len(head.locks) > 1:  # else it can have it: what follows is for heads that wait elsewhere
        yield from book.peers(name, peer_of(head))
        yield from (one for one in _leading(book, head) if name in names_of(one))


def _may_have(book: Book, wanted: LocksWanted) -> bool:
    return all(_is_free(book, name, wanted) for name in names_of(wanted))


def _is_free(book: Book, name: str, wanted: LocksWanted) -> bool:
    """Tell whether a lock has room and it is this question's turn.

    Differs: Argo's head of a queue keeps all others waiting also while it waits itself for what one
    of them holds, and then nobody ever goes on. That one need not wait for it here.
    """
    if _is_full(book, name):
        return False
    head = book.first(name)
    if head is None or key_of(head) == key_of(wanted) or peer_of(head) == peer_of(wanted):
        return True
    return _waits_for(book, head, wanted.run, set())


def _waits_for(book: Book, wanted: LocksWanted, run: RunId, seen: set[RunId]) -> bool:
    """Tell whether a question cannot be granted before something of `run` goes on."""
    for name in names_of(wanted):
        before: set[RunId] = set()
        if _is_full(book, name):
            before = {holder.run for holder in book.holders(name)}
        else:
            head = book.first(name)
            if head is not None and peer_of(head) != peer_of(wanted):
                before = {head.run}
        if before and all(one == run or _run_waits_for(book, one, run, seen) for one in before):
            return True
    return False


def _run_waits_for(book: Book, one: RunId, run: RunId, seen: set[RunId]) -> bool:
    if one in seen:
        return False
    seen.add(one)
    return any(_waits_for(book, wanted, run, seen) for wanted in book.waits(one))


def _leading(book: Book, wanted: LocksWanted) -> Iterator[LocksWanted]:
    """Yield what those wait for whom a question waits for, and so on."""
    seen = {wanted.run}
    todo = deque([wanted, *book.waits(wanted.run)])
    while todo:
        one = todo.popleft()
        yield one
        for name in names_of(one):
            before = [*book.holders(name)] if _is_full(book, name) else []
            head = book.first(name)
            for other in before if head is None else [*before, head]:
                if other.run not in seen:
                    seen.add(other.run)
                    todo.extend(book.waits(other.run))


def _is_waiting(book: Book, wanted: LocksWanted) -> bool:
    known = book.find(key_of(wanted))
    return known is not None and not known.held


def _has(news: list[News], key: Key) -> bool:
    return any((one.run, one.question) == key for one in news)


# ------------------------------------------------------------------------------------ limits


def _take_limits(book: Book, wanted: LocksWanted, limits: Mapping[str, int]) -> str | None:
    """Keep the limits of a block's semaphores; return why it can never be had, if so."""
    names = names_of(wanted)
    if len(set(names)) < len(names):
        return DUPLICATE
    for lock in wanted.locks:
        if lock.kind == "semaphore" and not _take_limit(book, lock, limits):
            return f"failed to initialize semaphore {lock.key} with limit"
    return None


def _take_limit(book: Book, lock: Lock, limits: Mapping[str, int]) -> bool:
    """Keep the limit of a semaphore; return False if it has none and never had one.

    One that cannot be read any more stays as it was.
    """
    name = name_of(lock)
    known = book.limit(name)
    fresh = book.database_limit(name) if lock.database else limits.get(name)
    if known is None and (fresh is None or fresh < 1):
        return False
    if fresh is not None and fresh != known:
        book.set_limit(name, fresh)
    return True


def _limit(book: Book, name: str) -> int:
    """Return a lock's limit; what never had one is a mutex."""
    limit = book.limit(name)
    return 1 if limit is None else limit


def _is_full(book: Book, name: str) -> bool:
    return book.count(name) >= _limit(book, name)


# ------------------------------------------------------------------------------------ answers


def _awaited(book: Book, wanted: LocksWanted) -> Answer:
    """Return what someone who waits is told: the first lock in the way, and who has which."""
    in_the_way = (lock for lock in wanted.locks if not _is_free(book, name_of(lock), wanted))
    failing = next(in_the_way, wanted.locks[0])
    held = ((lock, book.holders(name_of(lock))) for lock in wanted.locks)
    blocked = tuple(
        Blocked(lock.key, lock.kind, tuple(one.holder for one in holders))
        for lock, holders in held
        if holders
    )
    return Awaited(_message(book, failing), failing.key, blocked)


def _message(book: Book, lock: Lock) -> str:
    """Return Argo's words; they count what is free, or in the database what is held.

    Source: reference/engine.md 8.2.6.
    """
    name = name_of(lock)
    limit, held = _limit(book, name), book.count(name)
    if lock.database:
        return f"Waiting for {lock.key} lock ({lock.database}). Lock status: {held}/{limit}"
    return f"Waiting for {lock.key} lock. Lock status: {limit - held}/{limit}"
