"""What the simulated runtime promises beyond the contract suite."""

from __future__ import annotations

import asyncio

import pytest

from tiphys.messages import JobFinished, JobLost, JobProgressed, JobStarted
from tiphys.model.arguments import Outputs, Parameter
from tiphys.model.containers import Container
from tiphys.ports import PromptRuntime
from tiphys.runtime.simulated import Outcome, SimulatedRuntime
from tiphys.testing.runtime_contract import (
    Act,
    ManualClock,
    Session,
    World,
    job_of,
    local,
    output,
)

pytestmark = pytest.mark.anyio


class Scripted:
    real = False

    def __init__(self, script) -> None:
        self.clock = ManualClock(1000.0)
        self.script = script

    def open(self, slots: int = 4) -> SimulatedRuntime:
        return SimulatedRuntime(self.clock, self.script)

    def main(self, name: str, act: Act) -> Container:
        return Container(image="x")


async def run(world: World, name: str, **more):
    async with Session(world, world.open()) as here:
        return await here.run(job_of(world, name, Act(), **more))


async def test_a_job_without_a_line_succeeds_at_once_with_some_outputs():
    declared = Outputs(
        parameters=(
            output("p", "/p"),
            output("d", "/d", "default"),
            Parameter(name="v", value="own"),
        ),
        artifacts=(local("a", "/a", "k"),),
    )
    world = Scripted(None)
    done = await run(world, "x", outputs=declared, capture_result=True)
    assert done.phase == "Succeeded"
    values = {p.name: p.value for p in done.outputs.parameters}
    assert values == {"p": "simulated", "d": "default", "v": "own"}
    assert done.outputs.artifacts == declared.artifacts
    assert done.outputs.result
    assert (done.started_at, done.finished_at, world.clock.now()) == (1000.0, 1000.0, 1000.0)


async def test_its_jobs_end_with_it_as_its_capabilities_say():
    world = Scripted({"long": Outcome(seconds=3600.0)})
    job = job_of(world, "long", Act())
    first = world.open()
    assert first.capabilities.ephemeral
    await first.start(job)
    assert await first.kept(job.run) == [job.id]
    second = world.open()
    assert not await second.kept(job.run)
    assert not await second.present(job.run)
    await first.close()


async def test_virtual_time_passes_as_the_script_says():
    world = Scripted({"long": Outcome(seconds=3600.0, code=2, message="why")})
    done = await run(world, "long")
    assert (done.started_at, done.finished_at) == (1000.0, 4600.0)
    assert (done.phase, done.message) == ("Failed", "main: Error (exit code 2): why")
    assert done.usage.wall_seconds == 3600.0


async def test_the_earlier_deadline_ends_a_job():
    world = Scripted({"long": Outcome(seconds=3600.0)})
    done = await run(world, "long", deadline_seconds=60.0, deadline_at=1030.0)
    assert (done.finished_at, done.message) == (1030.0, "Step exceeded its deadline")


async def test_errors_losses_and_progress_are_played():
    world = Scripted(
        {
            "broken": Outcome(error="the image cannot be pulled"),
            "gone": Outcome(lost=True, progress=("1/2",)),
        }
    )
    done = await run(world, "broken")
    assert (done.phase, done.message) == ("Error", "the image cannot be pulled")
    async with Session(world, world.open()) as here:
        job = job_of(world, "gone", Act())
        await here.runtime.start(job)
        await here.wait(JobLost, job.id)
        kinds = [type(report) for report in here.reports]
    assert kinds == [JobStarted, JobProgressed, JobLost]


async def test_a_function_decides_by_job():
    world = Scripted(lambda job: Outcome(code=len(job.node_name)))
    assert (await run(world, "four")).outputs.exit_code == "4"


async def test_the_same_script_gives_the_same_reports():
    async def play() -> list[object]:
        world = Scripted(
            {"a": Outcome(seconds=3), "b": Outcome(seconds=1), "c": Outcome(seconds=2)}
        )
        async with Session(world, world.open()) as here:
            for name in "abc":
                await here.runtime.start(job_of(world, name, Act()))
            for name in "abc":
                await here.wait(JobFinished, f"wf-{name}")
            return list(here.reports)

    assert await play() == await play()


async def test_what_is_fetched_is_not_yielded_again():
    world = Scripted({})
    runtime = world.open()
    assert isinstance(runtime, PromptRuntime)
    await runtime.start(job_of(world, "a", Act()))
    first = [(type(report), report.job) for report in runtime.fetch()]
    assert first == [(JobStarted, "wf-a"), (JobFinished, "wf-a")]
    assert not runtime.fetch()
    await runtime.start(job_of(world, "b", Act()))
    reports = runtime.watch()
    assert (await anext(reports)).job == "wf-b"
    assert [type(report) for report in runtime.fetch()] == [JobFinished]
    await runtime.close()


async def test_a_log_that_is_followed_ends_with_the_job():
    world = Scripted({"a": Outcome(seconds=3600.0, log=b"hello")})
    runtime = world.open()
    job = job_of(world, "a", Act())
    await runtime.start(job)
    pieces = runtime.logs(job.run, job.id, follow=True)
    assert await anext(pieces) == b"hello"
    ending = asyncio.ensure_future(anext(pieces, b"its end"))
    await asyncio.sleep(0)
    assert not ending.done()
    await runtime.stop(job.id, 0.0)
    assert await ending == b"its end"
    await runtime.close()
