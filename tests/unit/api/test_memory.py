"""A server that has run many workflows keeps no more in memory than one that has run some.

Objects are counted, not bytes: what a process weighs depends on much else.
"""

from __future__ import annotations

import asyncio
import functools
import gc
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.api.driver import NAMESPACE, Place, echo, served

from tiphys.controller.loop import RunLoop
from tiphys.engine.run import Run
from tiphys.service import feed
from tiphys.service.feed import Wanted
from tiphys.service.selection import requirements
from tiphys.settings import Settings

pytestmark = pytest.mark.anyio
BASE = f"/api/v1/workflows/{NAMESPACE}"
SOME, MANY = 60, 240
_FULL = 40
"""Changes that the feed keeps: fewer than there are, so that it is as full before as after."""


_EACH = 4


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(120):
        while not await holds():
            await asyncio.sleep(0.05)


async def run_some(place: Place, count: int, first: int) -> None:
    """Run workflows to their ends, and let all that follows from these happen."""
    services = place.serving.services
    for number in range(first, first + count):
        answer = await place.client.post(BASE, {"workflow": echo(f"w{number}")})
        assert answer.status == 200, answer.json

    async def is_over() -> bool:
        counts = await services.catalogue.counts("workflows.argoproj.io/phase")
        left = await services.catalogue.unarchived(1)
        heard = services.feed._window.last == await services.catalogue.number()
        return counts == {"Succeeded": first + count} and not left and heard and live() <= 1

    await until(is_over)


def live() -> int:
    """Return of how many runs there is something; who woke them last may still look at one."""
    gc.unfreeze()
    return sum(isinstance(one, RunLoop | Run) for one in gc.get_objects())


def kept() -> tuple[Counter[str], Counter[str], int]:
    """Return how many objects of ours there are of each type, and what containers there are.

    Those by their length, and of the large ones, as a registry would be, how much is in them.
    """
    for one in gc.get_objects():
        if isinstance(one, functools._lru_cache_wrapper):  # each has a limit of its own
            one.cache_clear()
    gc.collect()
    gc.unfreeze()  # what the engine has set aside counts
    types: Counter[str] = Counter()
    alike: Counter[str] = Counter()
    inside = 0
    for one in gc.get_objects():
        kind = type(one)
        if str(kind.__module__).startswith(("tiphys", "asyncio")):
            types[f"{kind.__module__}.{kind.__name__}"] += 1
        if kind in {dict, set, list, deque}:
            alike[f"{kind.__name__} of {len(one)}"] += 1
            inside += len(one) if len(one) >= MANY else 0
    return types, alike, inside


def growth(before: tuple[Counter[str], Counter[str], int]) -> dict[str, int]:
    """Return what there is much more of than before.

    The feed may hold some documents more, since it is not always as full: up to `_FULL` of them,
    each with up to `_EACH` containers of one length.
    """
    types, alike, inside = kept()
    grown = {kind: count for kind, count in (types - before[0]).items() if count > SOME}
    grown |= {kind: count for kind, count in (alike - before[1]).items() if count > _FULL * _EACH}
    more = inside - before[2]
    return grown | ({"in large containers": more} if more >= MANY else {})


async def listen(place: Place, wanted: Wanted) -> None:
    async for _ in place.serving.services.feed.watch(wanted, ""):
        pass


async def test_what_has_ended_leaves_nothing_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_KEPT", _FULL)
    monkeypatch.setattr(feed, "_WARM", _FULL)
    monkeypatch.setattr(feed, "_SLICE", 2)  # what each watcher has in its hands, now and then
    settings: Any = Settings(home=tmp_path, runtime="simulated")
    async with served(tmp_path, drives=True, settings=settings) as place:
        wishes = [Wanted(), Wanted(nodes=False), Wanted(labels=requirements("app!=x"), nodes=False)]
        watchers = [asyncio.create_task(listen(place, one)) for one in wishes for _ in range(5)]
        await run_some(place, SOME, 0)
        before = kept()
        await run_some(place, MANY, SOME)
        for _ in range(40):  # what somebody still has in hand goes; what is kept does not
            if not growth(before):
                break
            await asyncio.sleep(0.25)
        grown = growth(before)
        assert not any(task.done() for task in watchers)
        for task in watchers:
            task.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
    assert before[0]
    assert not grown
