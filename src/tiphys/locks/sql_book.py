"""A book in the tables of `tables.py`, within one transaction.

Where an index is named in a query, SQLite would else choose one that walks over all who wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from tiphys.errors import Corrupt
from tiphys.locks.book import (
    Book,
    Entry,
    Key,
    is_block,
    key_of,
    name_of,
    names_of,
    peer_of,
    workflow_of,
)
from tiphys.messages import Lock, LocksWanted
from tiphys.model.ids import RunId
from tiphys.ports_database import Transaction

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(LocksWanted)
_JOINED = "SELECT q.data FROM sync_state s JOIN sync_question q ON q.id = s.question WHERE "


class SqlBook(Book):
    """The book as one transaction sees it; `controller` is who writes in it."""

    def __init__(self, db: Transaction, controller: str) -> None:
        """Read and write by `db`, in whose transaction this is."""
        self._db = db
        self._controller = controller

    def find(self, key: Key) -> Entry | None:
        """Return what is known of a question."""
        row = self._row("SELECT data, held FROM sync_question WHERE run = ? AND question = ?", *key)
        return None if row is None else Entry(_decode(row[0]), bool(row[1]))

    def limit(self, name: str) -> int | None:
        """Return the last known limit of a semaphore, None if it was never known."""
        row = self._row("SELECT sizelimit FROM sync_known_limit WHERE name = ?", name)
        return None if row is None else int(row[0])

    def set_limit(self, name: str, limit: int) -> None:
        """Keep a limit."""
        self._db.execute(
            "INSERT INTO sync_known_limit VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET sizelimit = excluded.sizelimit",
            (name, limit),
        )

    def database_limit(self, name: str) -> int | None:
        """Return the limit that people gave a semaphore of the database, None without one."""
        row = self._row(
            "SELECT sizelimit FROM sync_limit WHERE name = ?", name.removeprefix("sem/")
        )
        return None if row is None else int(row[0])

    def count(self, name: str) -> int:
        """Return how many hold a lock."""
        row = self._row(
            "SELECT COUNT(*) FROM sync_state INDEXED BY who_holds_this_lock"
            " WHERE name = ? AND held = 1",
            name,
        )
        return 0 if row is None else int(row[0])

    def holders(self, name: str) -> Sequence[LocksWanted]:
        """Return those who hold a lock, by the name of the holder."""
        query = (
            "SELECT q.data FROM sync_state s INDEXED BY who_holds_this_lock"
            " JOIN sync_question q ON q.id = s.question"
            " WHERE s.name = ? AND s.held = 1 ORDER BY s.workflowkey, s.question"
        )
        return [_decode(data) for (data,) in self._db.execute(query, (name,))]

    def first(self, name: str) -> LocksWanted | None:
        """Return who heads a lock's queue."""
        order = "s.priority DESC, s.time, s.workflow, s.question LIMIT 1"
        found = self._entries(f"s.name = ? AND s.held = 0 ORDER BY {order}", name)
        return found[0] if found else None

    def peers(self, name: str, peer: str) -> Iterable[LocksWanted]:
        """Return peers that wait for a lock: of those that want the same locks, the first."""
        alike = (
            "SELECT alike FROM sync_state WHERE name = ? AND peer = ? AND held = 0 AND alike > ?"
            " ORDER BY alike LIMIT 1"
        )
        first = (
            "s.name = ? AND s.peer = ? AND s.held = 0 AND s.alike = ? ORDER BY s.question LIMIT 1"
        )
        for text in self._leaps(alike, name, peer):
            yield from self._entries(first, name, peer, text)

    def waits(self, run: RunId) -> Iterable[LocksWanted]:
        """Return what a run waits for: of questions that want the same locks, the first."""
        alike = (
            "SELECT alike FROM sync_question WHERE run = ? AND held = 0 AND alike > ?"
            " ORDER BY alike LIMIT 1"
        )
        first = (
            "SELECT data FROM sync_question WHERE run = ? AND held = 0 AND alike = ?"
            " ORDER BY id LIMIT 1"
        )
        for text in self._leaps(alike, run):
            row = self._row(first, run, text)
            if row is not None:
                yield _decode(row[0])

    def has_blocks(self) -> bool:
        """Tell whether anybody waits for several locks at once (`is_block`)."""
        query = "SELECT 1 FROM sync_question WHERE held = 0 AND is_block = 1 LIMIT 1"
        return self._row(query) is not None

    def queues(self, group: str) -> Sequence[str]:
        """Return the names "<group>/..." that somebody waits for, in order."""
        query = (
            "SELECT name FROM sync_state WHERE held = 0 AND name < ? AND name > ?"
            " ORDER BY name LIMIT 1"
        )
        return [*self._leaps(query, f"{group}0", start=f"{group}/")]

    def contested(self) -> Sequence[Lock]:
        """Return the semaphores that somebody waits for."""
        query = (
            "SELECT name FROM sync_state INDEXED BY which_semaphores_are_contested"
            " WHERE held = 0 AND is_semaphore = 1 AND name > ? ORDER BY name LIMIT 1"
        )
        found: list[Lock] = []
        for name in self._leaps(query):
            head = self.first(name)
            found += [] if head is None else [one for one in head.locks if name_of(one) == name]
        return found

    def questions(self, run: RunId) -> Sequence[str]:
        """Return all questions of a run, in the order they were asked."""
        query = "SELECT question FROM sync_question WHERE run = ? ORDER BY id"
        return [str(question) for (question,) in self._db.execute(query, (run,))]

    def runs(self) -> Sequence[RunId]:
        """Return the runs that hold something or wait."""
        query = "SELECT run FROM sync_question GROUP BY run ORDER BY MIN(id)"
        return [RunId(run) for (run,) in self._db.execute(query)]

    def wait(self, wanted: LocksWanted) -> None:
        """Put a question that is not in the book into the queues of its locks."""
        alike = "\n".join(names_of(wanted))
        number = self._db.execute(
            "INSERT INTO sync_question"
            " (run, question, controller, held, told, is_block, alike, data)"
            " VALUES (?, ?, ?, 0, 0, ?, ?, ?) RETURNING id",
            (
                *(*key_of(wanted), self._controller),
                *(is_block(wanted), alike, _ENCODER.encode(wanted)),
            ),
        ).fetchone()[0]
        self._db.executemany(
            "INSERT INTO sync_state VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(name_of(lock), wanted.holder, self._controller),
                    *(wanted.priority, wanted.created_at, lock.kind == "semaphore"),
                    *(workflow_of(wanted), peer_of(wanted), alike, number),
                )
                for lock in wanted.locks
            ],
        )

    def grant(self, key: Key) -> None:
        """Let a question that waits hold all of its locks. Others' processes are yet to be told."""
        number = self._number(key)
        self._db.execute(
            "UPDATE sync_question SET held = 1, told = CASE WHEN controller = ? THEN 1 ELSE 0 END"
            " WHERE id = ?",
            (self._controller, number),
        )
        self._db.execute("UPDATE sync_state SET held = 1 WHERE question = ?", (number,))

    def adopt(self, key: Key) -> None:
        """Note that this process asked a question that is in the book already."""
        number = self._number(key)
        self._db.execute(
            "UPDATE sync_question SET controller = ?, told = held WHERE id = ?",
            (self._controller, number),
        )
        self._db.execute(
            "UPDATE sync_state SET controller = ? WHERE question = ?", (self._controller, number)
        )

    def remove(self, key: Key) -> None:
        """Forget a question. Unknown question: no effect."""
        number = self._number(key)
        self._db.execute("DELETE FROM sync_state WHERE question = ?", (number,))
        self._db.execute("DELETE FROM sync_question WHERE id = ?", (number,))

    # -------------------------------------------------------------- for several processes

    def tell(self) -> list[Key]:
        """Return what others granted to questions of this process, each once."""
        found = self._db.execute(
            "UPDATE sync_question SET told = 1 WHERE controller = ? AND held = 1 AND told = 0"
            " RETURNING run, question",
            (self._controller,),
        )
        return [Key(RunId(run), str(question)) for run, question in found.fetchall()]

    def enter(self, at: float) -> None:
        """Note that this process works with the book, at `at` (epoch seconds)."""
        self._db.execute(
            "INSERT INTO sync_controller VALUES (?, ?)"
            " ON CONFLICT (controller) DO UPDATE SET time = excluded.time",
            (self._controller, at),
        )

    def others(self) -> Sequence[str]:
        """Return the other processes that worked with the book."""
        query = "SELECT controller FROM sync_controller WHERE controller <> ?"
        return [str(name) for (name,) in self._db.execute(query, (self._controller,))]

    def leave(self, controller: str) -> list[Key]:
        """Forget a process; return what it waits for, or was granted without knowing of it."""
        self._db.execute("DELETE FROM sync_controller WHERE controller = ?", (controller,))
        query = "SELECT run, question FROM sync_question WHERE controller = ? AND told = 0"
        found = self._db.execute(query, (controller,))
        return [Key(RunId(run), str(question)) for run, question in found.fetchall()]

    # ------------------------------------------------------------------------- inside

    def _row(self, query: str, *values: object) -> Sequence[Any] | None:
        row: Sequence[Any] | None = self._db.execute(query, values).fetchone()
        return row

    def _number(self, key: Key) -> int:
        row = self._row("SELECT id FROM sync_question WHERE run = ? AND question = ?", *key)
        return 0 if row is None else int(row[0])

    def _entries(self, where: str, *values: object) -> list[LocksWanted]:
        return [_decode(data) for (data,) in self._db.execute(_JOINED + where, values)]

    def _leaps(self, query: str, *values: object, start: str = "") -> Iterator[str]:
        """Yield the different values of an index's column, without walking over equal ones."""
        row = self._row(query, *values, start)
        while row is not None:
            yield str(row[0])
            row = self._row(query, *values, row[0])


def _decode(data: bytes) -> LocksWanted:
    try:
        return _DECODER.decode(data)
    except msgspec.MsgspecError as exc:
        raise Corrupt(f"a question in the table sync_question cannot be read: {exc}") from exc
