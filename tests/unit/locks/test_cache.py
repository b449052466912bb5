"""Memoization caches in ConfigMaps."""

from __future__ import annotations

import asyncio
import json

import pytest

from tiphys.errors import Conflict, NotFound, Transient
from tiphys.locks.cache import CacheAnswers, collect_garbage
from tiphys.messages import CacheHit, CacheMissed, CacheWanted, KeepWanted, Kept, Refused
from tiphys.model.arguments import Outputs, Parameter
from tiphys.model.ids import NodeId, RunId
from tiphys.model.times import time_text
from tiphys.ports import ObjectRef
from tiphys.store.objects import MemoryObjects
from tiphys.testing.clock import BEGINNING, JumpingClock, run

RUN = RunId("run")
MEMO = ObjectRef("v1", "ConfigMap", "ns", "memo")
LABELS = {"workflows.argoproj.io/configmap-type": "Cache"}
OUTPUTS = Outputs(parameters=(Parameter(name="o", value="7"),), exit_code="0")


class Cache:
    def __init__(self, objects=None, namespace: str = "") -> None:
        self.objects = objects or MemoryObjects(JumpingClock())
        self.clock = JumpingClock()
        self.answerer = CacheAnswers(self.objects, self.clock, namespace)

    async def ask(self, question):
        await self.answerer.ask(question)
        stream = self.answerer.watch(RUN)
        name, answer = await anext(stream)
        await stream.aclose()
        assert name == question.question
        return answer

    async def keep(self, key: str = "k", outputs: Outputs | None = OUTPUTS):
        return await self.ask(
            KeepWanted(
                question="keep",
                run=RUN,
                namespace="ns",
                cache="memo",
                key=key,
                node=NodeId("wf-1"),
                outputs=outputs,
            )
        )

    async def look_up(self, key: str = "k", max_age: float | None = None):
        return await self.ask(
            CacheWanted(
                question="look",
                run=RUN,
                namespace="ns",
                cache="memo",
                key=key,
                max_age_seconds=max_age,
            )
        )

    async def later(self, seconds: float) -> None:
        await self.clock.sleep_until(self.clock.now() + seconds)

    async def store(self, labels, **data) -> None:
        metadata = {"namespace": "ns", "name": "memo", "labels": labels}
        await self.objects.create(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        )

    async def stored(self):
        return await self.objects.get(MEMO)


class Busy(MemoryObjects):
    """Somebody else is faster, so many times."""

    def __init__(self, times: int, error: Exception) -> None:
        super().__init__(JumpingClock())
        self.times = times
        self.error = error

    async def replace(self, document):
        if self.times > 0:
            self.times -= 1
            raise self.error
        return await super().replace(document)


def test_without_a_config_map_nothing_is_known():
    assert run(Cache().look_up()) == CacheMissed()


def test_what_is_kept_is_written_as_argo_writes_it():
    async def main():
        cache = Cache()
        assert await cache.keep() == Kept()
        stored = await cache.stored()
        assert stored["metadata"]["labels"] == LABELS
        now = time_text(BEGINNING)
        assert stored["data"] == {
            "k": '{"nodeID":"wf-1","outputs":{"parameters":[{"name":"o","value":"7"}],'
            f'"exitCode":"0"}},"creationTimestamp":"{now}","lastHitTimestamp":"{now}"}}'
        }
        assert await cache.look_up() == CacheHit(OUTPUTS)
        assert await cache.look_up("other") == CacheMissed()

    run(main())


def test_a_node_without_outputs_is_a_hit_as_well():
    async def main():
        cache = Cache()
        await cache.keep(outputs=None)
        assert '"outputs":null' in (await cache.stored())["data"]["k"]
        assert await cache.look_up() == CacheHit(None)

    run(main())


def test_a_hit_notes_its_time():
    async def main():
        cache = Cache()
        await cache.keep()
        await cache.later(100)
        await cache.look_up()
        entry = json.loads((await cache.stored())["data"]["k"])
        assert entry["creationTimestamp"] == time_text(BEGINNING)
        assert entry["lastHitTimestamp"] == time_text(BEGINNING + 100)

    run(main())


def test_an_entry_that_is_too_old_is_not_known():
    async def main():
        cache = Cache()
        await cache.keep()
        await cache.later(60)
        assert await cache.look_up(max_age=60) == CacheHit(OUTPUTS)
        assert await cache.look_up(max_age=59) == CacheMissed()

    run(main())


@pytest.mark.parametrize("labels", [{}, {"workflows.argoproj.io/configmap-type": "Parameter"}])
def test_a_config_map_that_is_no_cache_is_neither_read_nor_written(labels):
    async def main():
        cache = Cache()
        await cache.store(labels, mine="1")
        refused = Refused(
            "memoization configmap doesn't have workflows.argoproj.io/configmap-type label, "
            "refusing to use it"
        )
        assert await cache.look_up() == refused
        assert await cache.keep() == refused
        assert (await cache.stored())["data"] == {"mine": "1"}

    run(main())


def test_keeping_leaves_only_the_mark_of_all_labels():
    async def main():
        cache = Cache()
        await cache.store({**LABELS, "team": "a"})
        await cache.keep()
        assert (await cache.stored())["metadata"]["labels"] == LABELS

    run(main())


@pytest.mark.parametrize("text", ["{", "[]", '{"nodeID":"n"}', '{"nodeID":"n","outputs":3}'])
def test_an_entry_that_cannot_be_read_is_refused(text):
    async def main():
        cache = Cache()
        await cache.store(LABELS, k=text)
        answer = await cache.look_up()
        assert isinstance(answer, Refused)
        assert answer.message.startswith("malformed cache entry: could not unmarshal JSON")

    run(main())


@pytest.mark.parametrize("error", [Conflict("modified"), Transient("away"), NotFound("gone")])
def test_somebody_elses_change_is_overcome_four_times(error):
    async def main():
        for times, expected in ((4, Kept()), (5, Refused(str(error)))):
            objects = Busy(0, error)
            cache = Cache(objects)
            await cache.keep()
            objects.times = times
            assert await cache.keep("other") == expected

    run(main())


def test_many_nodes_of_a_process_may_ask_at_once():
    async def main():
        cache = Cache()
        asked = [
            KeepWanted(
                question=f"q{i}",
                run=RUN,
                namespace="ns",
                cache="memo",
                key=f"k{i}",
                node=NodeId("n"),
            )
            for i in range(50)
        ]
        await asyncio.gather(*(cache.answerer.ask(question) for question in asked))
        assert len((await cache.stored())["data"]) == 50

    run(main())


def test_all_caches_may_be_in_one_namespace():
    async def main():
        cache = Cache(namespace="argo")
        await cache.keep()
        assert await cache.objects.get(ObjectRef("v1", "ConfigMap", "argo", "memo"))
        assert await cache.look_up() == CacheHit(OUTPUTS)

    run(main())


def test_garbage_is_what_was_not_asked_for_long():
    async def main():
        cache = Cache()
        await cache.keep("old")
        await cache.later(20)
        await cache.keep("new")
        assert await collect_garbage(cache.objects, BEGINNING + 30, 30) == 0
        assert await collect_garbage(cache.objects, BEGINNING + 31, 30) == 1
        assert [*(await cache.stored())["data"]] == ["new"]

    run(main())


def test_a_cache_without_entries_goes_as_a_whole():
    async def main():
        cache = Cache()
        await cache.keep()
        assert await collect_garbage(cache.objects, BEGINNING + 31, 30) == 1
        with pytest.raises(NotFound):
            await cache.stored()

    run(main())


def test_garbage_is_only_looked_for_in_caches_and_leaves_what_it_cannot_read():
    async def main():
        other = Cache()
        await other.store({}, k="{")
        assert await collect_garbage(other.objects, BEGINNING, 0) == 0
        assert await other.stored()
        broken = Cache()
        await broken.store(LABELS, k="{")
        assert await collect_garbage(broken.objects, BEGINNING + 99, 0) == 0
        assert (await broken.stored())["data"] == {"k": "{"}

    run(main())
