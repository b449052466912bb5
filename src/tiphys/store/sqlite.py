"""SQLite as the database of a home: one file, WAL, every commit on the disk.

Measured on a virtual disk (reference/style.md 3.21): 7,500 one-event commits a second with
`synchronous=FULL`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final, TypeVar

from tiphys.errors import Corrupt, Permanent, TiphysError
from tiphys.ports_database import Row, Transaction, Turn
from tiphys.store.migrations import bring_up_to_date
from tiphys.store.owners import Lease, Owner, is_alive, wake
from tiphys.store.schema import VERSION
from tiphys.store.sql_store import SqlStore
from tiphys.store.writer import Writer

_LOCK_SECONDS: Final = 60
_CACHE_KIB: Final = 8_192
"""Of pages, while writing. They stay once read, so it is what a server grows by whatever it does.

Measured: 60,000 nodes, 20 or 4,000 a commit, read and write as much with 8 MiB as with 64; with 2
they read four times as much.
"""
_Result = TypeVar("_Result")


class SqliteStore(SqlStore):
    """The store of one home directory. `owner` is this process, None for one that only reads."""

    def __init__(self, home: Path, owner: Owner | None = None) -> None:
        """Open the database under `home`, making it if it is new. Raises Permanent."""
        super().__init__(SqliteDatabase(home), owner)


class SqliteDatabase:
    """`Database` in a file of a home. Whoever uses it runs on this machine."""

    archived_json = "?"
    archived_part = (
        "json_remove(workflow, '$.spec.templates', '$.status.nodes', '$.status.storedTemplates')"
    )
    archived_time = "?"

    def __init__(self, home: Path) -> None:
        """Open the file, making it if it is new. Raises Permanent."""
        self.name = str(home)
        self._home = home
        self._path = home / "tiphys.db"
        try:
            self._reader = _prepare(self._path)
        except sqlite3.OperationalError as exc:
            raise Permanent(f"the database {self._path} cannot be opened: {exc}") from exc
        except sqlite3.Error as exc:
            raise _unusable(self._path, exc) from exc
        self._writer = Writer(lambda: SqliteLink(connect(self._path, _CACHE_KIB)), refusal)

    async def write(self, work: Callable[[Transaction], _Result], /) -> _Result:
        """Run work in a transaction and return its result once that is on the disk."""
        return await self._writer.do(work)

    async def read(self, query: str, values: Sequence[object] = (), /) -> Sequence[Row]:
        """Return the rows of a query. Raises Permanent and Corrupt."""
        return self.look(query, values)

    def look(self, query: str, values: Sequence[object] = ()) -> Sequence[Row]:
        """Return the rows of a query. Raises Permanent and Corrupt."""
        try:
            return self._reader.execute(query, values).fetchall()
        except sqlite3.OperationalError as exc:
            raise Permanent(f"the database {self._path} cannot be read: {exc}") from exc
        except sqlite3.Error as exc:
            raise _unusable(self._path, exc) from exc

    def is_alive(self, db: Transaction, owner: str) -> bool:  # noqa: ARG002 - the kernel knows
        """Tell whether a process that owns something lives."""
        return is_alive(self._home, owner)

    async def living(self, owners: Collection[str]) -> Collection[str]:
        """Return which of these processes live."""
        return {owner for owner in owners if is_alive(self._home, owner)}

    async def wake(self, owner: str) -> None:
        """Tell a process to look for requests; a dead one does not hear it."""
        wake(self._home, owner)

    async def ask(self, owner: str, question: str) -> str | None:  # noqa: ARG002 - as below
        """Return None: all who share the file can look themselves."""
        return None

    def on_question(self, answer: Callable[[str], str]) -> None:
        """Do nothing: nobody asks."""

    def on_change(self, ring: Callable[[], None]) -> float:  # noqa: ARG002 - nobody would ring
        """Return 0.0: what other processes change is found by looking."""
        return 0.0

    def turn(self, name: str) -> Turn:
        """Return a lock file of the home."""
        return Lease(self._home, name)

    def close(self) -> None:
        """Finish writing and close."""
        self._writer.close()
        self._reader.close()


class SqliteLink:
    """A connection as the writing thread has it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """Write by a connection in autocommit mode."""
        self.db = db

    def begin(self) -> None:
        """Begin a transaction that is alone in the database."""
        self.db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Return when the transaction is on the disk."""
        self.db.execute("COMMIT")

    def roll_back(self) -> None:
        """End the transaction without effect."""
        self.db.execute("ROLLBACK")

    def save(self) -> None:
        """Begin a part of the transaction."""
        self.db.execute("SAVEPOINT one")

    def keep(self) -> None:
        """End the part."""
        self.db.execute("RELEASE one")

    def undo(self) -> None:
        """End the part without effect."""
        self.db.execute("ROLLBACK TO one")
        self.db.execute("RELEASE one")

    def is_broken_by(self, error: BaseException) -> bool:
        """Tell whether the whole transaction is lost; else only who met the error is."""
        return isinstance(error, sqlite3.Error)

    def is_open(self) -> bool:
        """Tell that a file does not go away."""
        return True

    def close(self) -> None:
        """Close the connection; what is not committed is lost."""
        self.db.close()


def refusal(cause: Exception) -> TiphysError:
    """Return what those are told whose work could not be written."""
    text = f"the database cannot be written: {cause}"
    if "full" in str(cause) or "disk I/O" in str(cause):
        text += "; is there space on the disk?"
    return Permanent(text)


def connect(path: Path, cache_kib: int = 0) -> sqlite3.Connection:
    """Return a connection in autocommit mode, to be used by any one thread at a time."""
    db = sqlite3.connect(path, timeout=_LOCK_SECONDS, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    if cache_kib:
        db.execute(f"PRAGMA cache_size = -{cache_kib}")
    return db


def _unusable(path: Path, cause: sqlite3.Error) -> Corrupt:
    return Corrupt(
        f"the database {path} cannot be read: {cause}; move it away to begin anew, or choose "
        "another home with --home"
    )


def _prepare(path: Path) -> sqlite3.Connection:
    """Open the database and bring its tables up to date, once for all processes."""
    db = connect(path)
    if db.execute("PRAGMA user_version").fetchone()[0] == VERSION:
        return db
    db.execute("BEGIN IMMEDIATE")
    found = db.execute("PRAGMA user_version").fetchone()[0]
    if found > VERSION:
        db.execute("ROLLBACK")
        raise Permanent(
            f"the database {path} was written by a newer version of tiphys (schema {found}, this "
            f"one knows {VERSION}); update tiphys or choose another home with --home"
        )
    if found < VERSION:
        bring_up_to_date(db, found)
        db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")
    path.chmod(0o600)
    return db
