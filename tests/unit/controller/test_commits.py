"""What may happen before a commit is stored, and what may not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tiphys.controller import bundle
from tiphys.controller.engine import Engine
from tiphys.controller.loop import Ports
from tiphys.engine.run import Run
from tiphys.errors import Permanent
from tiphys.messages import Event, Input, JobReported, JobSpec, Question, RunAdmitted, Step
from tiphys.model.ids import RunId
from tiphys.ports import RunRow, Update
from tiphys.runtime.simulated import Outcome, SimulatedRuntime
from tiphys.service.documents import Source, load
from tiphys.service.submit import Overrides, Submitter
from tiphys.store.memory import MemoryStore
from tiphys.testing.answers import answers_in_memory
from tiphys.testing.clock import JumpingClock, run

STEPS = 12
TEXT = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: w}
spec:
  entrypoint: main
  templates:
  - name: main
    steps:
STEPS
  - name: job
    LOCK
    container: {image: busybox, command: [echo]}
"""
LOCK = "synchronization: {mutexes: [{name: one}]}"


def text(lock: str = "", steps: int = STEPS) -> str:
    lines = "\n".join(f"    - - {{name: s{i}, template: job}}" for i in range(steps))
    return TEXT.replace("STEPS", lines).replace("LOCK", lock)


class Noting(MemoryStore):
    """Notes each commit in a log; refuses one of them."""

    def __init__(self, log: list[str], refused: int = 0) -> None:
        super().__init__()
        self.log = log
        self.refused = refused
        self.commits = 0
        self.snapshots: list[int] = []

    async def append(self, *args: Any, **kwargs: Any) -> int:
        self.commits += 1
        if self.commits == self.refused:
            raise Permanent("the disk is full")
        last = await super().append(*args, **kwargs)
        self.log.append("commit")
        return last

    async def snapshot(self, run: RunId, at: int, epoch: int, state: bytes) -> None:
        self.snapshots.append(at)
        await super().snapshot(run, at, epoch, state)


class Telling(SimulatedRuntime):
    """Notes in a log which job began."""

    def __init__(self, clock: JumpingClock, log: list[str], ephemeral: bool) -> None:
        super().__init__(clock)
        self._log = log
        self.capabilities = replace(self.capabilities, ephemeral=ephemeral)

    async def start(self, job: JobSpec) -> None:
        self._log.append(f"start {job.node_name}")
        await super().start(job)


@dataclass
class Watcher:
    """An observer who compares what it is told with what is stored."""

    store: MemoryStore
    told: int = 0

    def committed(self, run_id: RunId, events: Sequence[Event]) -> None:
        if isinstance(events[0], RunAdmitted):  # a run that is taken up, as it stands
            self.told = self.store._memory.find(run_id).seq
            return
        self.told += len(events)
        assert self.told == self.store._memory.find(run_id).seq


class Played:
    """One workflow, what happened in which order, and who was told."""

    def __init__(self, ephemeral: bool = True, lock: str = "", refused: int = 0) -> None:
        self.log: list[str] = []
        self.clock = JumpingClock()
        self.store = Noting(self.log, refused)
        self.lock = lock
        self.ephemeral = ephemeral
        self.steps = STEPS
        self.template = ""
        self.updates: list[Update] = []
        self.bugs: Path | None = None

    async def submit(self) -> RunRow:
        loaded = load([Source("w.yaml", (self.template or text(self.lock, self.steps)).encode())])
        offered = SimulatedRuntime.capabilities.features
        submitter = Submitter(self.store, self.clock, lambda _: offered)
        return await submitter.submit(loaded.workflows[0][0], [], Overrides(runtime="simulated"))

    async def drive(self, row: RunRow) -> None:
        answers = answers_in_memory(self.clock)
        ask = answers.ask

        async def noted(question: Question) -> None:
            self.log.append("ask")
            await ask(question)

        answers.ask = noted  # type: ignore[method-assign]
        watcher = Watcher(self.store)
        ports = Ports(
            *(self.store, self.store, answers, self.clock, self.store.owner),
            bugs=self.bugs,
            observers=[watcher],
        )
        make: Callable[[RunRow], Telling] = lambda _: Telling(self.clock, self.log, self.ephemeral)  # noqa: E731
        await Engine(ports, make).drive(row, self.updates.append)

    async def whole(self) -> RunRow:
        row = await self.submit()
        await self.drive(row)
        return await self.store.find(None, row.name)


def phase(row: RunRow) -> str:
    return str(msgspec.json.decode(row.summary)["status"]["phase"])


def test_a_real_job_begins_only_when_it_is_stored_that_it_does() -> None:
    played = Played(ephemeral=False)
    assert phase(run(played.whole())) == "Succeeded"
    starts = [i for i, what in enumerate(played.log) if what.startswith("start")]
    assert len(starts) == STEPS
    assert all(played.log[i - 1] == "commit" for i in starts)


def test_the_turns_of_a_run_of_ephemeral_jobs_share_a_commit() -> None:
    played = Played()
    assert phase(run(played.whole())) == "Succeeded"
    assert played.log == [f"start w[{i}].s{i}" for i in range(STEPS)] + ["commit"]
    assert [update.done for update in played.updates] == [True]


def test_no_more_than_some_events_wait_to_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiphys.controller.loop._MOST_UNSTORED", 10)
    played = Played()
    assert phase(run(played.whole())) == "Succeeded"
    assert STEPS / 3 < played.log.count("commit") < STEPS


def rows_of_pods(updates: list[Update]) -> list[tuple[int, str, str]]:
    """Return the number of the commit, the name and the phase of each row written of a pod."""
    found = []
    for number, update in enumerate(updates):
        nodes = [msgspec.json.decode(data) for data in update.nodes]
        pods = [node for node in nodes if node["type"] == "Pod"]
        found += [(number, node["name"], node["phase"]) for node in pods]
    return found


def fan_out(monkeypatch: pytest.MonkeyPatch, seconds: float) -> list[tuple[int, str, str]]:
    """Return the rows of many jobs at once, whose beginning alone fills a commit."""
    monkeypatch.setattr("tiphys.controller.loop._MOST_UNSTORED", 10)
    monkeypatch.setattr(SimulatedRuntime, "_outcome", lambda *_: Outcome(seconds=seconds))
    played = Played()
    played.template = (
        text()
        .replace("    - - {name", "      - {name")
        .replace("steps:\n      -", "steps:\n    - -")
    )
    assert phase(run(played.whole())) == "Succeeded"
    return rows_of_pods(played.updates)


def test_a_run_that_hurries_on_writes_the_row_of_a_node_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = fan_out(monkeypatch, 0.0)
    assert [(name, said) for _, name, said in written] == [
        (f"w[0].s{i}", "Succeeded") for i in range(STEPS)
    ]
    assert min(number for number, _, _ in written) > 0  # though an earlier commit had their events


def test_a_run_that_pauses_shows_what_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    written = fan_out(monkeypatch, 9.0)
    running = {name: number for number, name, said in written if said == "Running"}
    ended = {name: number for number, name, said in written if said == "Succeeded"}
    assert running.keys() == ended.keys()
    assert max(running.values()) < min(ended.values())


def test_the_rest_of_the_process_has_its_turn_while_a_run_is_played() -> None:
    played = Played()
    played.steps = 300

    async def beside() -> tuple[RunRow, int]:
        row = await played.submit()
        driving = asyncio.ensure_future(played.drive(row))
        turns = 0
        while "start w[0].s0" not in played.log:
            await asyncio.sleep(0)
        while not driving.done():
            await asyncio.sleep(0)
            turns += 1
        await driving
        return await played.store.find(None, row.name), turns

    row, turns = run(beside())
    assert phase(row) == "Succeeded"
    inputs = 2 * played.steps
    assert turns >= inputs / 64 - 1
    assert turns < inputs / 4  # and not one for each step


def test_nobody_is_asked_for_a_lock_before_it_is_stored_why() -> None:
    played = Played(lock=LOCK)
    assert phase(run(played.whole())) == "Succeeded"
    asked = [i for i, what in enumerate(played.log) if what == "ask"]
    assert len(asked) == STEPS
    assert all(played.log[i - 1] == "commit" for i in asked)


def test_what_ran_ahead_of_a_failed_commit_is_told_to_nobody_and_played_again() -> None:
    played = Played(refused=1)

    async def play() -> RunRow:
        row = await played.submit()
        with pytest.RaisesGroup(Permanent, flatten_subgroups=True):
            await played.drive(row)
        assert not played.updates
        assert await played.store.nodes(row.run) == []
        await played.drive(row)
        return await played.store.find(None, row.name)

    assert phase(run(play())) == "Succeeded"
    assert played.log.count("start w[0].s0") == 2


def test_a_defect_keeps_what_ran_ahead_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    handle = Run.handle_all
    broken = f"w[{STEPS - 1}].s{STEPS - 1}"

    def breaks(self: Run, items: Sequence[Input]) -> Step:
        for item in items:
            if isinstance(item, JobReported) and self.state.nodes[item.report.job].name == broken:
                raise ZeroDivisionError("oh")
        return handle(self, items)

    monkeypatch.setattr(Run, "handle_all", breaks)
    played = Played()
    played.bugs = tmp_path
    row = run(played.whole())
    assert phase(row) == "Error"
    nodes = [msgspec.json.decode(data) for data in run(played.store.nodes(row.run))]
    ended = [node["name"] for node in nodes if node["type"] == "Pod" and node.get("finishedAt")]
    assert len(ended) == STEPS - 1
    (saved,) = tmp_path.iterdir()
    with pytest.raises(ZeroDivisionError):
        bundle.replay(bundle.load(saved))
    monkeypatch.undo()
    assert bundle.replay(bundle.load(saved)).events


def test_snapshots_cost_no_more_than_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiphys.controller.commits._SNAPSHOT_EVERY", 10)
    monkeypatch.setattr("tiphys.controller.loop._MOST_UNSTORED", 1)
    played = Played()
    played.steps = 60
    assert phase(run(played.whole())) == "Succeeded"
    assert len(played.store.snapshots) > 3
    pairs = zip(played.store.snapshots, played.store.snapshots[1:], strict=False)
    assert all(later >= 2 * earlier for earlier, later in pairs)
