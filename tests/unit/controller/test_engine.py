"""The shell when something goes wrong: nothing is lost, nothing hangs, and it is said aloud."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tiphys.controller import bundle
from tiphys.controller.engine import Engine
from tiphys.controller.loop import Ports
from tiphys.engine.run import Run
from tiphys.errors import Corrupt, EngineBug, Permanent, Transient, WorldError
from tiphys.messages import JobReport, JobSpec, ResumeRequested
from tiphys.ports import RunRow, Runtime
from tiphys.runtime.simulated import ALL, Outcome, SimulatedRuntime, under_way
from tiphys.service.documents import Source, load
from tiphys.service.submit import Overrides, Submitter
from tiphys.store.memory import MemoryStore
from tiphys.testing.answers import answers_in_memory
from tiphys.testing.clock import JumpingClock, run

TEXT = """
kind: Workflow
metadata: {name: NAME}
spec:
  entrypoint: main
  templates:
  - name: main
    steps:
    - - {name: first, template: job}
    - - {name: second, template: job}
  - name: job
    container: {image: busybox, command: [echo]}
"""


class Shop:
    """A store, runs in it, and a runtime that counts what it is told."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.clock = JumpingClock()
        self.store = store or MemoryStore()
        self.runtimes: list[Runtime] = []
        self.make: Callable[[RunRow], Runtime] = lambda _: SimulatedRuntime(self.clock)

    async def submit(self, name: str = "w", text: str = TEXT) -> RunRow:
        loaded = load([Source("w.yaml", text.replace("NAME", name).encode())])
        submitter = Submitter(self.store, self.clock, lambda _: ALL)
        return await submitter.submit(loaded.workflows[0][0], [], Overrides(runtime="simulated"))

    def engine(self, bugs: Path | None = None) -> Engine:
        ports = Ports(
            self.store,
            self.store,
            answers_in_memory(self.clock),
            self.clock,
            self.store.owner,
            bugs=bugs,
        )
        return Engine(ports, self.make)

    async def status(self, row: RunRow) -> dict[str, Any]:
        found = await self.store.find(row.namespace, row.name)
        return msgspec.json.decode(found.summary)["status"]

    async def nodes(self, row: RunRow) -> dict[str, dict[str, Any]]:
        found = [msgspec.json.decode(data) for data in await self.store.nodes(row.run)]
        return {node["displayName"]: node for node in found}


class FullStore(MemoryStore):
    """Refuses some commits, for a while; the first tells that the run began."""

    refused = range(2, 5)
    commits = 0

    async def append(self, *args: Any, **kwargs: Any) -> int:
        self.commits += 1
        if self.commits in self.refused:
            raise Permanent("the database cannot be written: database or disk is full")
        return await super().append(*args, **kwargs)


def test_a_run_whose_commits_fail_for_a_while_is_loaded_again_and_ends() -> None:
    async def play() -> None:
        shop = Shop(FullStore())
        shop.make = lambda _: SimulatedRuntime(shop.clock, lambda _: Outcome(seconds=1))
        row = await shop.submit()
        await shop.engine().serve(1.0)
        assert (await shop.status(row))["phase"] == "Succeeded"
        assert {node["phase"] for node in (await shop.nodes(row)).values()} == {"Succeeded"}

    run(play())


def test_a_failed_commit_ends_a_single_drive_and_leaves_the_run_to_others() -> None:
    async def play() -> None:
        shop = Shop(FullStore())
        shop.make = lambda _: SimulatedRuntime(shop.clock, lambda _: Outcome(seconds=1))
        row = await shop.submit()
        with pytest.RaisesGroup(Permanent, flatten_subgroups=True):
            await shop.engine().drive(row)
        assert [item.run for item in await shop.store.claimable()] == [row.run]
        shop.store = MemoryStore(shop.store._memory, "another")
        assert await shop.engine().drive(row)
        assert (await shop.status(row))["phase"] == "Succeeded"

    run(play())


class Refusing(SimulatedRuntime):
    """Cannot start jobs."""

    error: Exception = Permanent("its directory cannot be made: No space left on device")
    times = 1_000

    async def start(self, job: JobSpec) -> None:
        if self.times:
            type(self).times -= 1
            raise self.error
        await super().start(job)


def test_a_job_that_its_runtime_refuses_ends_with_the_reason() -> None:
    async def play() -> None:
        shop = Shop()
        shop.make = lambda _: Refusing(shop.clock)
        row = await shop.submit()
        await shop.engine().drive(row)
        node = (await shop.nodes(row))["first"]
        assert node["phase"] == "Error"
        assert node["message"].startswith("cannot be started: its directory cannot be made")

    run(play())


def test_a_runtime_that_fails_for_a_moment_is_asked_again() -> None:
    class Moment(Refusing):
        error = Transient("try later")
        times = 2

    async def play() -> None:
        shop = Shop()
        shop.make = lambda _: Moment(shop.clock)
        row = await shop.submit()
        await shop.engine().serve(1.0)
        assert (await shop.status(row))["phase"] == "Succeeded"

    run(play())


def test_a_runtime_with_a_defect_stops_one_run_and_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Refusing):
        error = ZeroDivisionError("oh")

    async def play() -> None:
        shop = Shop()
        bad, good = await shop.submit("bad"), await shop.submit("good")
        shop.make = lambda row: (Broken if row == bad else SimulatedRuntime)(shop.clock)
        await shop.engine().serve(1.0)
        assert (await shop.status(good))["phase"] == "Succeeded"
        assert (await shop.status(bad))["phase"] == "Running"

    run(play())
    assert "cannot be driven" in caplog.text


class Silent(SimulatedRuntime):
    """Stops talking."""

    async def watch(self) -> AsyncIterator[JobReport]:
        return
        yield


def test_reports_that_end_end_the_loop() -> None:
    async def play() -> None:
        shop = Shop()
        shop.make = lambda _: Silent(shop.clock, lambda _: Outcome(seconds=60))
        row = await shop.submit()
        with pytest.RaisesGroup(WorldError, flatten_subgroups=True):
            await shop.engine().drive(row)

    run(play())


def test_requests_that_cannot_be_read_end_the_loop() -> None:
    class Garbled(MemoryStore):
        async def pending(self, *_: Any) -> Any:
            raise Corrupt("a request cannot be read")

    async def play() -> None:
        shop = Shop(Garbled())
        row = await shop.submit()
        with pytest.RaisesGroup(Corrupt, flatten_subgroups=True):
            await shop.engine().drive(row)

    run(play())


def test_a_request_is_kept_when_the_engine_dies_before_its_answer_is_committed() -> None:
    async def play() -> None:
        shop = Shop(FullStore())
        text = TEXT.replace("  entrypoint", "  suspend: true\n  entrypoint")
        row = await shop.submit(text=text)
        engine = shop.engine()
        with pytest.RaisesGroup(Permanent, flatten_subgroups=True):
            async with asyncio.TaskGroup() as group:
                group.create_task(engine.drive(row))
                await shop.clock.sleep_until(shop.clock.now() + 1)
                FullStore.refused = range(shop.store.commits + 1, shop.store.commits + 2)
                await shop.store.post(row.run, ResumeRequested(0.0))
        assert len(await shop.store.pending(row.run, 0)) == 1
        await shop.engine().drive(row)
        assert (await shop.status(row))["phase"] == "Succeeded"
        assert await shop.store.pending(row.run, 0) == []

    FullStore.refused = range(0)
    run(play())


def test_a_run_on_which_the_engine_breaks_ends_and_leaves_a_failing_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # given: an engine that breaks when the second step is over
    honest = Run.handle_all

    def breaks(self: Run, items: Any) -> Any:
        step = honest(self, items)
        if self.state.find("w[1].second") and self.state.find("w[1].second").fulfilled:
            raise EngineBug("an invariant is gone")
        return step

    monkeypatch.setattr(Run, "handle_all", breaks)

    async def play() -> dict[str, Any]:
        shop = Shop()
        row = await shop.submit()
        await shop.engine(tmp_path / "bugs").serve(1.0)
        return await shop.status(row)

    # when
    status = run(play())
    # then: the run has ended, and says where the bundle is
    [path] = (tmp_path / "bugs").iterdir()
    assert status["phase"] == "Error"
    assert status["message"] == (
        "defect of the engine: EngineBug: an invariant is gone; "
        f"please report it with the file {path}"
    )
    # and: the bundle breaks the engine again, and a mended one goes on
    kept = bundle.load(path)
    with pytest.raises(EngineBug, match="an invariant is gone"):
        bundle.replay(kept)
    assert kept.trace[-1].endswith("EngineBug: an invariant is gone")
    monkeypatch.setattr(Run, "handle_all", honest)
    assert type(bundle.replay(kept).events[-1]).__name__ == "RunDone"
    assert "met a defect of the engine" in caplog.text


DAEMON = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: NAME}
spec:
  entrypoint: main
  templates:
  - {name: db, daemon: true, container: {image: x}}
  - {name: use, container: {image: x}}
  - {name: main, steps: [[{name: db, template: db}], [{name: use, template: use}]]}
"""


class Lasting(SimulatedRuntime):
    """Its jobs outlive every engine; each engine hears of them anew, as of adopted ones."""

    async def start(self, job: JobSpec) -> None:
        known = self._jobs.get(job.id)
        if known is None:
            await super().start(job)
        else:
            for report in under_way(job, known.outcome, self._clock.now()):
                self._reports.put(report)

    async def close(self) -> None:
        return None


def test_a_daemon_goes_on_serving_when_its_engine_is_followed_by_another() -> None:
    async def play() -> None:
        shop = Shop()
        jobs = Lasting(shop.clock, {"use": Outcome(seconds=20.0)})
        shop.make = lambda _: jobs
        row = await shop.submit(text=DAEMON)
        first = asyncio.ensure_future(shop.engine().drive(row))
        await shop.clock.sleep_until(shop.clock.now() + 5)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        shop.store = MemoryStore(shop.store._memory, "another")
        assert await shop.engine().drive(row)
        assert (await shop.status(row))["phase"] == "Succeeded"
        assert {node["phase"] for node in (await shop.nodes(row)).values()} == {"Succeeded"}
        await SimulatedRuntime.close(jobs)

    run(play())
