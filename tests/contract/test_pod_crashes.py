"""A pod outlives the engine: killed at any moment, every container still runs exactly once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import msgspec
import pytest
from tests.contract.test_runtimes import WHY_NO_SANDBOX, RealWorld, left_over

from tiphys.executor import contract
from tiphys.messages import ContainerReported, JobFinished, JobLost, JobReady
from tiphys.runtime.process import ProcessRuntime
from tiphys.runtime.sandbox import SandboxRuntime
from tiphys.testing.pod_contract import (
    log_of,
    main,
    member,
    pod_job,
    set_of,
    template_of,
    until,
    user,
)
from tiphys.testing.runtime_contract import RUN, Session

pytestmark = pytest.mark.anyio
NAP = f"sleep {2 * 10**6 + os.getpid()}"
HANG = f"trap 'exit 143' TERM; echo ready; {NAP} & wait $!"


@pytest.fixture(params=["process", "sandbox"])
def world(request, tmp_path):
    if request.param == "sandbox" and WHY_NO_SANDBOX is not None:
        pytest.skip(WHY_NO_SANDBOX)
    yield RealWorld(SandboxRuntime if request.param == "sandbox" else ProcessRuntime, tmp_path)
    assert not left_over(tmp_path)


ENGINE = """
import asyncio, sys, msgspec
from pathlib import Path
from tiphys.artifacts.registry import Drivers
from tiphys.messages import JobSpec
from tiphys.runtime.process import ProcessRuntime
from tiphys.runtime.sandbox import SandboxRuntime
from tiphys.testing.runtime_contract import SystemClock

async def main():
    jobs = msgspec.json.decode(sys.stdin.buffer.read(), type=list[JobSpec])
    made = {"process": ProcessRuntime, "sandbox": SandboxRuntime}[sys.argv[2]]
    runtime = made(Path(sys.argv[1]), Drivers({}), SystemClock(), slots=8)
    for job in jobs:
        await runtime.start(job)
        print("started", flush=True)
    async for report in runtime.watch():
        print(type(report).__name__, flush=True)

asyncio.run(main())
"""


def run_and_kill(world, jobs, lines):
    """Start jobs in another process and kill it after so many lines of its talk."""
    engine = subprocess.Popen(
        [sys.executable, "-c", ENGINE, str(world.root / "runs"), world.made.name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with engine:
        engine.stdin.write(msgspec.json.encode(jobs))
        engine.stdin.close()
        for _ in range(lines):
            assert engine.stdout.readline()
        engine.kill()


def pods(world, count):
    whole = set_of(
        member("a", "echo once; echo a > /work-v/x"),
        member("main", "echo once; cat /work-v/x", "a"),
    )
    return [
        pod_job(
            world,
            template_of(
                f"pod{number}",
                container_set=whole,
                init_containers=(user("prep", "echo once"),),
                sidecars=(user("helper", "echo once; " + HANG),),
            ),
            capture_result=True,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("lines", [0, 1, 3, 5, 8, 12, 20])
async def test_an_engine_killed_at_any_moment_runs_every_container_exactly_once(world, lines):
    jobs = pods(world, 3)
    run_and_kill(world, jobs, lines)
    async with Session(world, world.open()) as here:
        for job in jobs:
            await here.runtime.start(job)
        for job in jobs:
            done = await here.wait(JobFinished, job.id)
            assert (done.phase, done.message, done.outputs.result) == ("Succeeded", "", "once\na")
            assert [item.phase for item in done.containers] == ["Succeeded", "Succeeded"]
            for container in ("prep", "a", "helper"):
                log = await log_of(here, job, container)
                assert log.count("once") == 1 or (container == "helper" and not log)
        assert len([r for r in here.reports if isinstance(r, JobFinished)]) == len(jobs)


async def test_a_daemon_of_a_killed_engine_is_ready_again_and_can_be_stopped(world):
    template = template_of(
        "daemon", daemon=True, container=main(HANG), sidecars=(user("helper", HANG),)
    )
    job = pod_job(world, template)
    run_and_kill(world, [job], 3)  # started, JobStarted, JobReady
    async with Session(world, world.open()) as here:
        assert list(await here.runtime.present(RUN)) == [job.id]
        await here.runtime.start(job)
        await here.wait(JobReady, job.id)
        await until(here, job, "main", "ready")
        await here.runtime.stop(job.id, 30.0)
        done = await here.wait(JobFinished, job.id)
        names = [type(report).__name__ for report in here.reports]
    assert names == ["JobStarted", "JobReady", "JobFinished"]
    assert done.message == "main: Error (exit code 143)"


async def test_what_members_did_while_nobody_looked_is_said_in_order(world):
    whole = set_of(member("a", "true"), member("main", HANG, "a"))
    job = pod_job(world, template_of("looked", container_set=whole))
    run_and_kill(world, [job], 1)
    async with Session(world, world.open()) as here:
        await here.runtime.start(job)
        await until(here, job, "main", "ready")
        await here.wait(ContainerReported, job.id, 3)
        await here.runtime.stop(job.id, 30.0)
        await here.wait(JobFinished, job.id)
        told = [r for r in here.reports if isinstance(r, ContainerReported)]
    phases = [(report.container, report.phase) for report in told]
    assert phases[:3] == [("a", "Running"), ("a", "Succeeded"), ("main", "Running")]
    assert phases[3] == ("main", "Failed")


async def test_a_killed_pod_launcher_leaves_nothing_behind_and_is_never_run_again(world):
    whole = set_of(member("a", "echo ready; " + HANG), member("main", HANG))
    template = template_of("gone", container_set=whole, sidecars=(user("helper", HANG),))
    job = pod_job(world, template)
    async with Session(world, world.open()) as here:
        await here.runtime.start(job)
        for container in ("a", "main", "helper"):
            await until(here, job, container, "ready")
        who = contract.read_pid(contract.job_directory(world.root / "runs", job))
        assert who is not None
        os.kill(who[0], signal.SIGKILL)
        await here.wait(JobLost, job.id)
    async with Session(world, world.open()) as here:
        await here.runtime.start(job)
        await here.wait(JobLost, job.id)


async def test_dropping_a_run_ends_its_pods(world):
    job = pod_job(
        world,
        template_of("drop", container=main("trap '' TERM; " + HANG), sidecars=(user("h", HANG),)),
    )
    async with Session(world, world.open()) as here:
        await here.runtime.start(job)
        await until(here, job, "main", "ready")
        await here.runtime.drop(RUN)
        assert list(await here.runtime.present(RUN)) == []
    assert not (world.root / "runs" / RUN).exists()
