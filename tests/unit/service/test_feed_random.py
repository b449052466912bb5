"""Whatever happens, and however slow they are, watchers end with what there is, told in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import msgspec
import pytest
from tests.unit.service.test_feed import feed_of, stock  # noqa: F401 - a fixture

from tiphys.ports_server import Filter, Page
from tiphys.service import feed as module
from tiphys.service.feed import Change, Feed, Wanted
from tiphys.service.selection import requirements
from tiphys.testing.catalogue_contract import Stock, add, come_to, row_of, summary_of

pytestmark = pytest.mark.anyio
_TURNS = 20_000
"""Of the event loop, in which everybody must have heard everything."""
RUNNING = requirements("phase=Running")


class Client:
    """What a watcher makes of what it hears; `strict`: each kind must be the right one."""

    def __init__(self, pace: random.Random, wanted: Wanted, strict: bool) -> None:
        self.count = 0
        self.known: dict[str, str] = {}
        self.strict = strict
        self.wanted = wanted
        self._pace = pace
        self._last = 0

    async def listen(self, watch: AsyncIterator[Change], listed: bool, world: World) -> None:
        self.count = world.count
        async for change in watch:
            self.take(change, listed)
            for _ in range(self._pace.choice([0, 0, 1, 30])):
                await asyncio.sleep(0)

    def take(self, change: Change, listed: bool) -> None:
        metadata, status = change.document["metadata"], change.document["status"]
        assert isinstance(metadata, dict)
        assert isinstance(status, dict)
        name, number = str(metadata["name"]), int(str(metadata["resourceVersion"]))
        if listed or self.known:  # what there is comes by birth, what follows by number
            assert number > self._last or not listed
        self._last = number
        # Of what goes while a watcher begins it may hear that alone.
        went = change.kind == "DELETED" and int(name.removeprefix("w")) < self.count
        if self.strict and not went:
            assert (change.kind == "ADDED") == (name not in self.known), (change.kind, name)
        if change.kind == "DELETED":
            self.known.pop(name, None)
        else:
            self.known[name] = str(status["phase"])


async def expected(stock: Stock, wanted: Wanted) -> dict[str, str]:  # noqa: F811
    listing = await stock.catalogue.page(wanted.filter(), Page())
    phases = ((one.row.name, msgspec.json.decode(one.row.summary)) for one in listing.items)
    return {name: summary["status"]["phase"] for name, summary in phases}


class World:
    """Workflows that come, change and go."""

    def __init__(self, stock: Stock, choice: random.Random) -> None:  # noqa: F811
        self.stock = stock
        self.choice = choice
        self.alive: list[str] = []
        self.count = 0

    async def turn(self) -> None:
        what = self.choice.random()
        if what < 0.3 or not self.alive:
            name = f"w{self.count}"
            self.count += 1
            await add(self.stock, row_of(name))
            self.alive.append(row_of(name).run)
        elif what < 0.85:
            phase = self.choice.choice(["Pending", "Running", "Running"])
            await come_to(self.stock, self.choice.choice(self.alive), summary_of(phase))
        else:
            run = self.alive.pop(self.choice.randrange(len(self.alive)))
            await self.stock.store.delete(row_of(run.removeprefix("team-")).run)


async def begin(feed: Feed, world: World, strict: bool) -> tuple[Client, asyncio.Task[None]]:
    """Let a watcher begin, with a list or without."""
    wanted = Wanted(labels=world.choice.choice([(), RUNNING]), nodes=False)
    listed = world.choice.random() < 0.5
    # What changed since a list may have been selected: then more is told than must be.
    client = Client(world.choice, wanted, strict and not (listed and wanted.labels))
    version = ""
    if listed:
        client.known = await expected(world.stock, wanted)
        version = str((await world.stock.catalogue.page(Filter(), Page(1))).version)
    watch = feed.watch(wanted, version)
    return client, asyncio.create_task(client.listen(watch, listed, world))


@pytest.mark.parametrize("kept", [10_000, 5])
@pytest.mark.parametrize("seed", range(6))
async def test_watchers_end_with_what_there_is(
    stock: Stock,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    kept: int,
) -> None:
    stored = 2 if kept == 5 else 100
    limits = {"_KEPT": kept, "_STORED": stored, "_SLICE": 3, "_WARM": 4, "_PAGE": 2}
    for name, value in limits.items():
        monkeypatch.setattr(module, name, value)
    world = World(stock, random.Random(seed))
    feed = feed_of(stock)
    await world.turn()
    began = [await begin(feed, world, strict=kept > 5)]
    for turn in range(120):
        await world.turn()
        for _ in range(world.choice.choice([0, 1, 5])):
            await asyncio.sleep(0)
        if turn % 20 == 0:
            began.append(await begin(feed, world, strict=kept > 5))
    try:
        for client, task in began:
            for _ in range(_TURNS):
                if client.known == await expected(stock, client.wanted):
                    break
                assert not task.done(), task.exception()
                await asyncio.sleep(0)
            assert client.known == await expected(stock, client.wanted)
    finally:
        for _, task in began:
            task.cancel()
        await asyncio.gather(*(task for _, task in began), return_exceptions=True)
    assert len(feed._window) <= kept
