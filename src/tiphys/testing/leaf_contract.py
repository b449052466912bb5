"""What every runtime whose jobs are tasks of the engine's process must do.

The part of `runtime_contract` that has a meaning without commands, exit codes and files. Subclass
`LeafContract` in a test module and give it a fixture `world` that returns a `LeafWorld`. Each
world does real work: requests to a server, changes of a store.
"""

# A test module that lives in the package.

from __future__ import annotations

import asyncio
from typing import Protocol

import pytest

from tiphys.executor import contract
from tiphys.messages import JobFinished, JobSpec, JobStarted
from tiphys.model.ids import NodeId, RunId
from tiphys.model.templates import Template
from tiphys.ports import Clock, Runtime
from tiphys.testing.runtime_contract import PATIENCE_SECONDS, RUN, Session


class LeafWorld(Protocol):
    """Where the suite runs."""

    real: bool
    clock: Clock

    def open(self, slots: int = 4) -> Runtime:
        """Return a new runtime over the same jobs, as after a restart of the engine."""
        ...

    def template(self, name: str, hangs: bool) -> Template:
        """Return a template that succeeds at once, or one that works until it is stopped."""
        ...

    async def at_work(self, name: str) -> None:
        """Return when a job that hangs has begun its work."""
        ...

    def effects(self, name: str) -> int:
        """Return how often the work of a job was begun."""
        ...

    def directory(self, job: JobSpec) -> str:
        """Return the job's directory."""
        ...


def leaf(template: Template, **more: object) -> JobSpec:
    """Return a job of a template; `more` are further fields of JobSpec."""
    name = template.name
    fields: dict[str, object] = {
        "id": NodeId(f"wf-{name}"),
        "run": RUN,
        "workflow": "wf",
        "namespace": "default",
        "node_name": name,
        "pod_name": f"wf-{name}-1",
        "template": template,
        "key_prefix": f"wf/wf-{name}-1",
        **more,
    }
    return JobSpec(**fields)  # type: ignore[arg-type]


@pytest.mark.anyio
class LeafContract:
    """The claims. `world` is a fixture of the subclass's module."""

    def quick(self, world: LeafWorld, name: str = "quick", **more: object) -> JobSpec:
        """Return a job that succeeds at once."""
        return leaf(world.template(name, hangs=False), **more)

    def hanging(self, world: LeafWorld, name: str = "hangs", **more: object) -> JobSpec:
        """Return a job that works until it is stopped."""
        return leaf(world.template(name, hangs=True), **more)

    async def test_a_job_is_started_before_it_is_finished(self, world: LeafWorld) -> None:
        async with Session(world, world.open()) as here:  # type: ignore[arg-type]
            done = await here.run(self.quick(world))
            kinds = [type(report) for report in here.reports]
        assert (done.phase, done.message) == ("Succeeded", "")
        assert (kinds[0], kinds[-1]) == (JobStarted, JobFinished)
        assert done.started_at <= done.finished_at

    async def test_a_job_started_twice_is_done_once(self, world: LeafWorld) -> None:
        async with Session(world, world.open()) as here:  # type: ignore[arg-type]
            job = self.quick(world)
            await here.runtime.start(job)
            await here.run(job)
            await here.runtime.start(job)
            await here.run(self.quick(world, "after"))
            told = [r for r in here.reports if isinstance(r, JobFinished) and r.job == job.id]
        assert len(told) == 1
        assert world.effects("quick") == 1

    async def test_stop_ends_a_job(self, world: LeafWorld) -> None:
        async with Session(world, world.open()) as here:  # type: ignore[arg-type]
            job = self.hanging(world)
            await here.runtime.start(job)
            await world.at_work("hangs")
            await here.runtime.stop(job.id, 30.0)
            await here.runtime.stop(job.id, 30.0)
            done = await here.wait(JobFinished, job.id)
        assert done.phase == "Failed"
        assert done.message

    async def test_a_job_stopped_at_once_is_reported(self, world: LeafWorld) -> None:
        async with Session(world, world.open()) as here:  # type: ignore[arg-type]
            job = self.hanging(world)
            await here.runtime.start(job)
            await here.runtime.stop(job.id, 0.0)
            done = await here.wait(JobFinished, job.id)
        assert done.phase == "Failed"

    async def test_a_passed_deadline_fails_the_job(self, world: LeafWorld) -> None:
        async with Session(world, world.open()) as here:  # type: ignore[arg-type]
            done = await here.run(self.hanging(world, deadline_seconds=0.2))
        text = "Pod was active on the node longer than the specified deadline"
        assert (done.phase, done.message) == ("Failed", text)

    async def test_a_passed_instant_fails_the_job(self, world: LeafWorld) -> None:
        async with Session(world, world.open()) as here:  # type: ignore[arg-type]
            at = world.clock.now() + 0.2
            done = await here.run(self.hanging(world, deadline_at=at))
            past = await here.run(self.quick(world, deadline_at=at - 60))
        assert (done.phase, done.message) == ("Failed", "Step exceeded its deadline")
        assert (past.phase, past.message) == ("Failed", "Step exceeded its deadline")
        assert world.effects("quick") == 0

    async def test_stopping_an_unknown_job_has_no_effect(self, world: LeafWorld) -> None:
        async with Session(world, world.open()) as here:  # type: ignore[arg-type]
            await here.runtime.stop(NodeId("wf-nobody"), 0.0)
            await here.runtime.drop(RunId("no-run"))
            done = await here.run(self.quick(world))
        assert done.phase == "Succeeded"
        assert {report.job for report in here.reports} == {done.job}

    async def test_present_lists_what_works_and_drop_removes_it(self, world: LeafWorld) -> None:
        async with Session(world, world.open()) as here:  # type: ignore[arg-type]
            job = self.hanging(world)
            await here.runtime.start(job)
            await here.run(self.quick(world))
            await world.at_work("hangs")
            assert list(await here.runtime.present(RUN)) == [job.id]
            await here.runtime.drop(RUN)
            assert list(await here.runtime.present(RUN)) == []
            assert [p async for p in here.runtime.logs(RUN, job.id, True)] == []
            assert contract.read_report(world.directory(self.quick(world))) is None

    async def test_a_job_that_is_over_is_not_done_again_by_the_next_engine(
        self, world: LeafWorld
    ) -> None:
        job = self.quick(world)
        async with Session(world, world.open()) as here:  # type: ignore[arg-type]
            first = await here.run(job)
        async with Session(world, world.open()) as here:  # type: ignore[arg-type]
            second = await here.run(job)
            assert isinstance(here.reports[0], JobStarted)
        assert second == first
        assert world.effects("quick") == 1

    async def test_a_job_that_was_not_over_is_begun_again_by_the_next_engine(
        self, world: LeafWorld
    ) -> None:
        job = self.hanging(world)
        async with Session(world, world.open()) as here:  # type: ignore[arg-type]
            await here.runtime.start(job)
            await world.at_work("hangs")
        assert not [report for report in here.reports if isinstance(report, JobFinished)]
        async with Session(world, world.open()) as here:  # type: ignore[arg-type]
            await here.runtime.start(job)
            await here.wait(JobStarted, job.id)
            await here.runtime.stop(job.id, 0.0)
            await here.wait(JobFinished, job.id)

    async def test_a_job_at_work_in_another_engine_is_waited_for(self, world: LeafWorld) -> None:
        job = self.hanging(world)
        async with (
            Session(world, world.open()) as one,  # type: ignore[arg-type]
            Session(world, world.open()) as other,  # type: ignore[arg-type]
        ):
            await one.runtime.start(job)
            await world.at_work("hangs")
            await other.runtime.start(job)
            await one.runtime.stop(job.id, 0.0)
            first = await one.wait(JobFinished, job.id)
            assert await other.wait(JobFinished, job.id) == first
        assert world.effects("hangs") == 1

    async def test_logs_end_with_the_job(self, world: LeafWorld) -> None:
        async with Session(world, world.open()) as here:  # type: ignore[arg-type]
            job = self.hanging(world)
            await here.runtime.start(job)
            await world.at_work("hangs")

            async def read() -> bytes:
                return b"".join([piece async for piece in here.runtime.logs(RUN, job.id, True)])

            reading = asyncio.create_task(read())
            await here.runtime.stop(job.id, 0.0)
            async with asyncio.timeout(PATIENCE_SECONDS):
                await reading
