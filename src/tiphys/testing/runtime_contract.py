"""What every runtime must do: one suite, run for each of them.

Subclass `RuntimeContract` in a test module and give it a fixture `world` that returns a `World`.
A job is described by an `Act`, which a world turns into a command or into a line of a script.
Real processes, no sleeps: tests wait for reports. A virtual clock moves when nothing else does.
"""

# A test module that lives in the package; each claim is its own docstring.

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import pytest

from tiphys.messages import JobFinished, JobLost, JobReport, JobSpec, JobStarted
from tiphys.model.arguments import Inputs, Outputs, Parameter, ValueFrom
from tiphys.model.artifacts import Artifact, LocalArtifact
from tiphys.model.containers import Container
from tiphys.model.ids import NodeId, RunId
from tiphys.model.templates import Template
from tiphys.ports import Clock, Runtime

PATIENCE_SECONDS = 60.0
"""After this long without the awaited report a test fails; far above what a slow machine takes."""
RUN = RunId("run-1")
_NO_INPUTS, _NO_OUTPUTS = Inputs(), Outputs()
_Report = TypeVar("_Report", bound=JobReport)


class SystemClock:
    """The machine's time."""

    def now(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    async def sleep_until(self, at: float) -> None:
        """Wait for real."""
        await asyncio.sleep(max(0.0, at - time.time()))


class ManualClock:
    """A clock that moves only when `advance` is called."""

    def __init__(self, at: float = 1_700_000_000.0) -> None:
        self._now = at
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []
        self._count = 0

    def now(self) -> float:
        """Return the virtual time."""
        return self._now

    async def sleep_until(self, at: float) -> None:
        """Wait until the clock is moved to `at` or beyond."""
        if at <= self._now:
            return
        event = asyncio.Event()
        self._count += 1
        heapq.heappush(self._sleepers, (at, self._count, event))
        await event.wait()

    def advance(self) -> None:
        """Move to the next instant someone waits for, if there is one."""
        if self._sleepers:
            at, _, event = heapq.heappop(self._sleepers)
            self._now = max(self._now, at)
            event.set()


@dataclass(frozen=True)
class Act:
    """What a job does: write `files`, print `says`, then exit, hang, or kill itself.

    A `hangs` job prints "ready" and runs until it is stopped; a `stubborn` one also ignores
    SIGTERM, from before it says "ready".
    """

    says: str = ""
    code: int = 0
    files: Mapping[str, str] = field(default_factory=dict)
    hangs: bool = False
    stubborn: bool = False
    killed_by: int = 0


def shell_script(act: Act) -> str:
    """Return the act for a POSIX shell."""
    lines = ["trap '' TERM"] if act.stubborn else []
    lines += [f"printf '%s' '{text}' > {path}" for path, text in act.files.items()]
    lines += [f"printf '%s' '{act.says}'"] if act.says else []
    if act.hangs:
        lines += ["echo ready", "while :; do sleep 600; done"]
    if act.killed_by:
        lines += [f"kill -{act.killed_by} $$$$"]
    return "\n".join([*lines, f"exit {act.code}"])


class World(Protocol):
    """Where the suite runs."""

    real: bool
    """Jobs are processes, which outlive the runtime that started them."""
    clock: Clock

    def open(self, slots: int = 4) -> Runtime:
        """Return a new runtime over the same jobs, as after a restart of the engine."""
        ...

    def main(self, name: str, act: Act) -> Container:
        """Return the container of a job that does `act`; `name` is its node's name."""
        ...


class Session:
    """One runtime, and all it has reported so far."""

    def __init__(self, world: World, runtime: Runtime) -> None:
        self.world = world
        self.runtime = runtime
        self.reports: list[JobReport] = []
        self._news = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Session:
        """Begin to listen."""
        self._reader = asyncio.get_running_loop().create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening; jobs go on."""
        assert self._reader is not None
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self.runtime.close()

    async def _read(self) -> None:
        async for report in self.runtime.watch():
            self.reports.append(report)
            self._news.set()

    async def wait(self, kind: type[_Report], job: str, count: int = 1) -> _Report:
        """Return the `count`th report of a kind about a job."""

        def found() -> list[_Report]:
            return [r for r in self.reports if isinstance(r, kind) and r.job == job]

        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(found()) < count:
                await self._more()
        return found()[count - 1]

    async def _more(self) -> None:
        self._news.clear()
        for _ in range(20):  # let everything that can happen now happen
            await asyncio.sleep(0)
        if isinstance(self.world.clock, ManualClock):
            if not self._news.is_set():
                self.world.clock.advance()
        else:
            await self._news.wait()

    async def run(self, job: JobSpec) -> JobFinished:
        """Start a job and return its last word."""
        await self.runtime.start(job)
        return await self.wait(JobFinished, job.id)

    async def ready(self, job: JobSpec) -> None:
        """Wait until a job that hangs says so."""
        async for text in read_until(self.runtime.logs(job.run, job.id, True), b"ready"):
            assert text
            return


async def read_until(pieces: AsyncIterator[bytes], wanted: bytes) -> AsyncIterator[bytes]:
    """Yield once what was read when `wanted` has come."""
    text = b""
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for piece in pieces:
            text += piece
            if wanted in text:
                yield text
                return


def output(name: str, path: str, default: str | None = None) -> Parameter:
    """Return an output parameter that is read from a file."""
    return Parameter(name=name, value_from=ValueFrom(path=path, default=default))


def local(name: str, path: str, key: str, **more: object) -> Artifact:
    """Return an artifact in the local repository."""
    return Artifact(name=name, path=path, local=LocalArtifact(key=key), **more)  # type: ignore[arg-type]


def job_of(
    world: World,
    name: str,
    act: Act,
    inputs: Inputs = _NO_INPUTS,
    outputs: Outputs = _NO_OUTPUTS,
    **more: object,
) -> JobSpec:
    """Return a job that does `act`; `more` are further fields of JobSpec."""
    template = Template(name=name, container=world.main(name, act), inputs=inputs, outputs=outputs)
    return JobSpec(
        id=NodeId(f"wf-{name}"),
        run=RUN,
        workflow="wf",
        namespace="default",
        node_name=name,
        pod_name=f"wf-{name}-1",
        template=template,
        key_prefix=f"wf/wf-{name}-1",
        **more,  # type: ignore[arg-type]
    )


Make = Callable[..., JobSpec]


@pytest.mark.anyio
class RuntimeContract:
    """The claims. `world` is a fixture of the subclass's module."""

    async def test_a_job_is_started_before_it_is_finished(self, world: World) -> None:
        async with Session(world, world.open()) as here:
            done = await here.run(job_of(world, "plain", Act()))
            kinds = [type(report) for report in here.reports]
        assert kinds == [JobStarted, JobFinished]
        assert (done.phase, done.message, done.outputs.exit_code) == ("Succeeded", "", "0")
        assert done.started_at <= done.finished_at

    async def test_a_non_zero_exit_code_fails_the_job(self, world: World) -> None:
        async with Session(world, world.open()) as here:
            done = await here.run(job_of(world, "three", Act(code=3)))
        assert (done.phase, done.message) == ("Failed", "main: Error (exit code 3)")
        assert done.outputs.exit_code == "3"

    async def test_death_by_a_signal_is_128_and_its_number(self, world: World) -> None:
        async with Session(world, world.open()) as here:
            done = await here.run(job_of(world, "killed", Act(killed_by=9)))
        assert (done.phase, done.message) == ("Failed", "main: Error (exit code 137)")

    async def test_stop_ends_a_job_with_sigterm(self, world: World) -> None:
        async with Session(world, world.open()) as here:
            job = job_of(world, "stopped", Act(hangs=True))
            await here.runtime.start(job)
            await here.ready(job)
            await here.runtime.stop(job.id, 30.0)
            await here.runtime.stop(job.id, 30.0)
            done = await here.wait(JobFinished, job.id)
        assert (done.phase, done.message) == ("Failed", "main: Error (exit code 143)")

    async def test_a_job_that_ignores_sigterm_is_killed_after_the_grace(self, world: World) -> None:
        async with Session(world, world.open()) as here:
            job = job_of(world, "stubborn", Act(hangs=True, stubborn=True))
            await here.runtime.start(job)
            await here.ready(job)
            asked_at = world.clock.now()
            await here.runtime.stop(job.id, 0.2)
            done = await here.wait(JobFinished, job.id)
        assert (done.phase, done.message) == ("Failed", "main: Error (exit code 137)")
        assert done.finished_at >= asked_at + 0.2

    async def test_a_second_stop_shortens_the_grace(self, world: World) -> None:
        async with Session(world, world.open()) as here:
            job = job_of(world, "hurried", Act(hangs=True, stubborn=True))
            await here.runtime.start(job)
            await here.ready(job)
            await here.runtime.stop(job.id, 3600.0)
            await here.runtime.stop(job.id, 0.0)
            done = await here.wait(JobFinished, job.id)
        assert done.message == "main: Error (exit code 137)"

    async def test_a_passed_deadline_fails_the_job(self, world: World) -> None:
        async with Session(world, world.open()) as here:
            job = job_of(world, "late", Act(hangs=True), deadline_seconds=0.2)
            done = await here.run(job)
        text = "Pod was active on the node longer than the specified deadline"
        assert (done.phase, done.message) == ("Failed", text)

    async def test_a_passed_instant_fails_the_job(self, world: World) -> None:
        async with Session(world, world.open()) as here:
            at = world.clock.now() + 0.2
            done = await here.run(job_of(world, "late2", Act(hangs=True), deadline_at=at))
            past = job_of(world, "late3", Act(hangs=True), deadline_at=at - 60)
            done_past = await here.run(past)
        assert (done.phase, done.message) == ("Failed", "Step exceeded its deadline")
        assert done_past.message == "Step exceeded its deadline"

    async def test_a_job_started_twice_runs_once(self, world: World) -> None:
        async with Session(world, world.open()) as here:
            job = job_of(world, "twice", Act(says="once;"))
            await here.runtime.start(job)
            await here.runtime.start(job)
            await here.wait(JobFinished, job.id)
            await here.runtime.start(job)
            await here.run(job_of(world, "after", Act()))
            log = b"".join([piece async for piece in here.runtime.logs(RUN, job.id, False)])
            told = [r for r in here.reports if isinstance(r, JobFinished) and r.job == job.id]
        assert len(told) == 1
        assert log == b"once;"

    async def test_the_result_is_standard_output_less_one_newline(self, world: World) -> None:
        async with Session(world, world.open()) as here:
            act = Act(says="a\n\n", code=3)
            done = await here.run(job_of(world, "says", act, capture_result=True))
            silent = await here.run(job_of(world, "quiet", act))
        assert (done.phase, done.outputs.result) == ("Failed", "a\n")
        assert silent.outputs.result is None

    async def test_output_parameters_are_read_from_files(self, world: World) -> None:
        outputs = Outputs(parameters=(output("p", "/tmp/p"), output("q", "/tmp/q", "none")))
        async with Session(world, world.open()) as here:
            act = Act(files={"/tmp/p": "v\n\n"})
            done = await here.run(job_of(world, "gives", act, outputs=outputs))
        assert {p.name: p.value for p in done.outputs.parameters} == {"p": "v\n", "q": "none"}
        assert done.phase == "Succeeded"

    async def test_a_missing_output_parameter_is_an_error(self, world: World) -> None:
        outputs = Outputs(parameters=(output("p", "/tmp/p"),))
        text = "open /var/run/argo/outputs/parameters/tmp/p: no such file or directory"
        async with Session(world, world.open()) as here:
            done = await here.run(job_of(world, "lacks", Act(), outputs=outputs))
            both = await here.run(job_of(world, "both", Act(code=1), outputs=outputs))
        assert (done.phase, done.message) == ("Error", f"wait: Error (exit code 64): {text}")
        assert (both.phase, both.message) == ("Failed", "main: Error (exit code 1)")

    async def test_output_artifacts_are_reported_unless_optional_and_missing(
        self, world: World
    ) -> None:
        there = local("there", "/tmp/there", "wf/there.tgz")
        absent = local("absent", "/tmp/absent", "wf/absent.tgz", optional=True)
        outputs = Outputs(artifacts=(there, absent))
        async with Session(world, world.open()) as here:
            act = Act(files={"/tmp/there": "x"})
            done = await here.run(job_of(world, "saves", act, outputs=outputs))
        assert done.phase == "Succeeded"
        assert done.outputs.artifacts == (there,)

    async def test_a_missing_required_artifact_is_an_error(self, world: World) -> None:
        outputs = Outputs(artifacts=(local("out", "/tmp/out", "wf/out.tgz"),))
        async with Session(world, world.open()) as here:
            done = await here.run(job_of(world, "forgets", Act(), outputs=outputs))
        text = "open /var/run/argo/outputs/artifacts/tmp/out.tgz: no such file or directory"
        text += " (output artifact out, path /tmp/out)"
        assert (done.phase, done.message) == ("Error", f"wait: Error (exit code 64): {text}")

    async def test_logs_can_be_followed(self, world: World) -> None:
        async with Session(world, world.open()) as here:
            job = job_of(world, "talks", Act(hangs=True))
            await here.runtime.start(job)
            pieces = here.runtime.logs(RUN, job.id, True)
            async for text in read_until(pieces, b"ready"):
                assert text == b"ready\n"
            await here.runtime.stop(job.id, 0.0)
            await here.wait(JobFinished, job.id)
            log = b"".join([piece async for piece in here.runtime.logs(RUN, job.id, True)])
        assert log == b"ready\n"

    async def test_stopping_an_unknown_job_has_no_effect(self, world: World) -> None:
        async with Session(world, world.open()) as here:
            await here.runtime.stop(NodeId("wf-nobody"), 0.0)
            await here.runtime.drop(RunId("no-run"))
            done = await here.run(job_of(world, "unmoved", Act()))
        assert done.phase == "Succeeded"
        assert {report.job for report in here.reports} == {done.job}

    async def test_present_lists_what_runs_and_drop_removes_it(self, world: World) -> None:
        async with Session(world, world.open()) as here:
            job = job_of(world, "lives", Act(hangs=True))
            await here.runtime.start(job)
            await here.run(job_of(world, "ends", Act()))
            assert list(await here.runtime.present(RUN)) == [job.id]
            await here.runtime.drop(RUN)
            assert list(await here.runtime.present(RUN)) == []
            assert [p async for p in here.runtime.logs(RUN, job.id, False)] == []

    async def test_a_job_can_run_anew_once_it_is_forgotten(self, world: World) -> None:
        async with Session(world, world.open()) as here:
            failed = await here.run(job_of(world, "again", Act(code=3)))
            assert failed.phase == "Failed"
            await here.runtime.forget(RUN, failed.job)
            await here.runtime.forget(RUN, NodeId("unknown"))
            await here.runtime.start(job_of(world, "again", Act()))
            assert (await here.wait(JobFinished, failed.job, 2)).phase == "Succeeded"

    async def test_what_runs_of_a_forgotten_job_is_killed(self, world: World) -> None:
        async with Session(world, world.open()) as here:
            job = job_of(world, "lives", Act(hangs=True))
            await here.runtime.start(job)
            await here.runtime.forget(RUN, job.id)
            assert list(await here.runtime.present(RUN)) == []

    async def test_what_remains_of_jobs_is_known_until_it_is_forgotten(self, world: World) -> None:
        async with Session(world, world.open()) as here:
            lives, ends = job_of(world, "lives", Act(hangs=True)), job_of(world, "ends", Act())
            await here.runtime.start(lives)
            await here.run(ends)
            assert sorted(await here.runtime.kept(RUN)) == sorted([lives.id, ends.id])
            await here.runtime.forget(RUN, ends.id)
            assert list(await here.runtime.kept(RUN)) == [lives.id]
            await here.runtime.drop(RUN)
            assert list(await here.runtime.kept(RUN)) == []

    async def test_a_finished_job_is_reported_again_after_a_restart(self, world: World) -> None:
        if not world.real:
            pytest.skip("nothing of a simulated job outlives its runtime")
        job = job_of(world, "old", Act(code=4, says="x"), capture_result=True)
        async with Session(world, world.open()) as here:
            first = await here.run(job)
        async with Session(world, world.open()) as here:
            second = await here.run(job)
            assert isinstance(here.reports[0], JobStarted)
        assert second == first

    async def test_a_running_job_is_adopted_and_reported_once(self, world: World) -> None:
        if not world.real:
            pytest.skip("nothing of a simulated job outlives its runtime")
        job = job_of(world, "orphan", Act(hangs=True), capture_result=True)
        async with Session(world, world.open()) as here:
            await here.runtime.start(job)
            await here.ready(job)
        async with Session(world, world.open()) as here:
            await here.runtime.start(job)
            await here.wait(JobStarted, job.id)
            await here.runtime.stop(job.id, 30.0)
            done = await here.wait(JobFinished, job.id)
            assert [type(r) for r in here.reports] == [JobStarted, JobFinished]
        assert (done.message, done.outputs.result) == ("main: Error (exit code 143)", "ready")

    async def test_no_more_jobs_run_than_there_are_slots(self, world: World) -> None:
        if not world.real:
            pytest.skip("a simulation has no slots")
        first, second = job_of(world, "one", Act(hangs=True)), job_of(world, "two", Act())
        third = job_of(world, "three", Act())
        async with Session(world, world.open(slots=1)) as here:
            for job in (first, second, third):
                await here.runtime.start(job)
            await here.ready(first)
            await here.runtime.stop(second.id, 30.0)
            gone = await here.wait(JobFinished, second.id)
            assert not [r for r in here.reports if r.job == third.id]
            await here.runtime.stop(first.id, 30.0)
            done = await here.wait(JobFinished, third.id)
        assert (gone.phase, gone.message) == ("Error", "pod deleted")
        assert done.phase == "Succeeded"

    async def test_a_lost_job_is_reported_lost(self, world: World) -> None:
        async with Session(world, world.open()) as here:
            job = job_of(world, "vanishes", Act(hangs=True))
            if not world.real:
                pytest.skip("see the runtime's own tests")
            await here.runtime.start(job)
            await here.ready(job)
            kill_launcher(world, job)
            await here.wait(JobLost, job.id)
            assert not [r for r in here.reports if isinstance(r, JobFinished)]


def kill_launcher(world: World, job: JobSpec) -> None:
    """Kill a job's launcher as the kernel would when memory runs out."""
    killer = getattr(world, "kill_launcher", None)
    assert killer is not None, "a real world needs a method kill_launcher(job)"
    killer(job)
