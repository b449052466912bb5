"""The contract of objects, for each keeper; and what only the database has."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from tiphys.errors import Permanent
from tiphys.model.ids import RunId
from tiphys.store import sql_objects
from tiphys.store.migrations import STEPS
from tiphys.store.objects import MemoryObjects
from tiphys.store.postgres import PostgresStore
from tiphys.store.postgres_address import parse_address
from tiphys.store.schema import STATEMENTS, VERSION
from tiphys.store.sqlite import SqliteStore
from tiphys.testing.objects_contract import NOW, ObjectsContract, config_map, ref
from tiphys.testing.runtime_contract import ManualClock

CLOCK = ManualClock(NOW)


class TestMemoryObjects(ObjectsContract):
    @pytest.fixture
    def objects(self):
        return MemoryObjects(CLOCK)


class TestSqliteObjects(ObjectsContract):
    @pytest.fixture
    def objects(self, tmp_path):
        store = SqliteStore(tmp_path)
        yield store.objects(CLOCK)
        store.close()


class TestPostgresObjects(ObjectsContract):
    @pytest.fixture
    def objects(self, tmp_path, postgres):
        store = PostgresStore(parse_address(postgres.new()), tmp_path)
        yield store.objects(CLOCK)
        store.close()


@pytest.mark.anyio
async def test_objects_survive_the_process_and_others_hear_of_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(sql_objects, "_LOOK_SECONDS", 0.01)
    one, other = SqliteStore(tmp_path), SqliteStore(tmp_path)
    waiting = asyncio.create_task(other.objects(CLOCK).changed(0))
    await one.objects(CLOCK).create(config_map())
    one.close()
    async with asyncio.timeout(60):
        assert await waiting == 1
    assert (await other.objects(CLOCK).get(ref()))["data"] == {"k": "v"}
    other.close()


@pytest.mark.anyio
async def test_what_went_long_ago_is_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(sql_objects, "_KEPT", 5)
    monkeypatch.setattr(sql_objects, "_SWEEP_EVERY", 2)
    store = SqliteStore(tmp_path)
    objects = store.objects(CLOCK)
    for number in range(6):
        await objects.create(config_map(f"c{number}"))
        await objects.delete(ref(f"c{number}"))
    assert await objects.changed(0) == 12
    assert await objects.since(0) is None
    assert await objects.since(10) == [ref("c5")]
    store.close()


OLD_ROWS = (
    """
    CREATE TABLE runs (
        uid TEXT PRIMARY KEY,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        created_at REAL NOT NULL,
        done INTEGER NOT NULL,
        owner TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        runtime TEXT NOT NULL,
        seq INTEGER NOT NULL,
        taken INTEGER NOT NULL,
        document BLOB NOT NULL,
        summary BLOB NOT NULL,
        extras BLOB NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE nodes (
        run TEXT NOT NULL,
        node TEXT NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (run, node)
    ) WITHOUT ROWID
    """,
)
"""As they were before version 6."""


def as_of(version):
    """The statements that made a database of a version."""
    later = [item for number in range(version + 1, VERSION + 1) for item in STEPS[number]]
    found = [item for item in STATEMENTS if item not in later]
    if version >= 6:
        return found
    return [*OLD_ROWS, *(item for item in found if "CREATE TABLE runs (" not in item)]


def older(path, statements, version):
    db = sqlite3.connect(path / "tiphys.db")
    for statement in statements:
        db.execute(statement)
    db.execute(f"PRAGMA user_version = {version}")
    db.commit()
    db.close()


def shape_of(path):
    db = sqlite3.connect(path / "tiphys.db")
    rows = db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
    found = [(kind, name, "".join((sql or "").split())) for kind, name, sql in rows]
    number = db.execute("PRAGMA user_version").fetchone()[0]
    db.close()
    return found, number


@pytest.mark.parametrize("version", range(1, VERSION))
@pytest.mark.anyio
async def test_a_database_of_an_older_version_is_brought_up_to_date(tmp_path, version):
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    older(old, as_of(version), version)
    for home in (old, new):
        store = SqliteStore(home)
        await store.objects(CLOCK).create(config_map())
        assert await store.list(None) == []
        store.close()
    assert shape_of(old) == shape_of(new)
    assert shape_of(new)[1] == VERSION


@pytest.mark.anyio
async def test_the_runs_of_an_older_database_keep_their_texts_and_nodes(tmp_path):
    older(tmp_path, as_of(5), 5)
    with sqlite3.connect(tmp_path / "tiphys.db") as db:
        db.execute(
            "INSERT INTO runs VALUES ('u', 'n', 'w', 1, 1, '', 0, 'process', 1, 0, ?, ?, ?)",
            (b'{"spec":{}}', b'{"status":{}}', b'{"storedTemplates":{}}'),
        )
        db.execute("INSERT INTO run_index VALUES (1, 'u', 'n', 'w', 1, 1, 0, 0, 1, 1, 0)")
        db.execute("INSERT INTO nodes VALUES ('u', 'w', ?)", (b"{}",))
    db.close()
    store = SqliteStore(tmp_path)
    row = await store.find("n", "w")
    assert (row.document, row.extras) == (b'{"spec":{}}', b'{"storedTemplates":{}}')
    assert (await store.catalogue.listed(RunId("u"))).row == row
    assert await store.nodes(RunId("u")) == [b"{}"]
    await store.delete(RunId("u"))
    assert await store.list(None) == []
    store.close()
    with sqlite3.connect(tmp_path / "tiphys.db") as db:
        assert not db.execute("SELECT run FROM run_texts UNION SELECT run FROM nodes").fetchall()
    db.close()


def test_a_database_of_a_newer_version_is_refused(tmp_path):
    older(tmp_path, STATEMENTS, VERSION + 1)
    before = shape_of(tmp_path)
    with pytest.raises(Permanent, match="was written by a newer version of tiphys"):
        SqliteStore(tmp_path)
    assert shape_of(tmp_path) == before
