"""Ended runs and their pods are deleted when it is time, also after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tiphys.controller.engine import Engine
from tiphys.controller.loop import Ports
from tiphys.controller.retention import Retention, Yard, claims_of
from tiphys.engine.cleanup import Kept
from tiphys.errors import Permanent
from tiphys.model.ids import NodeId, RunId
from tiphys.ports import RunRow
from tiphys.runtime.simulated import ALL, Outcome, SimulatedRuntime
from tiphys.service.documents import Source, load
from tiphys.service.submit import Overrides, Submitter
from tiphys.store.memory import MemoryStore
from tiphys.testing.answers import answers_in_memory
from tiphys.testing.clock import JumpingClock, run

TEXT = """
kind: Workflow
metadata: {name: NAME}
spec:
  RULES
  entrypoint: main
  templates:
  - name: main
    steps: [[{name: good, template: good}, {name: bad, template: bad, continueOn: {failed: true}}]]
  - {name: good, container: {image: x}}
  - {name: bad, container: {image: x}}
"""


class House:
    """A store, and job directories that outlive the runtimes."""

    def __init__(self, kept: Kept | None = None) -> None:
        self.clock = JumpingClock()
        self.store = MemoryStore()
        self.directories: dict[RunId, set[NodeId]] = {}
        self.kept = kept or Kept()
        self.faults = 0
        self.unclaimed: list[tuple[str, list[str]]] = []
        self.code = 0

    async def submit(self, name: str, rules: str = "") -> RunRow:
        text = TEXT.replace("NAME", name).replace("RULES", rules)
        workflow = load([Source("w.yaml", text.encode())]).workflows[0][0]
        submitter = Submitter(self.store, self.clock, lambda _: ALL)
        return await submitter.submit(workflow, [], Overrides(runtime="simulated"))

    def runtime(self, row: RunRow) -> Jobs:
        return Jobs(self, row)

    async def forget(self, row: RunRow) -> None:
        self.directories.pop(row.run, None)
        if self.faults:
            self.faults -= 1
            raise Permanent("the disk is gone for a moment")
        await self.store.delete(row.run)

    async def delete_claims(self, row: RunRow, claims: Sequence[str]) -> None:
        self.unclaimed.append((row.name, [*claims]))

    def retention(self) -> Retention:
        store = self.store
        yard = Yard(
            store, store, self.clock, store.owner, self.runtime, self.forget, self.delete_claims
        )
        return Retention(yard, self.kept)

    def engine(self) -> Engine:
        ports = Ports(
            self.store, self.store, answers_in_memory(self.clock), self.clock, self.store.owner
        )
        return Engine(ports, self.runtime, self.retention())

    async def names(self) -> list[str]:
        return sorted(row.name for row in await self.store.list(None))

    def jobs(self, row: RunRow) -> list[str]:
        return sorted(self.directories.get(row.run, ()))


class Jobs(SimulatedRuntime):
    """A simulated runtime whose jobs leave directories."""

    def __init__(self, house: House, row: RunRow) -> None:
        super().__init__(house.clock, self.play)
        self._house = house
        self._mine = house.directories.setdefault(row.run, set())

    def play(self, job: object) -> Outcome:
        self._mine.add(job.id)  # type: ignore[attr-defined]  # a JobSpec
        code = 1 if job.template.name == "bad" else self._house.code  # type: ignore[attr-defined]
        return Outcome(seconds=10, code=code)

    async def kept(self, run: RunId) -> Sequence[NodeId]:
        return [*self._house.directories.get(run, ())]

    async def forget(self, run: RunId, job: NodeId) -> None:
        self._house.directories.get(run, set()).discard(job)


def test_an_engine_stays_for_what_expires_soon_and_then_leaves() -> None:
    async def play() -> None:
        house = House()
        begun = house.clock.now()
        await house.submit("short", "ttlStrategy: {secondsAfterCompletion: 100}")
        await house.submit("long", "ttlStrategy: {secondsAfterCompletion: 7200}")
        await house.submit("kept")
        await house.engine().serve(5.0)
        assert await house.names() == ["kept", "long"]
        assert 110 < house.clock.now() - begun < 120
        # and: what is due later goes with the next engine
        await house.clock.sleep_until(begun + 7300)
        await house.engine().serve(5.0)
        assert await house.names() == ["kept"]

    run(play())


def test_what_could_not_be_deleted_is_deleted_later() -> None:
    async def play() -> None:
        house = House()
        house.faults = 2
        await house.submit("w", "ttlStrategy: {secondsAfterCompletion: 0}")
        await house.engine().serve(5.0)
        assert await house.names() == ["w"]
        await house.engine().serve(5.0)
        assert await house.names() == ["w"]
        await house.engine().serve(5.0)
        assert await house.names() == []

    run(play())


def test_the_oldest_of_each_phase_go_when_there_are_too_many() -> None:
    async def play() -> None:
        house = House(Kept(completed=1))
        for name in ("a", "b", "c"):
            await house.submit(name)
            await house.clock.sleep_until(house.clock.now() + 1)
            await house.engine().drive((await house.store.list(None))[0])
        assert await house.retention().sweep() is None
        assert await house.names() == ["c"]

    run(play())


@pytest.mark.parametrize(
    ("strategy", "left"),
    [
        ("OnPodCompletion", []),
        ("OnPodSuccess", ["bad"]),
        ("OnWorkflowCompletion", []),
        ("OnWorkflowSuccess", []),
        ("", ["bad", "good"]),
    ],
)
def test_pods_are_dropped_some_time_after_the_end(strategy: str, left: list[str]) -> None:
    async def play() -> None:
        house = House()
        row = await house.submit("w", f'podGC: {{strategy: "{strategy}"}}')
        await house.engine().drive(row)
        assert len(house.jobs(row)) == 2
        retention = house.retention()
        due = await retention.sweep()
        assert due == (house.clock.now() + 5 if strategy else None)
        assert len(house.jobs(row)) == 2
        await house.clock.sleep_until(house.clock.now() + 5)
        assert await retention.sweep() is None
        ids = {node["id"]: node["displayName"] for node in await nodes(house, row)}
        assert sorted(ids[key] for key in house.jobs(row)) == left
        # and: the workflow itself is still there
        assert await house.names() == ["w"]

    run(play())


async def nodes(house: House, row: RunRow) -> list[dict[str, str]]:
    import msgspec

    return [msgspec.json.decode(data) for data in await house.store.nodes(row.run)]


def test_a_failed_workflow_keeps_the_pods_that_only_a_success_drops() -> None:
    async def play() -> None:
        house = House()
        house.code = 1
        row = await house.submit("w", "podGC: {strategy: OnWorkflowSuccess}")
        await house.engine().serve(5.0)
        assert len(house.jobs(row)) == 2

    run(play())


def test_pods_of_a_run_that_was_interrupted_are_dropped_by_the_next_engine() -> None:
    async def play() -> None:
        house = House()
        row = await house.submit("w", "podGC: {strategy: OnPodCompletion}")
        driving = asyncio.ensure_future(house.engine().serve(5.0))
        await house.clock.sleep_until(house.clock.now() + 12)  # over, and not dropped yet
        driving.cancel()
        await asyncio.wait({driving})
        assert len(house.jobs(row)) == 2
        await house.engine().serve(1.0)
        assert house.jobs(row) == []

    run(play())


def test_a_run_that_a_living_owner_has_is_left_alone() -> None:
    async def play() -> None:
        house = House()
        row = await house.submit("w", "ttlStrategy: {secondsAfterCompletion: 0}")
        mine, house.store = house.store, MemoryStore(house.store._memory, "another")
        await house.engine().drive(row)
        other, house.store = house.store, mine
        await house.clock.sleep_until(house.clock.now() + 60)
        await house.retention().sweep()
        assert await house.names() == ["w"]
        other.close()
        await house.retention().sweep()
        assert await house.names() == []

    run(play())


@pytest.mark.parametrize(
    ("rule", "code", "deleted"),
    [
        ("", 0, True),
        ("", 1, False),
        ("volumeClaimGC: {strategy: OnWorkflowCompletion}", 1, True),
    ],
)
def test_the_volumes_a_workflow_made_go_when_it_needs_them_no_more(
    rule: str, code: int, deleted: bool
) -> None:
    async def play() -> None:
        house = House()
        house.code = code
        claim = "{metadata: {name: work}, spec: {}}"
        row = await house.submit("w", f"{rule}\n  volumeClaimTemplates: [{claim}]")
        await house.engine().drive(row)
        retention = house.retention()
        await retention.sweep()
        await retention.sweep()
        assert house.unclaimed == ([("w", ["work"])] if deleted else [])
        assert claims_of(await house.store.find(None, "w")) == ["work"]

    run(play())


def test_of_ended_runs_only_those_are_read_that_have_just_ended_or_are_due() -> None:
    async def play() -> None:
        house = House()
        rows = [
            await house.submit("old", "ttlStrategy: {secondsAfterCompletion: 100}"),
            await house.submit("new", "ttlStrategy: {secondsAfterCompletion: 100}"),
            await house.submit("stays"),
        ]
        retention = house.retention()
        await house.engine().drive(rows[0])
        assert await retention.sweep() == house.clock.now() + 101
        house.store.ended = None  # type: ignore[assignment, method-assign]  # none is read again
        await house.clock.sleep_until(house.clock.now() + 50)
        for row in rows[1:]:
            await house.engine().drive(row)
        due = await retention.follow([row.run for row in rows[1:]])
        assert due is not None
        assert due > house.clock.now()
        assert await house.names() == ["new", "old", "stays"]
        await house.clock.sleep_until(due)
        due = await retention.follow([])
        assert await house.names() == ["new", "stays"]
        assert due is not None
        await house.clock.sleep_until(due)
        assert await retention.follow([]) is None
        assert await house.names() == ["stays"]

    run(play())


def test_what_is_remembered_of_a_run_goes_with_it() -> None:
    async def play() -> None:
        house = House()
        row = await house.submit("w", "podGC: {strategy: OnPodCompletion, deleteDelayDuration: 0s}")
        await house.engine().drive(row)
        retention = house.retention()
        await retention.sweep()
        assert retention._cleared == {row.run}
        await house.store.delete(row.run)
        await retention.sweep()
        assert not retention._cleared

    run(play())
