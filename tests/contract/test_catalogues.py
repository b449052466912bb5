"""The contract of catalogues, for each of them; and how an older database gets one."""

from __future__ import annotations

import sqlite3

import msgspec
import pytest
from benchmarks.archived_rows import fill
from hypothesis import given, settings
from hypothesis import strategies as st

from tiphys.expr.selectors import parse_labels
from tiphys.ports_server import Filter, Page
from tiphys.store import recording, sql_catalogue
from tiphys.store.memory import MemoryStore
from tiphys.store.owners import Owner
from tiphys.store.postgres import PostgresStore
from tiphys.store.postgres_address import parse_address
from tiphys.store.sqlite import SqliteStore
from tiphys.testing.catalogue_contract import (
    CatalogueContract,
    Stock,
    add,
    come_to,
    found,
    labelled,
    names,
    row_of,
    summary_of,
)


class TestMemoryCatalogue(CatalogueContract):
    @pytest.fixture
    def stock(self):
        store = MemoryStore()
        return Stock(store, store.catalogue, "me")


class TestSqliteCatalogue(CatalogueContract):
    @pytest.fixture
    def stock(self, tmp_path):
        owner = Owner(tmp_path, "me")
        store = SqliteStore(tmp_path, owner)
        yield Stock(store, store.catalogue, "me")
        store.close()
        owner.close()


class TestPostgresCatalogue(CatalogueContract):
    @pytest.fixture
    def stock(self, tmp_path, postgres):
        owner = Owner(tmp_path, "me")
        store = PostgresStore(parse_address(postgres.new()), tmp_path, owner)
        yield Stock(store, store.catalogue, "me")
        store.close()
        owner.close()


@pytest.fixture
def sqlite_stock(tmp_path):
    owner = Owner(tmp_path, "me")
    store = SqliteStore(tmp_path, owner)
    yield Stock(store, store.catalogue, "me")
    store.close()
    owner.close()


@pytest.mark.anyio
async def test_what_another_process_does_is_noticed(sqlite_stock, tmp_path):
    other = SqliteStore(tmp_path)
    number = await other.catalogue.number()
    await add(sqlite_stock, row_of("a"))
    assert await other.catalogue.changed(number) == number + 1
    other.close()


@pytest.mark.anyio
async def test_what_went_long_ago_is_forgotten(sqlite_stock, monkeypatch):
    monkeypatch.setattr(recording, "_KEPT", 5)
    monkeypatch.setattr(recording, "_SWEEP_EVERY", 2)
    for i in range(6):
        await add(sqlite_stock, row_of(f"w{i}"))
        await sqlite_stock.store.delete(row_of(f"w{i}").run)
    assert await sqlite_stock.catalogue.since(0) is None
    changes = await sqlite_stock.catalogue.since(10)
    assert [change.item.row.name for change in changes] == ["w5"]


@pytest.mark.anyio
async def test_a_label_is_found_whether_few_or_many_have_it(sqlite_stock, monkeypatch):
    monkeypatch.setattr(sql_catalogue, "_FEW", 3)
    for i in range(6):
        few = {"few": str(i)} if i in (1, 4) else {}
        await add(sqlite_stock, row_of(f"w{i}", app=str(i), **few))
    assert await found(sqlite_stock, labelled("app")) == [f"w{i}" for i in reversed(range(6))]
    assert await found(sqlite_stock, labelled("few")) == ["w4", "w1"]
    assert await found(sqlite_stock, labelled("app,few,app!=4")) == ["w1"]


@pytest.mark.anyio
async def test_the_runs_of_an_older_database_are_entered(tmp_path):
    owner = Owner(tmp_path, "me")
    store = SqliteStore(tmp_path, owner)
    stock = Stock(store, store.catalogue, "me")
    await add(stock, row_of("a", created_at=1.0, app="x"), row_of("b", created_at=2.0))
    end = "1970-01-01T00:20:00Z"
    await come_to(stock, "team-a", summary_of("Failed", end, end), done=True)
    store.close()
    with sqlite3.connect(tmp_path / "tiphys.db") as db:
        for table in (
            *("run_index", "run_labels", "gone_runs", "run_numbers", "tokens"),
            *("argo_archived_workflows", "argo_archived_workflows_labels"),
        ):
            db.execute(f"DROP TABLE {table}")
        db.execute("ALTER TABLE runs ADD COLUMN document BLOB")
        db.execute("ALTER TABLE runs ADD COLUMN extras BLOB")
        db.execute(
            "UPDATE runs SET (document, extras) = "
            "(SELECT document, extras FROM run_texts WHERE run = uid)"
        )
        db.execute("DROP TABLE run_texts")
        db.execute("DROP TABLE retired_runs")
        db.execute("DROP TABLE cron_runtimes")
        db.execute("PRAGMA user_version = 4")
    store = SqliteStore(tmp_path, owner)
    stock = Stock(store, store.catalogue, "me")
    assert await found(stock, labelled("app=x,phase=Failed")) == ["a"]
    assert await found(stock, Filter(finished_before=1199.0)) == ["b"]
    assert await found(stock, Filter()) == ["b", "a"]
    await come_to(stock, "team-b", summary_of("Running"))
    assert await found(stock, labelled("phase=Running")) == ["b"]
    store.close()
    owner.close()


async def filled(store):
    """Check that the rows which the benchmark writes are those of an archive."""
    size = await fill(store.database, 30)
    first = await store.catalogue.page(Filter(place="archived"), Page(10, 0, counts=True))
    assert (len(first.items), first.more, first.remaining) == (10, True, 20)
    seen = 0
    for item in (await store.catalogue.page(Filter(), Page())).items:
        document = await store.catalogue.archived(item.row.run)
        assert document["metadata"]["name"] == item.row.name
        assert document["status"]["nodes"]
        assert item.row.done
        assert not item.live
        labels = ",".join(f"{key}={text}" for key, text in document["metadata"]["labels"].items())
        assert item.row.name in await found(Stock(store, store.catalogue, ""), labelled(labels))
        seen += len(msgspec.json.encode(document))
    assert seen == size
    assert "team" in await store.catalogue.label_names(None)


@pytest.mark.anyio
async def test_a_filled_archive_is_read_like_any_other(tmp_path):
    store = SqliteStore(tmp_path)
    await filled(store)
    store.close()


@pytest.mark.anyio
async def test_so_is_one_in_postgres(tmp_path, postgres):
    store = PostgresStore(parse_address(postgres.new()), tmp_path)
    await filled(store)
    store.close()


# ------------------------------------------------------------------------------- properties

KEYS, VALUES = ("a", "b", "n"), ("x", "y", "7", "12")
LABELS = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES))
TERM = st.one_of(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(KEYS),
        st.sampled_from(["=", "!="]),
        st.sampled_from(VALUES),
    ),
    st.builds(
        "{} {} ({},{})".format,
        st.sampled_from(KEYS),
        st.sampled_from(["in", "notin"]),
        st.sampled_from(VALUES),
        st.sampled_from(VALUES),
    ),
    st.builds("{}{}{}".format, st.sampled_from(KEYS), st.sampled_from("<>"), st.integers(5, 13)),
    st.sampled_from([*KEYS, *(f"!{key}" for key in KEYS)]),
)


@given(st.lists(LABELS, max_size=12), st.lists(TERM, max_size=3), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
@pytest.mark.anyio
async def test_pages_of_any_selector_hold_each_match_once(tmp_path_factory, rows, terms, limit):
    store = SqliteStore(tmp_path_factory.mktemp("home"))
    await each_match_is_on_one_page(store, rows, terms, limit)


@pytest.fixture(scope="module")
def wide(postgres, tmp_path_factory):
    """A database for many examples, each of which empties it."""
    store = PostgresStore(parse_address(postgres.new()), tmp_path_factory.mktemp("home"))
    yield store
    store.close()


@given(st.lists(LABELS, max_size=12), st.lists(TERM, max_size=3), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
@pytest.mark.anyio
async def test_so_do_pages_in_postgres(wide, rows, terms, limit):
    await wide.database.write(emptied)
    await each_match_is_on_one_page(wide, rows, terms, limit, closes=False)


def emptied(db):
    for table in ("runs", "run_texts", "events", "run_index", "run_labels"):
        db.execute(f"DELETE FROM {table}")


async def each_match_is_on_one_page(store, rows, terms, limit, closes=True):
    selector = parse_labels(",".join(terms))
    stock = Stock(store, store.catalogue, "me")
    named = [row_of(f"w{i}", **labels) for i, labels in enumerate(rows)]
    await add(stock, *named)
    expected = [
        row.name
        for row, labels in zip(reversed(named), reversed(rows), strict=True)
        if selector.matches({**labels, "phase": "Pending"})
    ]
    seen: list[str] = []
    before = 0
    while True:
        page = Page(limit, before, counts=True)
        listing = await store.catalogue.page(Filter(labels=selector.requirements), page)
        seen += names(listing)
        assert listing.remaining == len(expected) - len(seen)
        if not listing.more:
            break
        before = listing.items[-1].born
    if closes:
        store.close()
    assert seen == expected
