"""The rules of locks at scale, and the watchers of locks in memory."""

from __future__ import annotations

import asyncio

from tiphys.locks import queue
from tiphys.locks.book import Key
from tiphys.locks.memory import MemoryLocks
from tiphys.locks.memory_book import MemoryBook
from tiphys.messages import Awaited, Granted
from tiphys.model.ids import RunId
from tiphys.store.objects import MemoryObjects
from tiphys.testing.answerer_contract import MUTEX, OTHER, SEMAPHORE, locks
from tiphys.testing.clock import JumpingClock, run


class Counting(MemoryBook):
    """Counts the questions that are looked at."""

    looked = 0

    def first(self, name):
        self.looked += 1
        return super().first(name)

    def peers(self, name, peer):
        found = [*super().peers(name, peer)]
        self.looked += len(found)
        return found


def test_what_a_release_looks_at_does_not_grow_with_those_who_wait():
    costs = []
    for size in (10, 1_000):
        book = Counting()
        for i in range(size):
            queue.ask(book, locks("a", MUTEX, OTHER, node=f"n{i}"), {})
        book.looked = 0
        news = queue.release(book, Key(RunId("run-a"), "locks/n0"))
        assert [(one.question, one.answer) for one in news] == [("locks/n1", Granted())]
        costs.append(book.looked)
    assert costs[0] == costs[1]


def test_a_book_forgets_all_of_those_who_left():
    book = MemoryBook()
    for i in range(100):
        queue.ask(book, locks(f"w{i}", MUTEX, OTHER), {})
    for i in range(100):
        queue.release(book, Key(RunId(f"run-w{i}"), "locks/"))
    assert not book.runs()
    assert not book.has_blocks()
    assert not book.queues("ns")
    assert book.first(MUTEX.key) is None


def test_an_asker_that_is_cancelled_does_not_swallow_what_others_are_due():
    async def main():
        held = MemoryLocks(MemoryObjects(JumpingClock()), JumpingClock())
        await held.ask(locks("a", MUTEX))
        await held.ask(locks("b", MUTEX))
        stream = held.watch(RunId("run-b"))
        _, answer = await anext(stream)
        assert isinstance(answer, Awaited)
        release = asyncio.ensure_future(held.release(RunId("run-a"), "locks/"))
        await asyncio.sleep(0)
        release.cancel()
        assert await anext(stream) == ("locks/", Granted())
        await stream.aclose()

    run(main())


def test_when_the_lookout_leaves_another_looks_for_changed_limits():
    async def main():
        objects = MemoryObjects(JumpingClock())
        held = MemoryLocks(objects, JumpingClock())
        await objects.create(config_map(1))
        for name in ("a", "b", "c"):
            await held.ask(locks(name, SEMAPHORE))
        first, second = held.watch(RunId("run-b")), held.watch(RunId("run-c"))
        for stream in (first, second):
            assert isinstance((await anext(stream))[1], Awaited)
        looking, waiting = asyncio.ensure_future(anext(first)), asyncio.ensure_future(anext(second))
        await asyncio.sleep(0)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await objects.replace(config_map(3))
        assert await waiting == ("locks/", Granted())
        await second.aclose()

    run(main())


def config_map(size):
    metadata = {"namespace": "ns", "name": "cm"}
    data = {"size": str(size)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
