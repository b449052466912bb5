"""Places where locks are wanted: one process, and several on one database."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from tests.postgres import run

from tiphys.app import SystemClock
from tiphys.errors import NotFound
from tiphys.locks.memory import MemoryLocks
from tiphys.locks.rooms import RoomLimits
from tiphys.locks.sql import Shared, SqlLocks
from tiphys.locks.tables import STATEMENTS
from tiphys.ports import ObjectRef
from tiphys.store.objects import MemoryObjects
from tiphys.store.postgres import PostgresDatabase
from tiphys.store.postgres_address import parse_address
from tiphys.store.sqlite import SqliteLink, refusal
from tiphys.store.writer import Writer
from tiphys.testing.answerer_contract import ENGINE_ROOM, NAMESPACE_ROOM

ROOM = RoomLimits(engine=ENGINE_ROOM, per_namespace=NAMESPACE_ROOM)


class Configured:
    def __init__(self) -> None:
        self.objects = MemoryObjects(SystemClock())

    async def set_limit(self, limit) -> None:
        ref = ObjectRef("v1", "ConfigMap", "ns", "cm")
        with contextlib.suppress(NotFound):
            await self.objects.delete(ref)
        if limit is not None:
            document = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"namespace": "ns", "name": "cm"},
                "data": {"size": str(limit)},
            }
            await self.objects.create(document)


class MemoryPlace(Configured):
    def __init__(self) -> None:
        super().__init__()
        self._limits: dict[str, int] = {}
        self._locks = MemoryLocks(self.objects, SystemClock(), ROOM, self._limits)

    def open(self, name: str) -> MemoryLocks:
        return self._locks

    def set_database_limit(self, limit: int) -> None:
        self._limits["ns/size"] = limit


class SqlPlace(Configured):
    """Each process has connections and a writing thread of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._path = folder / "tiphys.db"
        self._open: dict[str, tuple[SqlLocks, Writer, sqlite3.Connection]] = {}
        self.dead: set[str] = set()
        self.gone: set[str] = set()

    def open(self, name: str) -> SqlLocks:
        if name not in self._open:
            writer, read = writer_of(self._path), connect(self._path)
            shared = Shared(writer.do, reader_of(read), name, self._living, self._lives)
            self._open[name] = (SqlLocks(shared, self.objects, SystemClock(), ROOM), writer, read)
        return self._open[name][0]

    def set_database_limit(self, limit: int) -> None:
        db = connect(self._path)
        for statement in STATEMENTS:
            db.execute(statement)
        db.execute("INSERT OR REPLACE INTO sync_limit VALUES ('ns/size', ?)", (limit,))
        db.close()

    def close(self) -> None:
        for _, writer, read in self._open.values():
            writer.close()
            read.close()

    async def _living(self, names):
        return [name for name in names if name not in self.dead]

    async def _lives(self, runs):
        return [run for run in runs if run not in self.gone]


ARGOS_LIMITS = "CREATE TABLE public.sync_limit (name VARCHAR(256) PRIMARY KEY, sizelimit INT)"
SET_LIMIT = (
    "INSERT INTO public.sync_limit VALUES ('ns/size', $1)"
    " ON CONFLICT (name) DO UPDATE SET sizelimit = excluded.sizelimit"
)


class PostgresPlace(Configured):
    """Each process has a store of its own; limits are in the table of an Argo controller."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__()
        self._folder = folder
        self._url = url
        self._open: dict[str, tuple[SqlLocks, PostgresDatabase]] = {}
        self.dead: set[str] = set()
        self.gone: set[str] = set()
        run(url, ARGOS_LIMITS)

    def open(self, name: str) -> SqlLocks:
        if name not in self._open:
            database = PostgresDatabase(parse_address(self._url), self._folder)
            shared = Shared(database.write, database.read, name, self._living, self._lives)
            self._open[name] = (SqlLocks(shared, self.objects, SystemClock(), ROOM), database)
        return self._open[name][0]

    def set_database_limit(self, limit: int) -> None:
        run(self._url, SET_LIMIT, limit)

    def close(self) -> None:
        for _, database in self._open.values():
            database.close()

    async def _living(self, names):
        return [name for name in names if name not in self.dead]

    async def _lives(self, runs):
        return [run for run in runs if run not in self.gone]


def writer_of(path: Path) -> Writer:
    return Writer(lambda: SqliteLink(connect(path)), refusal)


def reader_of(db: sqlite3.Connection):
    async def read(query, values=()):
        return db.execute(query, values).fetchall()

    return read


def connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = OFF")
    return db
