"""What changes, for many watchers: nothing is lost, however slow they are."""

from __future__ import annotations

import asyncio

import pytest

from tiphys.errors import UserError
from tiphys.service import feed as module
from tiphys.service.feed import Feed, Wanted
from tiphys.service.workflows import Workflows
from tiphys.store import recording
from tiphys.store.memory import MemoryStore
from tiphys.store.owners import Owner
from tiphys.store.sqlite import SqliteStore
from tiphys.testing.catalogue_contract import Stock, add, come_to, row_of, summary_of

pytestmark = pytest.mark.anyio


class Clock:
    """Real waiting without a pause: the feed only yields."""

    def now(self):
        return 0.0

    async def sleep_until(self, at):
        await asyncio.sleep(0)


@pytest.fixture(params=["memory", "sqlite"])
def stock(request, tmp_path):
    if request.param == "memory":
        store = MemoryStore()
        yield Stock(store, store.catalogue, "me")
        return
    owner = Owner(tmp_path, "me")
    store = SqliteStore(tmp_path, owner)
    yield Stock(store, store.catalogue, "me")
    store.close()
    owner.close()


def feed_of(stock):
    return Feed(Workflows(stock.store, stock.catalogue), stock.catalogue, Clock())


async def heard(watch, count):
    found = []
    async with asyncio.timeout(60):
        while len(found) < count:
            change = await anext(watch)
            found.append((change.kind, change.document["metadata"]["name"]))
    return found


async def test_a_watcher_that_is_late_still_hears_of_everything(stock, monkeypatch):
    monkeypatch.setattr(module, "_KEPT", 3)
    monkeypatch.setattr(module, "_WARM", 1)
    feed = feed_of(stock)
    fast, slow = feed.watch(Wanted(), ""), feed.watch(Wanted(), "")
    await add(stock, row_of("first"))
    assert await heard(fast, 1) == await heard(slow, 1) == [("ADDED", "first")]
    names = [f"w{i}" for i in range(12)]
    for name in names:
        await add(stock, row_of(name))
        assert await heard(fast, 1) == [("ADDED", name)]
    assert await heard(slow, 12) == [("ADDED", name) for name in names]
    await fast.aclose()
    await slow.aclose()


async def test_the_last_state_is_what_a_late_watcher_hears(stock):
    feed = feed_of(stock)
    watch = feed.watch(Wanted(nodes=False), "")
    await add(stock, row_of("a"))
    assert await heard(watch, 1) == [("ADDED", "a")]
    for _ in range(5):
        await come_to(stock, "team-a", summary_of("Running"))
    await come_to(stock, "team-a", summary_of("Failed"), done=True)
    phases = []
    async with asyncio.timeout(60):
        while phases[-1:] != ["Failed"]:
            phases.append((await anext(watch)).document["status"]["phase"])
    await watch.aclose()


async def test_who_hears_the_same_shares_it(stock):
    feed = feed_of(stock)
    watches = [feed.watch(Wanted(), "") for _ in range(2)]
    await add(stock, row_of("a"))
    for watch in watches:
        await heard(watch, 1)
    await add(stock, row_of("b"))
    one, other = [await anext(watch) for watch in watches]
    assert one.document is other.document
    assert one.shared is other.shared
    for watch in watches:
        await watch.aclose()


async def test_numbers_of_which_nothing_is_left_do_not_hold_a_watcher_up(stock):
    await add(stock, row_of("a"))
    number = await stock.catalogue.number()
    for _ in range(3):
        await come_to(stock, "team-a", summary_of("Running"))
    feed = feed_of(stock)
    watch = feed.watch(Wanted(namespace="other"), str(number))
    await add(stock, row_of("b", "other"))
    assert await heard(watch, 1) == [("ADDED", "b")]
    await watch.aclose()


async def test_a_version_that_nothing_has_yet_is_refused(stock):
    number = await stock.catalogue.number()
    for version in (number + 1, 99_999_999):
        with pytest.raises(UserError, match=f"Too large resource version: {version}, current"):
            await anext(feed_of(stock).watch(Wanted(), str(version)))


async def test_a_version_that_is_too_old_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "_KEPT", 2)
    monkeypatch.setattr(recording, "_SWEEP_EVERY", 1)
    owner = Owner(tmp_path, "me")
    store = SqliteStore(tmp_path, owner)
    stock = Stock(store, store.catalogue, "me")
    for i in range(5):
        await add(stock, row_of(f"w{i}"))
        await store.delete(row_of(f"w{i}").run)
    with pytest.raises(UserError, match="too old resource version: 1"):
        await anext(feed_of(stock).watch(Wanted(), "1"))
    store.close()
    owner.close()
