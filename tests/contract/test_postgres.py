"""What only Postgres has: a server that goes and comes, leases, other homes, Argo's own archive."""

from __future__ import annotations

import asyncio
import json
import traceback

import pytest
from tests.postgres import LOCKED, cluster, run

from tiphys.errors import Conflict, LostOwnership, NotFound, Permanent, Transient, UserError
from tiphys.locks.limit_rows import SqlLimitRows
from tiphys.messages import SuspendRequested
from tiphys.model.ids import RunId
from tiphys.ports import RunRow
from tiphys.ports_server import Filter, Grant, Page, TokenRow
from tiphys.store import (
    migrations,
    postgres_leases,
    postgres_listener,
    postgres_tables,
    postgres_talk,
    sql_catalogue,
)
from tiphys.store.owners import Owner
from tiphys.store.postgres import PostgresStore
from tiphys.store.postgres_address import parse_address
from tiphys.store.schema import VERSION
from tiphys.testing.catalogue_contract import row_of as named_row
from tiphys.testing.store_contract import ONE, OTHER, STARTED, changes_of, driven, first_of, row_of

EXPIRE = "UPDATE tiphys.engines SET until = clock_timestamp() WHERE name = $1"


class Places:
    """Stores of several processes on one database, each in a home of its own."""

    def __init__(self, folder, url):
        self.url = url
        self._folder = folder
        self._owners = {}
        self._stores = {}

    def open(self, name, home=""):
        path = self._folder / (home or name)
        path.mkdir(exist_ok=True)
        owner = Owner(path, name)
        try:
            self._stores[name] = PostgresStore(parse_address(self.url), path, owner)
        except Exception:
            owner.close()
            raise
        self._owners[name] = owner
        return self._stores[name]

    def close(self, name):
        self._stores.pop(name).close()
        self._owners.pop(name).close()

    def expire(self, name):
        run(self.url, EXPIRE, name)

    def close_all(self):
        for name in [*self._stores]:
            self.close(name)


@pytest.fixture(autouse=True)
def no_grace(monkeypatch):
    """Let leases run out although the server has just been started."""
    monkeypatch.setattr(postgres_leases, "GRACE_SECONDS", 0)


@pytest.fixture
def places(tmp_path, postgres):
    found = Places(tmp_path, postgres.new())
    yield found
    found.close_all()


@pytest.fixture
def own(tmp_path):
    """A server that the test may stop, and places on it."""
    with cluster() as server:
        found = Places(tmp_path, server.new())
        yield server, found
        found.close_all()


async def until(holds):
    """Return when a condition holds."""
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.01)


# ----------------------------------------------------------------------- who may do what, and where


def test_an_address_shows_no_password():
    address = parse_address(
        "postgresql://me:hush@db.example.com:5433/runs?sslmode=require&password=hush&user=x"
    )
    assert address.name == "postgresql://me@db.example.com:5433/runs?user=x"
    assert "hush" not in repr(address)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://me:hush@x/y", "a database is"),
        ("postgresql://me:hush@x", "names none"),
        ("postgresql://me:hush@x:99999/y", "cannot be read"),
        ("hush", "a database is"),
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(url, reason):
    with pytest.raises(UserError, match=reason) as caught:
        parse_address(url)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("user", "database", "reason"),
    [
        (LOCKED, "postgres", "password authentication failed.*PGPASSWORD"),
        ("tiphys", "nowhere", 'database "nowhere" does not exist.*CREATE DATABASE'),
        ("stranger", "postgres", 'role "stranger" does not exist'),
    ],
)
def test_who_is_not_let_in_is_told_why(tmp_path, postgres, user, database, reason):
    run(postgres.url("postgres"), f"DROP ROLE IF EXISTS {LOCKED}")
    run(postgres.url("postgres"), f"CREATE ROLE {LOCKED} LOGIN PASSWORD 'open'")
    url = postgres.url(database).replace("tiphys@", f"{user}:hush@")
    with pytest.raises(Permanent, match=reason) as caught:
        PostgresStore(parse_address(url), tmp_path)
    assert "hush" not in "".join(traceback.format_exception(caught.value))


def test_who_may_not_make_tables_is_told_so(tmp_path, postgres):
    url = postgres.new()
    run(url, "CREATE ROLE weak LOGIN")
    with pytest.raises(Permanent, match=r"permission denied.*must be allowed to create"):
        PostgresStore(parse_address(url.replace("tiphys@", "weak@")), tmp_path)


def test_a_server_that_is_not_there_may_come(tmp_path):
    address = parse_address(f"postgresql://me:hush@/runs?host={tmp_path}")
    with pytest.raises(Transient, match="cannot be opened") as caught:
        PostgresStore(address, tmp_path)
    assert "hush" not in str(caught.value)


# -------------------------------------------------------------------------------------- tables


def shape_of(url):
    columns = """
        SELECT table_name, column_name, data_type, collation_name FROM information_schema.columns
        WHERE table_schema = 'tiphys' ORDER BY table_name, column_name
    """
    indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'tiphys' ORDER BY 1"
    found = run(url, "SELECT version FROM tiphys.schema_version")
    return [*map(tuple, run(url, columns))], [*map(tuple, run(url, indexes))], found[0][0]


def drop_later(url, version):
    """Take away what came after a version."""
    later = [one for n in range(version + 1, VERSION + 1) for one in migrations.STEPS[n]]
    for statement in later:
        words = statement.split()
        if words[:2] == ["CREATE", "TABLE"]:
            run(url, f"DROP TABLE tiphys.{words[2]}")
    run(url, "UPDATE tiphys.schema_version SET version = $1", version)


@pytest.mark.parametrize("version", range(postgres_tables.FIRST, VERSION + 1))
@pytest.mark.anyio
async def test_a_database_of_an_older_version_is_brought_up_to_date(places, postgres, version):
    await places.open("a").create(row_of(), first_of())
    places.close("a")
    new = shape_of(places.url)
    drop_later(places.url, version)
    assert await places.open("b").find("default", ONE) == row_of()
    assert shape_of(places.url) == new
    assert new[2] == VERSION


@pytest.mark.anyio
async def test_a_later_step_is_taken_once_and_keeps_what_is_there(places, monkeypatch):
    await places.open("a").create(row_of(), first_of())
    places.close("a")
    step = (
        "CREATE TABLE extra (n INTEGER NOT NULL, t TEXT, b BLOB)",
        "INSERT INTO extra VALUES (7)",
    )
    steps = {**migrations.STEPS, VERSION + 1: step}
    monkeypatch.setattr(postgres_tables, "STEPS", steps)
    monkeypatch.setattr(postgres_tables, "VERSION", VERSION + 1)
    for name in ("b", "c"):
        assert await places.open(name).find("default", ONE) == row_of()
        assert [row[0] for row in run(places.url, "SELECT n FROM tiphys.extra")] == [7]
    monkeypatch.undo()
    with pytest.raises(Permanent, match=f"newer version of tiphys \\(schema {VERSION + 1}"):
        places.open("d")


@pytest.mark.anyio
async def test_processes_that_open_a_new_database_at_once_make_it_once(places):
    opened = [asyncio.to_thread(places.open, name) for name in ("a", "b", "c", "d")]
    stores = await asyncio.gather(*opened)
    await stores[0].create(row_of(), first_of())
    assert await stores[3].find("default", ONE) == row_of()


# ----------------------------------------------------------------------------- several processes


@pytest.mark.anyio
async def test_a_process_of_another_home_lives_by_its_lease(places):
    one, other = places.open("one"), places.open("other")
    epoch = await driven(one, "one")
    assert await other.claim(ONE, "other") is None
    assert await other.is_driven(await other.find("default", ONE))
    places.expire("one")
    assert not await other.is_driven(await other.find("default", ONE))
    assert await other.claim(ONE, "other") == epoch + 1
    with pytest.raises(LostOwnership):
        await one.append(ONE, 1, epoch, changes_of(STARTED))


@pytest.mark.anyio
async def test_a_process_of_the_same_home_lives_as_long_as_its_lock_file(places):
    one, other = places.open("one", "home"), places.open("other", "home")
    await driven(one, "one")
    places.expire("one")
    assert await other.claim(ONE, "other") is None


@pytest.mark.anyio
async def test_a_lease_is_renewed(places, monkeypatch):
    monkeypatch.setattr("tiphys.store.postgres_leases._RENEW_SECONDS", 0.01)
    one, other = places.open("one"), places.open("other")
    await driven(one, "one")
    places.expire("one")
    row = await other.find("default", ONE)
    async with asyncio.timeout(60):
        while not await other.is_driven(row):
            await asyncio.sleep(0.01)


@pytest.mark.anyio
async def test_after_the_start_of_the_database_all_leases_hold_for_a_while(places, monkeypatch):
    one, other = places.open("one"), places.open("other")
    await driven(one, "one")
    places.expire("one")
    monkeypatch.setattr(postgres_leases, "GRACE_SECONDS", 100_000)
    assert await other.claim(ONE, "other") is None
    monkeypatch.setattr(postgres_leases, "GRACE_SECONDS", 0)
    assert await other.claim(ONE, "other") == 2


@pytest.mark.anyio
async def test_a_process_that_ends_in_order_leaves_its_runs_at_once(places):
    one, other = places.open("one"), places.open("other")
    await driven(one, "one")
    places.close("one")
    assert [row.run for row in await other.claimable()] == [ONE]


@pytest.mark.anyio
async def test_a_change_rings_at_every_process(places, monkeypatch):
    monkeypatch.setattr("tiphys.store.postgres._LOOK_SECONDS", 3600.0)
    one, other = places.open("one"), places.open("other")
    number = await other.catalogue.number()
    waiting = asyncio.create_task(other.catalogue.changed(number))
    await one.create(row_of(), first_of())
    async with asyncio.timeout(60):
        assert await waiting == number + 1


@pytest.mark.anyio
async def test_a_request_wakes_an_owner_in_another_home(places, monkeypatch):
    monkeypatch.setattr("tiphys.store.sql_store._POLL_SECONDS", 3600.0)
    one, other = places.open("one"), places.open("other")
    await driven(one, "one")
    await until(lambda: one.database._listener.is_heard)
    waiting = asyncio.create_task(one.wait())
    await asyncio.sleep(0)
    await other.post(ONE, SuspendRequested(at=1.0))
    async with asyncio.timeout(60):
        await waiting


@pytest.fixture
async def talkers(places, monkeypatch):
    """Two databases that hear each other; of questions that nobody answers one soon knows."""
    monkeypatch.setattr(postgres_talk, "PATIENCE_SECONDS", 0.3)
    found = places.open("one").database, places.open("other").database
    await until(lambda: all(database._listener.is_heard for database in found))
    return found


@pytest.mark.anyio
async def test_a_process_answers_what_another_one_asks(talkers, monkeypatch):
    monkeypatch.setattr(postgres_talk, "PATIENCE_SECONDS", 60.0)
    one, other = talkers
    one.on_question(lambda question: f"one: {question}")
    other.on_question(lambda question: f"other: {question}")
    found = await asyncio.gather(*(other.ask("one", f"wie geht's {n} ä?") for n in range(20)))
    assert found == [f"one: wie geht's {n} ä?" for n in range(20)]
    assert await one.ask("other", "") == "other: "


@pytest.mark.anyio
async def test_what_is_not_answered_is_none_and_forgotten(talkers):
    one, other = talkers

    def fail(question):
        raise ValueError(question)

    assert await other.ask("one", "nobody answers") is None
    one.on_question(fail)
    assert await other.ask("one", "wrong") is None
    one.on_question(lambda _: "x" * 8_000)
    assert await other.ask("one", "too long an answer") is None
    one.on_question(str.upper)
    assert await other.ask("nobody", "not here") is None
    assert await one.ask("one", "oneself") is None
    assert await other.ask("one", "y" * 8_000) is None
    assert not other._talk._waiting
    assert await other.ask("one", "well") == "WELL"


@pytest.mark.anyio
async def test_one_process_at_a_time_has_a_turn(places):
    one, other = places.open("one"), places.open("other")
    mine, same, theirs = (store.database.turn("objects") for store in (one, one, other))
    assert await mine.take()
    assert not await theirs.take()
    assert not await same.take()
    assert await mine.take()
    await mine.give_up()
    assert await theirs.take()
    assert not await mine.take()
    places.expire("other")
    assert await mine.take()
    assert not await theirs.take()


@pytest.mark.anyio
async def test_changes_are_numbered_in_the_order_they_are_committed(places):
    """Whoever reads up to a number has missed nothing below it."""
    stores = [places.open(name) for name in "abc"]
    seen: list[str] = []
    rows = [named_row(f"w{i}") for i in range(24)]

    async def read():
        number = 0
        while len(seen) < len(rows):
            last = await stores[2].catalogue.changed(number)
            changes = await stores[2].catalogue.since(number)
            fresh = [one for one in changes if one.item.version <= last]
            seen.extend(one.item.row.name for one in fresh)
            number = last

    reading = asyncio.create_task(read())
    await asyncio.gather(
        *(stores[i % 3].create(row, first_of(row.run)) for i, row in enumerate(rows))
    )
    async with asyncio.timeout(60):
        await reading
    assert sorted(seen) == sorted(row.name for row in rows)


# ------------------------------------------------------------------------------ what goes wrong


@pytest.mark.anyio
@pytest.mark.parametrize("how", ["fast", "immediate"])
async def test_a_server_that_was_started_again_is_used_again(own, how, monkeypatch):
    monkeypatch.setattr(postgres_listener, "_PAUSE_SECONDS", 0.01)
    server, places = own
    store, other = places.open("a"), places.open("b")
    epoch = await driven(store, "a")
    server.stop(how)
    for asked in (
        store.append(ONE, 1, epoch, changes_of(STARTED)),
        store.find("default", ONE),
        store.claimable(),
    ):
        with pytest.raises(Transient, match=r"cannot be (read|written)"):
            await asked
    server.start()
    assert await store.append(ONE, 1, epoch, changes_of(STARTED)) == 2
    assert (await store.load(ONE))[2] == 2
    number = await other.catalogue.number()
    await until(lambda: other.database._listener.is_heard)
    monkeypatch.setattr(sql_catalogue, "_LOOK_SECONDS", 3600.0)
    waiting = asyncio.create_task(other.catalogue.changed(number))
    await store.create(row_of(OTHER), first_of(OTHER))
    async with asyncio.timeout(60):
        assert await waiting == number + 1


@pytest.mark.anyio
async def test_a_connection_that_the_server_ends_between_two_writes_is_not_noticed(places):
    store = places.open("a")
    epoch = await driven(store, "a")
    others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
    run(places.url, f"SELECT pg_terminate_backend(pid) {others}")
    await until(lambda: not run(places.url, f"SELECT 1 {others} AND query LIKE '%COMMIT'"))
    assert await store.append(ONE, 1, epoch, changes_of(STARTED)) == 2


@pytest.mark.anyio
async def test_a_text_that_postgres_does_not_take_hurts_nobody_else(places):
    store = places.open("a")
    bad = RunRow(OTHER, "default", "nul\0", 1.0, False, "", 0, "simulated", b"{}", b"{}")
    good = [row_of(RunId(f"run-{i}")) for i in range(5)]
    asked = [
        store.create(bad, first_of(OTHER)),
        *(store.create(row, first_of(row.run)) for row in good),
    ]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(answers[0], Permanent)
    assert answers[1:] == [None] * 5
    assert len(await store.list("default")) == 5


@pytest.mark.anyio
async def test_a_reader_that_loses_patience_leaves_the_connections_usable(places):
    store = places.open("a")
    for _ in range(8):
        slow = asyncio.create_task(store.database.read("SELECT pg_sleep(60)"))
        await asyncio.sleep(0.02)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
    async with asyncio.timeout(30):
        assert await store.database.read("SELECT ?", ("x",)) == [("x",)]


# --------------------------------------------------------------------------------- Argo's archive

ARGO = """
    CREATE TABLE argo_archived_workflows (
        clustername varchar(64) not null, uid varchar(128) not null, name varchar(256) not null,
        phase varchar(25) not null, namespace varchar(256) not null, workflow jsonb not null,
        startedat timestamp not null default CURRENT_TIMESTAMP,
        finishedat timestamp not null default CURRENT_TIMESTAMP,
        creationtimestamp timestamp, instanceid varchar(64) not null,
        primary key (clustername, uid))
"""
ARGO_LABELS = """
    CREATE TABLE argo_archived_workflows_labels (
        clustername varchar(64) not null, uid varchar(128) not null, name varchar(317) not null,
        value varchar(63) not null, primary key (clustername, uid, name),
        foreign key (clustername, uid) references argo_archived_workflows (clustername, uid)
            on delete cascade)
"""
STORE = """
    INSERT INTO argo_archived_workflows VALUES ('default', $1, $2, 'Succeeded', 'team',
        $3::text::jsonb, $4::text::timestamp, $4::text::timestamp + interval '1 minute',
        $4::text::timestamp, '')
"""


def argo_archive(url, *names):
    """Make Argo's tables with workflows that ended a minute after they began."""
    run(url, ARGO)
    run(url, ARGO_LABELS)
    for number, name in enumerate(names):
        argo_stores(url, name, number)


def argo_stores(url, name, number):
    document = {
        "metadata": {"name": name, "namespace": "team", "uid": f"uid-{name}"},
        "status": {"phase": "Succeeded", "message": "a ARGO_POSTGRES_NULL_REPLACEMENT b"},
    }
    at = f"2024-01-0{number + 1} 00:00:00"
    run(url, STORE, f"uid-{name}", name, json.dumps(document), at)
    labels = "INSERT INTO argo_archived_workflows_labels VALUES ('default', $1, $2, $3)"
    run(url, labels, f"uid-{name}", "app", f"of-{name}")


async def listed(store, **wanted):
    listing = await store.catalogue.page(Filter(**wanted), Page())
    return [item.row.name for item in listing.items]


@pytest.mark.anyio
async def test_what_argo_archived_is_listed_and_read(places):
    argo_archive(places.url, "old", "new")
    store = places.open("a")
    assert await listed(store) == ["new", "old"]
    assert await listed(store, created_after=1_704_153_600.0) == ["new"]
    assert await store.catalogue.label_values("team", "app") == ["of-new", "of-old"]
    document = await store.catalogue.archived(RunId("uid-old"))
    assert document["status"]["message"] == "a \0 b"
    item = await store.catalogue.listed(RunId("uid-old"))
    assert (item.live, item.archived, item.row.namespace) == (False, True, "team")


@pytest.mark.anyio
async def test_what_argo_archives_meanwhile_is_entered_when_a_process_opens(places):
    argo_archive(places.url, "old")
    store = places.open("a")
    await store.create(named_row("mine"), first_of(named_row("mine").run))
    argo_stores(places.url, "late", 3)
    places.open("b")
    assert await listed(store) == ["late", "mine", "old"]
    places.open("c")
    assert await listed(store) == ["late", "mine", "old"]


@pytest.mark.anyio
async def test_a_copy_is_kept_in_argos_tables_and_columns(places):
    argo_archive(places.url)
    store = places.open("a")
    row = named_row("mine")
    await store.create(row, first_of(row.run))
    epoch = await store.claim(row.run, "a")
    await store.append(row.run, 1, epoch, changes_of(STARTED, done=True))
    document = {
        "metadata": {
            "name": "mine",
            "creationTimestamp": "2024-05-01T00:00:00Z",
            "labels": {"app": "x"},
        },
        "status": {"phase": "Failed", "startedAt": "2024-05-01T10:00:00Z", "message": "\0 \\u0000"},
    }
    item = await store.catalogue.listed(row.run)
    assert await store.catalogue.archive(item, document)
    kept = run(
        places.url,
        "SELECT name, phase, startedat::text, workflow #>> '{status,message}' FROM"
        " public.argo_archived_workflows",
    )
    null = "ARGO_POSTGRES_NULL_REPLACEMENT"
    assert [*map(tuple, kept)] == [("mine", "Failed", "2024-05-01 10:00:00", f"{null} \\u0000")]
    assert len(run(places.url, "SELECT 1 FROM public.argo_archived_workflows_labels")) == 1
    assert await store.catalogue.archived(row.run) == document
    await store.catalogue.forget_archived(row.run)
    assert run(places.url, "SELECT 1 FROM public.argo_archived_workflows") == []
    with pytest.raises(NotFound):
        await store.catalogue.archived(row.run)


# -------------------------------------------------------------------------------- small tables


@pytest.mark.anyio
async def test_tokens_are_kept_found_and_revoked(places):
    book = places.open("a").tokens
    row = TokenRow("id", "ci", b"\0digest", 1.0, 9.0, [Grant(["team"], ["get"], ["*"])])
    await book.add(row)
    assert await book.find("id") == row
    assert await book.list() == [row]
    await book.revoke("id")
    with pytest.raises(NotFound):
        await book.revoke("id")
    await book.add(row)
    await book.add(TokenRow("later", "x", b"", 10.0, 20.0, []))
    assert [one.id for one in await book.list()] == ["later"]


@pytest.mark.anyio
async def test_limits_of_the_database_are_set_and_removed(places):
    limits = SqlLimitRows(places.open("a").database.write)
    assert await limits.create("ns/k", 3)
    assert not await limits.create("ns/k", 4)
    assert await limits.get("ns/k") == 3
    assert await limits.update("ns/k", 5)
    assert await limits.get("ns/k") == 5
    assert await limits.delete("ns/k")
    assert not await limits.delete("ns/k")
    assert not await limits.update("ns/k", 1)


@pytest.mark.anyio
async def test_a_name_is_taken_once_whoever_asks(places):
    one, other = places.open("one"), places.open("other")
    asked = [
        store.create(row_of(run, "same"), first_of(run))
        for store, run in ((one, ONE), (other, OTHER))
    ]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers].count(Conflict) == 1
