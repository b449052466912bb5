"""Deleting artifacts: tried again, visible, and never twice; on both ledgers."""

from __future__ import annotations

import asyncio

import pytest

from tiphys.artifacts.local import LocalDriver
from tiphys.artifacts.registry import Drivers
from tiphys.controller.artifact_gc import ArtifactGC
from tiphys.errors import NotFound, Permanent, Transient
from tiphys.model.artifact_gc import Deletion
from tiphys.model.artifacts import Artifact, LocalArtifact
from tiphys.model.ids import RunId
from tiphys.ports import DeletionRow
from tiphys.store.deletions import MemoryDeletions
from tiphys.store.postgres import PostgresStore
from tiphys.store.postgres_address import parse_address
from tiphys.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio
RUN = RunId("run-1")


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Clock:
    """Moves only when somebody sleeps."""

    def __init__(self):
        self.at = 100.0

    def now(self):
        return self.at

    async def sleep_until(self, at):
        self.at = max(self.at, at)


class Scripted:
    """A driver whose deletions end as told, the last answer over and over."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.deleted = []

    async def delete(self, where):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.deleted.append(where.name)
        if answer is not None:
            raise answer


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def ledger(request, tmp_path):
    if request.param == "memory":
        yield MemoryDeletions()
        return
    if request.param == "sqlite":
        store = SqliteStore(tmp_path)
    else:
        url = request.getfixturevalue("postgres").new()
        store = PostgresStore(parse_address(url), tmp_path)
    yield store.deletions
    store.close()


def deletion(name="a", node="n"):
    artifact = Artifact(name=name, local=LocalArtifact(key=f"k/{name}"))
    return Deletion(node, "OnWorkflowDeletion", "wf-artgc-wfdel-1-0", artifact)


def collector(ledger, driver, clock=None):
    return ArtifactGC(ledger, lambda namespace: lambda where: driver, clock or Clock())


async def states(ledger):
    return [(row.deletion.artifact.name, row.state, row.tries) for row in await ledger.of(RUN)]


async def test_what_is_wanted_is_deleted_once(ledger, tmp_path):
    driver = LocalDriver(tmp_path / "repository")
    (tmp_path / "x").write_text("1")
    await driver.put(tmp_path / "x", deletion().artifact)
    drivers = Drivers({"local": {"root": tmp_path / "repository"}})
    gc = ArtifactGC(ledger, lambda namespace: drivers, Clock())
    await gc.want(RUN, "work", [deletion()])
    assert not await gc.is_over(RUN)
    assert await gc.work() is None
    with pytest.raises(NotFound):
        await driver.get(deletion().artifact, tmp_path / "y")
    assert await states(ledger) == [("a", "deleted", 1)]
    assert await gc.is_over(RUN)
    await gc.want(RUN, "work", [deletion()])
    assert await gc.work() is None
    assert await states(ledger) == [("a", "deleted", 1)]


async def test_a_bad_connection_is_tried_again_later_and_longer(ledger):
    clock, driver = Clock(), Scripted(Transient("down"), Transient("down"), None)
    gc = collector(ledger, driver, clock)
    await gc.want(RUN, "work", [deletion()])
    waits = []
    while (due := await gc.work()) is not None:
        waits.append(round(due - clock.now(), 3))
        assert [row.error for row in await ledger.of(RUN)] == ["down"]
        await clock.sleep_until(due)
    assert waits == [1.0, 1.6]
    assert await states(ledger) == [("a", "deleted", 3)]


async def test_tries_run_out_and_the_condition_says_so_in_argos_words(ledger):
    clock, driver = Clock(), Scripted(Transient("down"))
    gc = collector(ledger, driver, clock)
    await gc.want(RUN, "work", [deletion()])
    while (due := await gc.work()) is not None:
        await clock.sleep_until(due)
    assert await states(ledger) == [("a", "failed", 5)]
    condition = await gc.condition(RUN)
    assert condition.message == (
        "timed out waiting for the condition: down (artifactGCTask: wf-artgc-wfdel-1-0)"
    )
    assert not await gc.is_over(RUN)
    assert await gc.is_over(RUN, force=True)


async def test_one_that_is_hopeless_does_not_keep_the_others(ledger):
    driver = Scripted(Permanent("no"), None)
    gc = collector(ledger, driver)
    await gc.want(RUN, "work", [deletion("a"), deletion("b")])
    await gc.work()
    assert await states(ledger) == [("a", "failed", 1), ("b", "deleted", 1)]


async def test_what_failed_is_tried_again_when_somebody_says_so(ledger):
    driver = Scripted(Permanent("no"), None)
    gc = collector(ledger, driver)
    await gc.want(RUN, "work", [deletion()])
    await gc.work()
    await gc.again(RUN)
    await gc.work()
    assert await states(ledger) == [("a", "deleted", 1)]
    assert await gc.condition(RUN) is None


async def test_what_is_gone_already_is_deleted(ledger):
    gc = collector(ledger, Scripted(NotFound("gone")))
    await gc.want(RUN, "work", [deletion()])
    await gc.work()
    assert await states(ledger) == [("a", "deleted", 1)]


async def test_many_are_deleted_in_one_go(ledger):
    driver = Scripted(None)
    gc = collector(ledger, driver)
    await gc.want(RUN, "work", [deletion(str(number)) for number in range(50)])
    assert await gc.work() is None
    assert len(set(driver.deleted)) == len(driver.deleted) == 50


async def test_the_queue_wakes_for_what_is_new_and_for_what_is_due(ledger):
    clock, driver = Clock(), Scripted(Transient("down"), None)
    gc = collector(ledger, driver, clock)
    serving = asyncio.create_task(gc.serve())
    await gc.want(RUN, "work", [deletion()])
    async with asyncio.timeout(30):
        while not await gc.is_over(RUN):
            await asyncio.sleep(0)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    assert driver.deleted == ["a", "a"]


async def test_a_ledger_survives_its_process(tmp_path):
    row = DeletionRow(RUN, "work", deletion(), due_at=7.0)
    first = SqliteStore(tmp_path)
    await first.deletions.add([row])
    first.close()
    store = SqliteStore(tmp_path)
    second = store.deletions
    try:
        assert await second.of(RUN) == [row]
        assert await second.next_due() == 7.0
        assert await second.due(6.0, 9) == []
        await second.forget(RUN)
        assert await second.of(RUN) == []
    finally:
        store.close()
