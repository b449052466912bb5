"""Each question goes to the answerer of its kind."""

from __future__ import annotations

import asyncio

import pytest

from tiphys.errors import EngineBug
from tiphys.locks.cache import CacheAnswers
from tiphys.locks.memory import MemoryLocks
from tiphys.locks.router import Router
from tiphys.messages import CacheMissed, CacheWanted, Granted
from tiphys.model.ids import RunId
from tiphys.store.objects import MemoryObjects
from tiphys.testing.answerer_contract import MUTEX, locks, room
from tiphys.testing.clock import JumpingClock, run

RUN = RunId("run-a")
LOOK = CacheWanted(question="look", run=RUN, namespace="ns", cache="memo", key="k")


def router() -> Router:
    objects, clock = MemoryObjects(JumpingClock()), JumpingClock()
    return Router([MemoryLocks(objects, clock), CacheAnswers(objects, clock)])


def test_answers_of_all_come_in_one_stream():
    async def main():
        answerer = router()
        stream = answerer.watch(RUN)
        for question in (locks("a", MUTEX), LOOK, room("a", "ns")):
            await answerer.ask(question)
        heard = dict([await anext(stream) for _ in range(3)])
        await stream.aclose()
        assert heard == {"locks/": Granted(), "look": CacheMissed(), "room": Granted()}
        assert sorted(await answerer.held(RUN)) == ["locks/", "room"]
        await answerer.release(RUN, "locks/")
        assert await answerer.held(RUN) == ["room"]

    run(main())


def test_a_watcher_that_is_cancelled_leaves_nothing_running():
    async def main():
        answerer = router()

        async def listen():
            async for _ in answerer.watch(RUN):
                pass

        task = asyncio.ensure_future(listen())
        await answerer.ask(LOOK)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


def test_a_question_that_nobody_answers_is_a_defect():
    async def main():
        with pytest.raises(EngineBug):
            await Router([]).ask(LOOK)

    run(main())
