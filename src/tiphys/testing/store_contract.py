"""What every store must do: one suite, run for each of them.

Subclass `StoreContract` in a test module and give it a fixture `home` that returns a `Home`: a
place where several owners, as so many processes, keep the same runs.
"""

# A test module that lives in the package.

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import msgspec
import pytest

from tiphys.errors import Conflict, LostOwnership, NotFound
from tiphys.messages import (
    Event,
    Input,
    NodeProgressed,
    NodeSet,
    ResumeRequested,
    RetryRequested,
    RunAdmitted,
    RunStarted,
    StopRequested,
    SuspendRequested,
)
from tiphys.model.base import JsonObject
from tiphys.model.ids import NodeId, RunId
from tiphys.ports import Changes, EndedRow, Intake, Journal, Queries, RunRow

ONE, OTHER = RunId("run-1"), RunId("run-2")


class Store(Journal, Intake, Queries, Protocol):
    """All three ports of a store."""


class Home(Protocol):
    """A place where owners keep the same runs."""

    def open(self, owner: str) -> Store:
        """Return a living owner's store."""
        ...

    def kill(self, owner: str) -> None:
        """Let an owner die without a last word."""
        ...


def row_of(run: RunId = ONE, name: str = "", created_at: float = 100.0) -> RunRow:
    """Return the row of a new run."""
    return RunRow(
        run=run,
        namespace="default",
        name=name or str(run),
        created_at=created_at,
        done=False,
        owner="",
        epoch=0,
        runtime="simulated",
        document=b"{}",
        summary=b"{}",
    )


def first_of(run: RunId = ONE) -> RunAdmitted:
    """Return the first event of a run."""
    return RunAdmitted(run=run, created_at=100.0, workflow={"kind": "Workflow"})


def changes_of(*events: Event, done: bool = False, taken: int = 0) -> Changes:
    """Return a commit without node rows."""
    return Changes(events=events, nodes=(), summary=b'{"a":1}', done=done, taken=taken)


STARTED = RunStarted(at=101.0)


async def driven(store: Store, owner: str, run: RunId = ONE) -> int:
    """Create a run, claim it and return the epoch."""
    await store.create(row_of(run), first_of(run))
    epoch = await store.claim(run, owner)
    assert epoch is not None
    return epoch


@pytest.mark.anyio
class JournalContract:
    """What is promised of the journal."""

    async def test_a_new_run_is_unowned_and_holds_its_first_event(self, home: Home) -> None:
        store = home.open("a")
        await store.create(row_of(), first_of())
        assert await store.load(ONE) == (None, [first_of()], 1)
        assert await store.find("default", ONE) == row_of()
        assert list(await store.claimable()) == [row_of()]

    async def test_a_run_may_begin_with_several_events(self, home: Home) -> None:
        store = home.open("a")
        await store.create(row_of(), first_of(), STARTED, STARTED)
        assert await store.load(ONE) == (None, [first_of(), STARTED, STARTED], 3)
        epoch = await store.claim(ONE, "a")
        assert epoch is not None
        assert await store.append(ONE, 3, epoch, changes_of(STARTED)) == 4

    async def test_a_commit_removes_the_rows_of_nodes_that_are_gone(self, home: Home) -> None:
        store = home.open("a")
        epoch = await driven(store, "a")
        old, kept = (NodeId("old"), b"1"), (NodeId("kept"), b"2")
        await store.append(ONE, 1, epoch, Changes([STARTED], [old, kept], b"{}", False))
        gone = Changes([STARTED], [(NodeId("new"), b"3")], b"{}", False, gone=[old[0]])
        await store.append(ONE, 2, epoch, gone)
        assert sorted(await store.nodes(ONE)) == [b"2", b"3"]

    async def test_a_run_that_has_ended_is_opened_again(self, home: Home) -> None:
        one, other = home.open("a"), home.open("b")
        epoch = await driven(one, "a")
        with pytest.raises(Conflict, match="not ended"):
            await other.reopen(ONE, RetryRequested(at=1.0), b"{}")
        await one.append(ONE, 1, epoch, changes_of(STARTED, done=True))
        assert list(await other.claimable()) == []
        number = await other.reopen(ONE, RetryRequested(at=2.0), b'{"open":1}')
        with pytest.raises(Conflict, match="not ended"):
            await other.reopen(ONE, RetryRequested(at=3.0), b"{}")
        row = await other.find(None, ONE)
        assert (row.done, row.owner, row.summary) == (False, "", b'{"open":1}')
        assert [item.run for item in await other.claimable()] == [ONE]
        assert await other.claim(ONE, "b") == epoch + 1
        assert list(await other.pending(ONE, 0)) == [(number, RetryRequested(at=2.0))]

    async def test_a_name_is_taken_once_in_a_namespace(self, home: Home) -> None:
        store = home.open("a")
        await store.create(row_of(ONE, "same"), first_of())
        with pytest.raises(Conflict, match="already exists"):
            await store.create(row_of(OTHER, "same"), first_of(OTHER))
        with pytest.raises(NotFound):
            await store.load(OTHER)

    async def test_a_claim_makes_a_new_epoch(self, home: Home) -> None:
        store = home.open("a")
        await store.create(row_of(), first_of())
        epoch = await store.claim(ONE, "a")
        again = await store.claim(ONE, "a")
        assert epoch is not None
        assert again is not None
        assert again > epoch
        row = await store.find(None, ONE)
        assert (row.owner, row.epoch) == ("a", again)

    async def test_a_living_owner_keeps_its_run(self, home: Home) -> None:
        one, other = home.open("a"), home.open("b")
        await driven(one, "a")
        assert await other.claim(ONE, "b") is None
        assert not await other.claimable()

    async def test_a_dead_owners_run_can_be_claimed(self, home: Home) -> None:
        one, other = home.open("a"), home.open("b")
        epoch = await driven(one, "a")
        home.kill("a")
        assert [row.run for row in await other.claimable()] == [ONE]
        taken = await other.claim(ONE, "b")
        assert taken is not None
        assert taken > epoch

    async def test_of_two_owners_that_race_one_wins(self, home: Home) -> None:
        one, other = home.open("a"), home.open("b")
        await one.create(row_of(), first_of())
        epochs = await asyncio.gather(one.claim(ONE, "a"), other.claim(ONE, "b"))
        assert sorted(epoch is None for epoch in epochs) == [False, True]

    async def test_a_released_run_can_be_claimed(self, home: Home) -> None:
        one, other = home.open("a"), home.open("b")
        await one.release(ONE, await driven(one, "a"))
        assert await other.claim(ONE, "b") is not None

    async def test_a_release_under_an_old_epoch_has_no_effect(self, home: Home) -> None:
        one, other = home.open("a"), home.open("b")
        old = await driven(one, "a")
        await one.claim(ONE, "a")
        await one.release(ONE, old)
        assert await other.claim(ONE, "b") is None

    async def test_an_unknown_run_cannot_be_claimed(self, home: Home) -> None:
        assert await home.open("a").claim(ONE, "a") is None

    async def test_appended_events_are_read_back_in_order(self, home: Home) -> None:
        store = home.open("a")
        epoch = await driven(store, "a")
        more = [NodeProgressed(node=NodeId("n"), progress=f"{i}/9") for i in range(9)]
        last = await store.append(ONE, 1, epoch, changes_of(STARTED, *more[:4]))
        assert await store.append(ONE, last, epoch, changes_of(*more[4:])) == 11
        assert await store.load(ONE) == (None, [first_of(), STARTED, *more], 11)

    async def test_rows_alone_may_be_brought_up_to_date(self, home: Home) -> None:
        store = home.open("a")
        epoch = await driven(store, "a")
        await store.append(ONE, 1, epoch, changes_of(STARTED))
        for text in (b"1", b"2"):
            rows = Changes([], [(NodeId("n"), text)], b"{}", False)
            assert await store.append(ONE, 2, epoch, rows) == 2
        assert await store.nodes(ONE) == [b"2"]
        assert await store.load(ONE) == (None, [first_of(), STARTED], 2)

    async def test_an_append_under_an_old_epoch_is_fenced_off(self, home: Home) -> None:
        one, other = home.open("a"), home.open("b")
        old = await driven(one, "a")
        home.kill("a")
        await other.claim(ONE, "b")
        with pytest.raises(LostOwnership):
            await one.append(ONE, 1, old, changes_of(STARTED))
        assert await other.load(ONE) == (None, [first_of()], 1)

    async def test_an_append_after_another_event_than_the_last_is_refused(self, home: Home) -> None:
        store = home.open("a")
        epoch = await driven(store, "a")
        for after in (0, 2):
            with pytest.raises(LostOwnership):
                await store.append(ONE, after, epoch, changes_of(STARTED))
        assert await store.version(ONE) == 1

    async def test_one_commit_writes_events_nodes_and_summary(self, home: Home) -> None:
        store = home.open("a")
        epoch = await driven(store, "a")
        nodes = [(NodeId("n"), b"1"), (NodeId("m"), b"2")]
        await store.append(ONE, 1, epoch, Changes([STARTED], nodes, b"[]", False))
        nodes = [(NodeId("n"), b"3")]
        last = await store.append(ONE, 2, epoch, Changes([STARTED], nodes, b"[0]", True))
        assert sorted(await store.nodes(ONE)) == [b"2", b"3"]
        row = await store.find("default", ONE)
        assert (row.summary, row.done) == (b"[0]", True)
        assert await store.version(ONE) == last
        assert not await store.claimable()

    async def test_a_snapshot_replaces_the_events_before_it_but_not_the_first(
        self, home: Home
    ) -> None:
        store = home.open("a")
        epoch = await driven(store, "a")
        last = await store.append(ONE, 1, epoch, changes_of(STARTED))
        await store.snapshot(ONE, last, epoch, b"state")
        event = NodeProgressed(node=NodeId("n"), progress="1/2")
        last = await store.append(ONE, last, epoch, changes_of(event))
        assert await store.load(ONE) == (b"state", [first_of(), event], last)
        assert await store.history(ONE) == [first_of(), STARTED, event]

    async def test_a_snapshot_under_an_old_epoch_is_refused(self, home: Home) -> None:
        store = home.open("a")
        old = await driven(store, "a")
        await store.claim(ONE, "a")
        with pytest.raises(LostOwnership):
            await store.snapshot(ONE, 1, old, b"state")
        assert (await store.load(ONE))[0] is None

    async def test_a_commit_that_fails_takes_no_other_with_it(self, home: Home) -> None:
        store = home.open("a")
        runs = [RunId(f"run-{i}") for i in range(20)]
        epochs = [await driven(store, "a", run) for run in runs]
        bad = {3, 11}
        done = await asyncio.gather(
            *(
                store.append(run, 9 if i in bad else 1, epoch, changes_of(STARTED))
                for i, (run, epoch) in enumerate(zip(runs, epochs, strict=True))
            ),
            return_exceptions=True,
        )
        assert {i for i, item in enumerate(done) if isinstance(item, LostOwnership)} == bad
        assert [await store.version(run) for run in runs] == [
            1 if i in bad else 2 for i in range(20)
        ]

    async def test_what_is_stored_is_not_shared_with_who_wrote_it(self, home: Home) -> None:
        store = home.open("a")
        workflow: JsonObject = {"kind": "Workflow"}
        await store.create(row_of(), RunAdmitted(run=ONE, created_at=1.0, workflow=workflow))
        workflow["kind"] = "changed"
        for _ in range(2):
            _, events, _ = await store.load(ONE)
            assert isinstance(events[0], RunAdmitted)
            assert events[0].workflow == {"kind": "Workflow"}
            assert isinstance(events[0].workflow, dict)
            events[0].workflow["kind"] = "changed"


@pytest.mark.anyio
class IntakeContract:
    """What is promised of requests."""

    async def test_requests_are_kept_in_the_order_they_were_made(self, home: Home) -> None:
        one, other = home.open("a"), home.open("b")
        await one.create(row_of(), first_of())
        asked: list[Input] = [
            SuspendRequested(at=1.0),
            NodeSet(at=2.0, nodes=(NodeId("n"),), outputs={"k": "v"}),
            ResumeRequested(at=3.0),
            StopRequested(at=4.0, strategy="Stop"),
        ]
        numbers = [await other.post(ONE, item) for item in asked]
        assert numbers == sorted(set(numbers))
        home.kill("b")
        assert await one.pending(ONE, 0) == list(zip(numbers, asked, strict=True))
        assert [n for n, _ in await one.pending(ONE, numbers[1])] == numbers[2:]

    async def test_a_request_is_kept_until_a_commit_answers_it(self, home: Home) -> None:
        store = home.open("a")
        epoch = await driven(store, "a")
        numbers = [await store.post(ONE, SuspendRequested(at=float(i))) for i in range(3)]
        last = await store.append(ONE, 1, epoch, changes_of(STARTED))
        assert len(await store.pending(ONE, 0)) == 3
        await store.append(ONE, last, epoch, changes_of(STARTED, taken=numbers[1]))
        assert [n for n, _ in await store.pending(ONE, 0)] == numbers[2:]

    async def test_a_commit_that_fails_answers_nothing(self, home: Home) -> None:
        store = home.open("a")
        epoch = await driven(store, "a")
        number = await store.post(ONE, SuspendRequested(at=1.0))
        with pytest.raises(LostOwnership):
            await store.append(ONE, 5, epoch, changes_of(STARTED, taken=number))
        assert [n for n, _ in await store.pending(ONE, 0)] == [number]

    async def test_requests_belong_to_one_run(self, home: Home) -> None:
        store = home.open("a")
        epoch = await driven(store, "a")
        await driven(store, "a", OTHER)
        await store.post(ONE, SuspendRequested(at=1.0))
        number = await store.post(OTHER, SuspendRequested(at=1.0))
        await store.append(ONE, 1, epoch, changes_of(STARTED, taken=number))
        assert [n for n, _ in await store.pending(OTHER, 0)] == [number]
        assert not await store.pending(ONE, 0)

    async def test_a_request_wakes_the_runs_owner(self, home: Home) -> None:
        one, other = home.open("a"), home.open("b")
        await driven(one, "a")
        ear = asyncio.ensure_future(one.wait())
        await asyncio.sleep(0)
        await other.post(ONE, SuspendRequested(at=1.0))
        await asyncio.wait_for(ear, 60)

    async def test_a_request_to_an_unknown_run_is_refused(self, home: Home) -> None:
        with pytest.raises(NotFound):
            await home.open("a").post(ONE, SuspendRequested(at=1.0))


@pytest.mark.anyio
class QueriesContract:
    """What is promised of the read side."""

    async def test_runs_are_listed_newest_first(self, home: Home) -> None:
        store = home.open("a")
        for i, name in enumerate(("x", "y", "z")):
            await store.create(row_of(RunId(name), name, 100.0 + i), first_of(RunId(name)))
        assert _names(await store.list(None)) == ["z", "y", "x"]
        assert _names(await store.list("default")) == ["z", "y", "x"]
        assert _names(await store.list("elsewhere")) == []

    async def test_a_run_is_found_by_name_or_as_the_latest(self, home: Home) -> None:
        store = home.open("a")
        await store.create(row_of(ONE, "x", 1.0), first_of())
        await store.create(row_of(OTHER, "y", 2.0), first_of(OTHER))
        assert (await store.find(None, "x")).run == ONE
        assert (await store.find("default", "@latest")).run == OTHER
        for namespace, name in ((None, "w"), ("elsewhere", "x"), ("elsewhere", "@latest")):
            with pytest.raises(NotFound):
                await store.find(namespace, name)

    async def test_ended_runs_are_listed_with_their_summaries(self, home: Home) -> None:
        store = home.open("a")
        epoch = await driven(store, "a")
        await store.create(row_of(OTHER), first_of(OTHER))
        assert await store.ended() == []
        await store.append(ONE, 1, epoch, changes_of(STARTED, done=True))
        row = row_of()
        ended = EndedRow(ONE, row.namespace, row.name, row.created_at, b'{"a":1}')
        assert await store.ended() == [ended]
        assert await store.ended_of([ONE, OTHER, RunId("none")]) == [ended]
        assert await store.ended_of([]) == []

    async def test_ended_runs_are_read_some_at_a_time(self, home: Home) -> None:
        store = home.open("a")
        runs = [RunId(f"run-{number}") for number in (3, 1, 2, 0)]
        for run in runs:
            await store.create(row_of(run, run), first_of(run))
            epoch = await store.claim(run, "a")
            assert epoch is not None
            await store.append(run, 1, epoch, changes_of(STARTED, done=True))
        found = [row.run for row in await store.ended(most=3)]
        assert found == ["run-0", "run-1", "run-2"]
        assert [row.run for row in await store.ended(found[-1], 3)] == ["run-3"]
        assert await store.ended("run-3", 3) == []

    async def test_the_last_success_is_the_newest_with_the_label_and_the_phase(
        self, home: Home
    ) -> None:
        store, label = home.open("a"), "workflows.argoproj.io/cron-workflow"
        ends = ["Succeeded x", "Succeeded x", "Failed x", "Succeeded y", " x"]
        for i, (phase, _, value) in enumerate(end.partition(" ") for end in ends):
            run = RunId(f"run-{i}")
            document = msgspec.json.encode({"metadata": {"labels": {label: value}}})
            row = replace(row_of(run, f"w{i}", 100.0 + i), document=document)
            await store.create(row, first_of(run))
            epoch = await store.claim(run, "a")
            assert epoch is not None
            summary = msgspec.json.encode({"status": {"phase": phase}})
            changes = Changes([STARTED], (), summary, done=phase != "")
            await store.append(run, 1, epoch, changes)
        found = await store.last_success("default", label, "x")
        assert found is not None
        assert found.run == "run-1"
        assert await store.last_success("default", label, "z") is None
        assert await store.last_success("elsewhere", label, "x") is None

    async def test_a_deleted_run_leaves_nothing(self, home: Home) -> None:
        store = home.open("a")
        epoch = await driven(store, "a")
        await store.post(ONE, SuspendRequested(at=1.0))
        node = (NodeId("n"), b"{}")
        await store.append(ONE, 1, epoch, Changes([STARTED], [node], b"{}", False))
        await store.snapshot(ONE, 2, epoch, b"state")
        await store.delete(ONE)
        for question in (
            store.load(ONE),
            store.history(ONE),
            store.version(ONE),
            store.find(None, ONE),
        ):
            with pytest.raises(NotFound):
                await question
        assert not [*await store.nodes(ONE), *await store.pending(ONE, 0)]
        with pytest.raises(LostOwnership):
            await store.append(ONE, 2, epoch, changes_of(STARTED))
        await store.create(row_of(), first_of())
        assert await store.load(ONE) == (None, [first_of()], 1)
        assert not [*await store.nodes(ONE), *await store.pending(ONE, 0)]

    async def test_deleting_an_unknown_run_has_no_effect(self, home: Home) -> None:
        await home.open("a").delete(ONE)


class StoreContract(JournalContract, IntakeContract, QueriesContract):
    """Everything that is promised of a store."""


def _names(rows: Sequence[RunRow]) -> list[str]:
    return [row.name for row in rows]
