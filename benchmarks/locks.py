"""What locks cost: many who wait for one mutex, in memory and in the database."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from benchmarks.measure import Measured
from tiphys.errors import EngineBug
from tiphys.locks import queue
from tiphys.locks.book import Book, Key, News
from tiphys.locks.memory_book import MemoryBook
from tiphys.locks.sql_book import SqlBook
from tiphys.locks.tables import STATEMENTS
from tiphys.messages import Lock, LocksWanted
from tiphys.model.ids import RunId

SIZES = (1_000, 10_000)
GROWTH_AIM = 1.5
_MUTEX = Lock("ns/Mutex/m", "mutex")


def lock_costs(folder: Path) -> Iterator[Measured]:
    """Yield the cost of one ask and one release at each size, and how it grows.

    In the database each of them is a transaction; what its commit waits for the disk is not
    counted (`synchronous=OFF`), since a home shares that among all that happens at once.
    """
    for name in ("memory", "database"):
        small = None
        for size in SIZES:
            seconds = _seconds(folder / f"{name}-{size}.db" if name == "database" else None, size)
            label = f"{size:,} wait for a mutex, {name}: ask, release"
            yield Measured(label, seconds / size * 1e6, "us")
            if small is not None:
                growth = seconds / size / small
                label = f"growth of that from {SIZES[0]:,}, {name}"
                yield Measured(label, growth, "x", aim=GROWTH_AIM)
            small = seconds / size


def _seconds(path: Path | None, size: int) -> float:
    if path is None:
        book = MemoryBook()
        return _drive(size, lambda work: work(book))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = OFF")
        for statement in STATEMENTS:
            db.execute(statement)

        def transact(work: Callable[[Book], list[News]]) -> list[News]:
            db.execute("BEGIN IMMEDIATE")
            done = work(SqlBook(db, "bench"))
            db.execute("COMMIT")
            return done

        return _drive(size, transact)


def _drive(size: int, transact: Callable[[Callable[[Book], list[News]]], list[News]]) -> float:
    """Return the seconds it takes until all have asked, held and released."""
    begin = time.perf_counter()
    for number in range(size):
        transact(partial(queue.ask, wanted=_wanted(number), limits={}))
    turn = 0
    while turn < size:
        key = Key(RunId(f"run-{turn}"), "locks")
        news = transact(partial(queue.release, key=key))
        turn += 1
        if [one.run for one in news] != ([f"run-{turn}"] if turn < size else []):
            raise EngineBug("the lock did not go to the next one")
    return time.perf_counter() - begin


def _wanted(number: int) -> LocksWanted:
    return LocksWanted(
        question="locks",
        run=RunId(f"run-{number}"),
        holder=f"ns/wf-{number}",
        locks=(_MUTEX,),
        created_at=float(number),
    )
