"""Jobs that this machine is no node for, and roots that are used again."""

from __future__ import annotations

import os

import pytest
from msgspec.structs import replace
from tests.contract.test_runtimes import RealWorld, left_over, needs_sandbox

from tiphys.messages import JobFinished, JobWaiting
from tiphys.runtime import used_roots
from tiphys.runtime.placing import unmet
from tiphys.runtime.process import ProcessRuntime
from tiphys.runtime.sandbox import SandboxRuntime
from tiphys.runtime.setup import Setup
from tiphys.runtime.used_roots import UsedRoots
from tiphys.testing.runtime_contract import Act, ManualClock, Session, job_of

pytestmark = pytest.mark.anyio
NO_SUCH = {"beta.kubernetes.io/arch": "no-such-arch"}


@pytest.fixture
def process(tmp_path):
    yield RealWorld(ProcessRuntime, tmp_path)
    assert not left_over(tmp_path)


@pytest.fixture
def sandbox(tmp_path):
    yield RealWorld(SandboxRuntime, tmp_path)
    assert not left_over(tmp_path)


def selecting(world, name, selector, **more):
    job = job_of(world, name, Act(says="ran"), capture_result=True, **more)
    return replace(job, template=replace(job.template, node_selector=selector))


def test_without_labels_only_what_no_node_ever_is_counts():
    for elsewhere in ({"kubernetes.io/os": "windows"}, {"beta.kubernetes.io/arch": "s390x"}):
        assert unmet({**elsewhere, "pool": "large"}, {}) == ""
    assert unmet(NO_SUCH, {}).endswith("(beta.kubernetes.io/arch=no-such-arch)")


def test_given_labels_are_all_there_are_and_go_first():
    given = {"pool": "small", "kubernetes.io/arch": "riscv64"}
    assert unmet({"pool": "small", "kubernetes.io/arch": "riscv64"}, given) == ""
    assert unmet({"pool": "large"}, given).endswith("(pool=large)")
    assert unmet({"zone": "a"}, given).endswith("(zone=a)")


async def test_a_job_without_a_place_waits_until_its_deadline(process, tmp_path):
    clock = ManualClock()
    runtime = ProcessRuntime(tmp_path / "runs", process.drivers, clock)
    process.clock = clock
    async with Session(process, runtime) as here:
        job = selecting(process, "far", NO_SUCH, deadline_at=clock.now() + 30)
        await runtime.start(job)
        assert (await here.wait(JobWaiting, job.id)).message.startswith("Unschedulable: 0/1 nodes")
        done = await here.wait(JobFinished, job.id)
    assert (done.phase, done.message) == ("Failed", "Step exceeded its deadline")


async def test_a_job_that_can_never_have_a_place_is_an_error_at_once(process):
    async with Session(process, process.open()) as here:
        done = await here.run(selecting(process, "never", NO_SUCH))
    assert done.phase == "Error"
    assert "due to Unschedulable: 0/1 nodes are available" in done.message


async def test_a_job_without_a_place_can_be_stopped(process):
    async with Session(process, process.open()) as here:
        job = selecting(process, "far", NO_SUCH, deadline_at=process.clock.now() + 3600)
        await here.runtime.start(job)
        await here.wait(JobWaiting, job.id)
        await here.runtime.stop(job.id, 1.0)
        assert (await here.wait(JobFinished, job.id)).message == "pod deleted"


async def test_a_job_whose_labels_this_machine_has_runs(process, tmp_path):
    setup = Setup(environ=dict(os.environ), node_labels={"pool": "large"})
    runtime = ProcessRuntime(tmp_path / "runs", process.drivers, process.clock, setup=setup)
    async with Session(process, runtime) as here:
        assert (await here.run(selecting(process, "near", {"pool": "large"}))).outputs.result


def root_of(world, job):
    return world.root / "runs" / job.run / job.id / "root"


@needs_sandbox
@pytest.mark.parametrize(
    "trace",
    [
        "echo secret > /tmp/left",
        "mkdir /mnt/new",
        "chmod 700 /home",
        "rmdir /srv",
        "echo x > /top",
        "rm -f /bin && ln -s usr/sbin /bin",
    ],
)
async def test_a_root_in_which_something_changed_is_not_used_again(sandbox, trace):
    async with Session(sandbox, sandbox.open()) as here:
        first, second = (job_of(sandbox, name, Act()) for name in "ab")
        main = replace(first.template.container, args=(trace,))
        first = replace(first, template=replace(first.template, container=main))
        assert (await here.run(first)).phase == "Succeeded"
        assert (await here.run(second)).phase == "Succeeded"
        assert root_of(sandbox, first).is_dir()
        assert root_of(sandbox, second).is_dir()


@needs_sandbox
async def test_an_untouched_root_goes_to_the_next_job(sandbox):
    async with Session(sandbox, sandbox.open()) as here:
        first, second = (
            job_of(sandbox, name, Act(says=name), capture_result=True) for name in "ab"
        )
        await here.run(first)
        number = root_of(sandbox, first).stat().st_ino
        assert (await here.run(second)).outputs.result == "b"
        assert not root_of(sandbox, first).exists()
        assert root_of(sandbox, second).stat().st_ino == number


CHANGES = "echo secret > /tmp/left"
LOOK = "cd / && ls -lan . home mnt root run srv tmp var var/* && cat /tmp/left; true"


def saying(world, name, script):
    job = job_of(world, name, Act(), capture_result=True)
    main = replace(job.template.container, args=(script,))
    return replace(job, template=replace(job.template, container=main))


def without_times(listing):
    """Return mode, user, group and name; /proc has as many links as there are processes."""
    lines = [line.split() for line in listing.splitlines()]
    return [words[:1] + words[2:4] + words[8:] for words in lines]


@needs_sandbox
async def test_a_root_made_in_advance_looks_as_if_bubblewrap_had_made_it(sandbox):
    async with Session(sandbox, sandbox.open()) as here:
        made = await here.run(saying(sandbox, "made", f"{LOOK}; {CHANGES}"))
        for name in "bcd":
            await here.run(saying(sandbox, name, CHANGES))
            await here.runtime._new_roots.wait_until_made()
        ready = {path.stat().st_ino for path in (sandbox.root / "runs/.blank").glob("*/*")}
        job = saying(sandbox, "look", LOOK)
        looked = await here.run(job)
        assert root_of(sandbox, job).stat().st_ino in ready
        assert without_times(looked.outputs.result) == without_times(made.outputs.result)
        assert "srv" in looked.outputs.result


@needs_sandbox
async def test_a_root_that_nobody_touched_for_long_is_looked_at_in_short(sandbox, monkeypatch):
    monkeypatch.setattr(used_roots, "_CLOCK_NS", -(10**12))  # all that is older than the end
    long_looks = []
    whole = UsedRoots._is_as_made
    monkeypatch.setattr(
        UsedRoots, "_is_as_made", lambda self, root: long_looks.append(root) or whole(self, root)
    )
    async with Session(sandbox, sandbox.open()) as here:
        jobs = [job_of(sandbox, name, Act()) for name in "abcd"]
        for job in jobs:
            await here.run(job)
        assert [root_of(sandbox, job).exists() for job in jobs] == [False, False, False, True]
    assert long_looks == [str(root_of(sandbox, jobs[0]))]


@needs_sandbox
@pytest.mark.parametrize("trace", [CHANGES, "rm /bin && ln -s usr/bin /bin"])
async def test_the_short_look_sees_every_change(sandbox, monkeypatch, trace):
    monkeypatch.setattr(used_roots, "_CLOCK_NS", 0)
    monkeypatch.setattr(UsedRoots, "_is_as_made", lambda _, root: root.endswith("wf-a/root"))
    async with Session(sandbox, sandbox.open()) as here:
        await here.run(job_of(sandbox, "a", Act()))
        changed, after = saying(sandbox, "b", trace), job_of(sandbox, "c", Act())
        await here.run(changed)
        await here.run(after)
        assert root_of(sandbox, changed).exists()


@needs_sandbox
async def test_a_job_that_is_done_again_keeps_its_own_root(sandbox):
    async with Session(sandbox, sandbox.open()) as here:
        first, second = job_of(sandbox, "a", Act()), job_of(sandbox, "b", Act())
        again = job_of(sandbox, "a", Act(hangs=True))
        await here.run(first)
        await here.runtime.forget(first.run, first.id)
        await here.runtime.start(again)
        await here.ready(again)
        await here.run(second)
        assert root_of(sandbox, again).is_dir()
        await here.runtime.stop(again.id, 0.0)
        await here.wait(JobFinished, again.id, 2)
