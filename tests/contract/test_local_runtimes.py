"""What the runtimes with real processes promise beyond the contract suite."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.contract.test_runtimes import WHY_NO_SANDBOX, RealWorld, left_over, needs_sandbox

from tiphys.executor import contract
from tiphys.messages import JobFinished, JobLost, JobProgressed, JobSpec
from tiphys.model.arguments import Inputs, Outputs
from tiphys.model.artifacts import (
    ArchiveStrategy,
    Artifact,
    NoneStrategy,
    RawArtifact,
    TarStrategy,
    ZipStrategy,
)
from tiphys.model.containers import Container, EnvVar
from tiphys.model.templates import ScriptTemplate, Template
from tiphys.runtime import ending, files
from tiphys.runtime.images import ImageRule, repository
from tiphys.runtime.process import ProcessRuntime
from tiphys.runtime.sandbox import SandboxRuntime
from tiphys.runtime.setup import Setup
from tiphys.testing.runtime_contract import (
    RUN,
    Act,
    Session,
    job_of,
    local,
    output,
)

pytestmark = pytest.mark.anyio
EMPTY = Act()
NAP = f"sleep {10**6 + os.getpid()}"
"""Long, and different for tests that run beside each other."""
NO_INPUTS, NO_OUTPUTS = Inputs(), Outputs()


def is_static(program: str) -> bool:
    try:
        return b"ld-linux" not in Path(program).read_bytes()[:8192]
    except OSError:
        return False


@pytest.fixture(params=["process", "sandbox"])
def world(request, tmp_path):
    if request.param == "sandbox" and WHY_NO_SANDBOX is not None:
        pytest.skip(WHY_NO_SANDBOX)
    yield RealWorld(SandboxRuntime if request.param == "sandbox" else ProcessRuntime, tmp_path)
    assert not left_over(tmp_path)


@pytest.fixture
def process(tmp_path):
    yield RealWorld(ProcessRuntime, tmp_path)
    assert not left_over(tmp_path)


@pytest.fixture
def sandbox(tmp_path):
    yield RealWorld(SandboxRuntime, tmp_path)
    assert not left_over(tmp_path)


def command(world, name, *words, inputs=NO_INPUTS, outputs=NO_OUTPUTS, env=(), cwd="", **more):
    job = job_of(world, name, EMPTY, inputs, outputs, **{"capture_result": True, **more})
    main = Container(image="alpine", command=words, env=env, working_dir=cwd)
    return _with(job, Template(name=name, container=main, inputs=inputs, outputs=outputs))


def shell(world, name, text, **more):
    return command(world, name, "sh", "-c", text, **more)


def script(world, name, source, words=("sh",), outputs=NO_OUTPUTS, **more):
    job = job_of(world, name, EMPTY, outputs=outputs, **{"capture_result": True, **more})
    made = ScriptTemplate(image="alpine", command=words, source=source)
    return _with(job, Template(name=name, script=made, outputs=outputs))


def _with(job: JobSpec, template: Template) -> JobSpec:
    import msgspec

    return msgspec.structs.replace(job, template=template)


async def run(world, job, **options):
    async with Session(world, world.open(**options)) as here:
        return await here.run(job)


# -------------------------------------------------------------------------------- commands


async def test_a_script_runs_from_a_file(world):
    done = await run(world, script(world, "s", "echo $0 >&2\necho 'a \"b\" $(c)'\n"))
    assert (done.phase, done.outputs.result) == ("Succeeded", 'a "b" $(c)')


async def test_words_reach_the_program_as_they_are(world):
    nasty = "$(id) `id` ; 'x' \"y\" \\ * \n &&"
    done = await run(world, command(world, "w", "printf", "%s", nasty))
    assert done.outputs.result == nasty


async def test_a_program_that_does_not_exist_gives_64_and_argos_text(world):
    done = await run(world, command(world, "n", "nope"))
    text = 'failed to find name in PATH: exec: "nope": executable file not found in $PATH'
    assert (done.phase, done.message) == ("Failed", f"main: Error (exit code 64): {text}")
    assert done.outputs.exit_code == "64"


async def test_a_program_given_by_path_that_does_not_exist_says_so(world):
    done = await run(world, command(world, "n", "/none/nope"))
    reason = 'exec: "/none/nope": stat /none/nope: no such file or directory'
    assert done.message.endswith(f"failed to find name in PATH: {reason}")


async def test_args_alone_are_the_command_and_nothing_is_true(world):
    job = job_of(world, "a", EMPTY, capture_result=True)
    args = _with(job, Template(name="a", container=Container(image="alpine", args=("echo", "hi"))))
    none = _with(job_of(world, "b", EMPTY), Template(name="b", container=Container(image="bash:5")))
    assert (await run(world, args)).outputs.result == "hi"
    assert (await run(world, none)).phase == "Succeeded"


async def test_what_an_unknown_image_runs_is_not_guessed(world):
    job = job_of(world, "a", EMPTY)
    args = _with(
        job, Template(name="a", container=Container(image="x/y:1", args=("rm", "-rf", "z")))
    )
    done = await run(world, args)
    assert done.phase == "Error"
    assert 'what the image "x/y:1" runs is not known on this machine' in done.message


async def test_the_environment_is_argos_and_the_templates_and_no_more(world, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_ENGINE", "1")
    env = (EnvVar(name="A", value="x"), EnvVar(name="B", value="$(A)$$(A)$(NONE)"))
    done = await run(world, command(world, "e", "env", env=env))
    found = dict(line.split("=", 1) for line in done.outputs.result.splitlines())
    assert found["ARGO_CONTAINER_NAME"] == "main"
    assert found["ARGO_NODE_ID"] == "wf-e"
    assert found["ARGO_WORKFLOW_NAME"] == "wf"
    assert found["ARGO_INCLUDE_SCRIPT_OUTPUT"] == "true"
    assert (found["A"], found["B"]) == ("x", "x$(A)$(NONE)")
    assert "SECRET_OF_THE_ENGINE" not in found
    plain = {"PATH", "HOME", "LANG", "TMPDIR", "USER", "HOSTNAME", "PWD", "A", "B"}
    assert {name for name in found if not name.startswith("ARGO_")} <= plain


async def test_a_termination_message_of_the_job_is_appended(world):
    job = shell(world, "t", "echo because > /dev/termination-log; exit 3")
    done = await run(world, job)
    assert done.message == "main: Error (exit code 3): because"


async def test_the_last_valid_progress_is_reported(world):
    job = shell(world, "p", "echo 1/4 >> $ARGO_PROGRESS_FILE; echo 3/4 >> $ARGO_PROGRESS_FILE")
    async with Session(world, world.open()) as here:
        await here.run(job)
        assert JobProgressed(job.id, "3/4") in here.reports


async def test_progress_is_reported_while_a_job_runs(world, monkeypatch):
    monkeypatch.setattr(ending, "PROGRESS_SECONDS", 0.02)
    text = "echo 1/4 > $ARGO_PROGRESS_FILE; while :; do sleep 600; done"
    job = shell(world, "p", text)
    async with Session(world, world.open()) as here:
        await here.runtime.start(job)
        assert (await here.wait(JobProgressed, job.id)).progress == "1/4"
        await here.runtime.stop(job.id, 0.0)
        await here.wait(JobFinished, job.id)
        assert len([r for r in here.reports if isinstance(r, JobProgressed)]) == 1


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"1/4\n3/4\n", "3/4"),
        (b"1/4\noops\n5/4\n", "1/4"),
        (b"5/4", ""),
        (b"0/0", ""),
        (b"0/1\n\n", "0/1"),
        (b"-1/4", ""),
        (b"", ""),
    ],
)
def test_the_last_line_of_a_progress_file_counts(tmp_path, content, wanted):
    (tmp_path / "progress").write_bytes(content)
    assert files.last_progress(str(tmp_path / "progress")) == wanted


async def test_usage_is_measured(world):
    text = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"
    done = await run(world, shell(world, "u", text))
    assert done.usage.cpu_seconds > 0.01
    assert done.usage.wall_seconds >= done.usage.cpu_seconds * 0.5
    assert done.usage.peak_memory_bytes > 100_000


async def test_background_processes_do_not_delay_the_end_and_are_killed(world):
    text = f"{NAP} & setsid {NAP} & ({NAP} &) ; echo done"
    done = await run(world, shell(world, "b", text))
    assert (done.phase, done.outputs.result) == ("Succeeded", "done")
    assert done.usage.wall_seconds < 60
    assert await gone(NAP)


def running(text):
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in listing.stdout.splitlines() if line.startswith(text)]


async def test_standard_error_is_in_the_log_and_not_in_the_result(world):
    job = shell(world, "o", "echo out; echo err >&2")
    async with Session(world, world.open()) as here:
        done = await here.run(job)
        log = b"".join([piece async for piece in here.runtime.logs(RUN, job.id, False)])
    assert done.outputs.result == "out"
    assert sorted(log.split()) == [b"err", b"out"]


async def test_only_the_tail_of_a_long_result_is_kept(world):
    job = shell(world, "l", "head -c 400000 /dev/zero | tr '\\0' x; echo y")
    done = await run(world, job)
    assert len(done.outputs.result) == 262144
    assert done.outputs.result.endswith("xy")


# -------------------------------------------------------------------------------- artifacts


@pytest.mark.parametrize(
    "strategy",
    [
        None,
        ArchiveStrategy(none=NoneStrategy()),
        ArchiveStrategy(tar=TarStrategy(compression_level=0)),
        ArchiveStrategy(tar=TarStrategy(compression_level=9)),
        ArchiveStrategy(zip=ZipStrategy()),
    ],
    ids=["default", "none", "tar0", "tar9", "zip"],
)
async def test_a_directory_goes_from_job_to_job(world, strategy):
    saved = local("d", "/tmp/d", "wf/d", archive=strategy)
    make = "mkdir -p /tmp/d/sub && echo 1 > /tmp/d/x && echo 2 > /tmp/d/sub/y"
    loaded = local("in", "/in/here", "wf/d", archive=strategy)
    first = shell(world, "save", make, outputs=Outputs(artifacts=(saved,)))
    show = "cat /in/here/x /in/here/sub/y"
    second = shell(world, "load", show, inputs=Inputs(artifacts=(loaded,)))
    async with Session(world, world.open()) as here:
        assert (await here.run(first)).phase == "Succeeded"
        done = await here.run(second)
    assert (done.phase, done.message, done.outputs.result) == ("Succeeded", "", "1\n2")


async def test_a_file_keeps_its_bytes_and_takes_the_mode_asked_for(world):
    outputs = Outputs(artifacts=(local("f", "/tmp/f.sh", "wf/f.tgz"),))
    inputs = Inputs(artifacts=(local("f", "/work-in/run.sh", "wf/f.tgz", mode=0o755),))
    write = "printf '#!/bin/sh\\necho ran\\n' > /tmp/f.sh"
    async with Session(world, world.open()) as here:
        await here.run(shell(world, "save", write, outputs=outputs))
        done = await here.run(command(world, "load", "/work-in/run.sh", inputs=inputs))
    assert (done.message, done.outputs.result) == ("", "ran")


async def test_outputs_are_saved_after_failure_and_the_log_is_archived(world):
    saved = local("f", "/tmp/f", "wf/f.txt", archive=ArchiveStrategy(none=NoneStrategy()))
    text = "echo x > /tmp/f; echo log; exit 1"
    job = shell(world, "s", text, outputs=Outputs(artifacts=(saved,)), archive_logs=True)
    done = await run(world, job)
    assert done.message == "main: Error (exit code 1)"
    assert [a.name for a in done.outputs.artifacts] == ["f", "main-logs"]
    assert (world.root / "artifacts/wf/f.txt").read_text() == "x\n"
    assert (world.root / "artifacts/wf/wf-s-1/main.log").read_text() == "log\n"


async def test_raw_input_is_placed(world):
    raw = Artifact(name="r", path="/tmp/r", raw=RawArtifact(data="text"))
    job = shell(world, "r", "cat /tmp/r", inputs=Inputs(artifacts=(raw,)))
    assert (await run(world, job)).outputs.result == "text"


async def test_a_required_input_that_is_missing_fails_the_init_step(world):
    for name, artifact, text in (
        ("a", Artifact(name="in", path="/in"), "required artifact 'in' not supplied"),
        ("b", local("in", "/in", "no/such"), "artifact in failed to load: "),
    ):
        job = shell(world, name, "true", inputs=Inputs(artifacts=(artifact,)))
        done = await run(world, job)
        assert done.phase == "Error"
        assert done.message.startswith(f"init: Error (exit code 64): {text}")


async def test_an_optional_input_that_is_missing_is_left_out(world):
    gone = local("in", "/in", "no/such", optional=True)
    none = Artifact(name="no", path="/no", optional=True)
    job = shell(world, "o", "test ! -e /in", inputs=Inputs(artifacts=(gone, none)))
    assert (await run(world, job)).phase == "Succeeded"


async def test_a_pipe_where_a_file_is_expected_keeps_nobody_waiting(world):
    outputs = Outputs(
        parameters=(output("p", "/tmp/p"),),
        artifacts=(local("z", "/tmp/p", "wf/z", archive=ArchiveStrategy(zip=ZipStrategy())),),
    )
    done = await run(world, shell(world, "f", "mkfifo /tmp/p", outputs=outputs))
    assert done.outputs.parameters[0].value == ""
    assert (done.phase, done.outputs.artifacts) == ("Error", ())


async def test_a_job_stopped_right_after_its_start_ends_at_once(world):
    async with Session(world, world.open()) as here:
        jobs = [job_of(world, f"s{i}", Act(hangs=True, stubborn=True)) for i in range(5)]
        for job in jobs:
            await here.runtime.start(job)
            await here.runtime.stop(job.id, 0.0)
        for job in jobs:
            done = await here.wait(JobFinished, job.id)
            assert done.phase in ("Failed", "Error")


async def test_many_jobs_that_cannot_start_all_fail(world):
    async with Session(world, world.open(slots=1)) as here:
        jobs = [command(world, f"n{i}", "nope") for i in range(300)]
        for job in jobs:
            await here.runtime.start(job)
        for job in jobs:
            assert (await here.wait(JobFinished, job.id)).outputs.exit_code == "64"


async def test_a_directory_of_which_an_engine_made_no_more_is_used(world):
    job = job_of(world, "early", Act(says="ran"), capture_result=True)
    place = contract.job_directory(world.root / "runs", job)
    os.makedirs(place)
    contract.fill_blank(place)
    async with Session(world, world.open()) as here:
        assert (await here.run(job)).outputs.result == "ran"
    assert b"early" in Path(place, contract.TEMPLATE).read_bytes()


async def test_jobs_that_begin_in_made_directories_are_told_apart(world):
    async with Session(world, world.open(slots=2)) as here:
        jobs = [job_of(world, f"n{i}", Act(says=str(i)), capture_result=True) for i in range(30)]
        for job in jobs:
            await here.runtime.start(job)
        done = [await here.wait(JobFinished, job.id) for job in jobs]
        logs = [b"".join([p async for p in here.runtime.logs(RUN, j.id, False)]) for j in jobs]
    assert [item.outputs.result for item in done] == [text.decode() for text in logs]
    assert logs == [str(number).encode() for number in range(30)]
    assert not (world.root / "runs/.blank").exists()


async def test_a_forgotten_job_can_run_again(world):
    async with Session(world, world.open()) as here:
        job = shell(world, "again", "echo x")
        await here.run(job)
        await here.runtime.forget(RUN, job.id)
        await here.runtime.start(job)
        assert (await here.wait(JobFinished, job.id, 2)).outputs.result == "x"


# -------------------------------------------------------------------- after a killed engine

HELPER = """
import asyncio, sys, msgspec
from pathlib import Path
from tiphys.artifacts.registry import Drivers
from tiphys.messages import JobSpec
from tiphys.runtime.process import ProcessRuntime
from tiphys.runtime.sandbox import SandboxRuntime
from tiphys.testing.runtime_contract import SystemClock, read_until

async def main():
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=JobSpec)
    made = {"process": ProcessRuntime, "sandbox": SandboxRuntime}[sys.argv[2]]
    runtime = made(Path(sys.argv[1]), Drivers({}), SystemClock())
    await runtime.start(job)
    async for _ in read_until(runtime.logs(job.run, job.id, True), b"ready"):
        break
    print("started", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def start_and_be_killed(world, job) -> None:
    import msgspec

    helper = subprocess.Popen(
        [sys.executable, "-c", HELPER, str(world.root / "runs"), world.made.name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with helper:
        helper.stdin.write(msgspec.json.encode(job))
        helper.stdin.close()
        assert helper.stdout.readline() == b"started\n"
        helper.kill()


async def test_a_job_of_a_killed_engine_is_adopted_and_reported_once(world):
    job = job_of(world, "orphan", Act(hangs=True), capture_result=True)
    start_and_be_killed(world, job)
    async with Session(world, world.open()) as here:
        assert list(await here.runtime.present(RUN)) == [job.id]
        await here.runtime.start(job)
        await here.runtime.stop(job.id, 30.0)
        done = await here.wait(JobFinished, job.id)
        assert (done.message, done.outputs.result) == ("main: Error (exit code 143)", "ready")
        assert len(here.reports) == 2


async def test_a_job_that_nobody_wants_any_more_can_be_stopped(world):
    job = job_of(world, "unwanted", Act(hangs=True))
    start_and_be_killed(world, job)
    async with Session(world, world.open()) as here:
        await here.runtime.stop(job.id, 0.0)
        await here.runtime.drop(RUN)
        assert list(await here.runtime.present(RUN)) == []
        assert not (world.root / "runs" / RUN).exists()


async def test_a_job_that_ended_while_nobody_looked_is_captured(world):
    wait = "until [ -e $ARGO_PROGRESS_FILE ]; do sleep 0.01; done"
    outputs = Outputs(parameters=(output("p", "/tmp/p"),))
    job = shell(world, "away", f"echo ready; {wait}; echo v > /tmp/p", outputs=outputs)
    start_and_be_killed(world, job)
    directory = contract.job_directory(world.root / "runs", job)
    who = contract.read_pid(directory)
    assert who is not None
    Path(world.open().layout(job, directory).progress).touch()
    wait_for(who[0])
    assert contract.read_report(directory) is None
    done = await run(world, job)
    assert (done.phase, done.outputs.result) == ("Succeeded", "ready")
    assert done.outputs.parameters[0].value == "v"


def wait_for(pid: int) -> None:
    import select

    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        select.select([fd], [], [], 60)
    finally:
        os.close(fd)


async def test_a_killed_launcher_leaves_nothing_behind(world):
    text = f"{NAP} & echo ready; {NAP}"
    job = shell(world, "lost", text)
    async with Session(world, world.open()) as here:
        await here.runtime.start(job)
        await here.ready(job)
        who = contract.read_pid(contract.job_directory(world.root / "runs", job))
        os.kill(who[0], signal.SIGKILL)
        await here.wait(JobLost, job.id)
    async with Session(world, world.open()) as here:
        await here.runtime.start(job)
        await here.wait(JobLost, job.id)
    assert await gone(NAP)


async def gone(text) -> bool:
    """Wait until the kernel has buried what was killed."""
    import asyncio

    async with asyncio.timeout(30):
        while running(text):
            await asyncio.sleep(0)
    return True


MANY = """
import asyncio, sys, msgspec
from pathlib import Path
from tiphys.artifacts.registry import Drivers
from tiphys.messages import JobSpec
from tiphys.runtime.process import ProcessRuntime
from tiphys.testing.runtime_contract import SystemClock

async def main():
    jobs = msgspec.json.decode(sys.stdin.buffer.read(), type=list[JobSpec])
    runtime = ProcessRuntime(Path(sys.argv[1]), Drivers({}), SystemClock(), slots=8)
    for job in jobs:
        await runtime.start(job)
        print(job.id, flush=True)
    async for _ in runtime.watch():
        print("report", flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("lines", [0, 1, 3, 8, 9, 15, 24, 40])
async def test_an_engine_killed_at_any_moment_runs_every_job_exactly_once(process, lines):
    import msgspec

    marks = process.root / "marks"
    marks.mkdir()
    jobs = [shell(process, f"j{i}", f"echo once >> {marks}/{i}") for i in range(20)]
    helper = subprocess.Popen(
        [sys.executable, "-c", MANY, str(process.root / "runs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with helper:
        helper.stdin.write(msgspec.json.encode(jobs))
        helper.stdin.close()
        for _ in range(lines):
            assert helper.stdout.readline()
        helper.kill()
    async with Session(process, process.open()) as here:
        for job in jobs:
            await here.runtime.start(job)
        for job in jobs:
            assert (await here.wait(JobFinished, job.id)).phase == "Succeeded"
    assert {path.read_text() for path in marks.iterdir()} == {"once\n"}
    assert len(list(marks.iterdir())) == len(jobs)


# ---------------------------------------------------------------------------- process, sandbox


async def test_declared_paths_do_not_collide_between_processes(process):
    outputs = Outputs(parameters=(output("p", "/tmp/tiphys-out/p"),))
    text = "mkdir -p /tmp/tiphys-out && echo $1 > /tmp/tiphys-out/p && cat /tmp/tiphys-out/p"
    async with Session(process, process.open()) as here:
        jobs = [
            command(process, f"j{i}", "sh", "-c", text, "sh", str(i), outputs=outputs)
            for i in range(3)
        ]
        for job in jobs:
            await here.runtime.start(job)
        for i, job in enumerate(jobs):
            done = await here.wait(JobFinished, job.id)
            assert done.outputs.parameters[0].value == str(i)
    assert not Path("/tmp/tiphys-out").exists()


async def test_the_working_directory_of_a_process_is_its_own(process):
    done = await run(process, command(process, "pwd", "pwd"))
    assert done.outputs.result == str(process.root / "runs" / RUN / "wf-pwd" / "root")


@needs_sandbox
async def test_files_of_a_sandbox_are_private_and_collected(sandbox):
    home = Path.home()
    text = f"test ! -e {home}/.bashrc; touch /tmp/mine /root/x /x; ls / /tmp; id -u; hostname; pwd"
    outputs = Outputs(parameters=(output("x", "/x"),))
    done = await run(sandbox, shell(sandbox, "s", text, outputs=outputs))
    words = done.outputs.result.split()
    assert done.phase == "Succeeded"
    assert {"mine", "usr", "proc", "tmp", "x"} <= set(words)
    assert words[-3:] == ["0", "wf-s-1", "/"]
    assert not {"work", "farm"} & set(words)
    assert not Path("/tmp/mine").exists()


@needs_sandbox
async def test_the_host_is_read_only_in_a_sandbox(sandbox):
    done = await run(sandbox, shell(sandbox, "r", "touch /usr/x /etc/x /opt/x || echo no"))
    assert done.outputs.result == "no"


@needs_sandbox
async def test_links_of_a_sandbox_do_not_lead_out(sandbox):
    secret = sandbox.root / "secret"
    secret.write_text("secret")
    text = f"ln -s {secret} /tmp/p; ln -s {sandbox.root} /tmp/d; ln -s ../../../../../.. /tmp/u"
    paths = {"p": "/tmp/p", "d": "/tmp/d/secret", "u": f"/tmp/u{secret}"}
    outputs = Outputs(parameters=tuple(output(n, p, "none") for n, p in paths.items()))
    done = await run(sandbox, shell(sandbox, "l", text, outputs=outputs))
    assert {p.value for p in done.outputs.parameters} == {"none"}


@needs_sandbox
async def test_declared_paths_below_read_only_parts_are_writable(sandbox):
    raw = Artifact(name="r", path="/etc/mine/conf", raw=RawArtifact(data="c"))
    program = RawArtifact(data="#!/bin/sh\ncat $1\n")
    tool = Artifact(name="t", path="/usr/local/bin/mytool", raw=program, mode=493)
    inputs = Inputs(artifacts=(raw, tool))
    outputs = Outputs(parameters=(output("o", "/opt/out/o"),))
    text = "mkdir -p /opt/out && mytool /etc/mine/conf > /opt/out/o && test -e /etc/passwd"
    job = shell(sandbox, "h", text, inputs=inputs, outputs=outputs)
    done = await run(sandbox, job)
    assert (done.message, done.outputs.parameters[0].value) == ("", "c")


@needs_sandbox
async def test_a_sandboxed_program_can_handle_sigterm(sandbox):
    text = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done"
    job = shell(sandbox, "t", text)
    async with Session(sandbox, sandbox.open()) as here:
        await here.runtime.start(job)
        await here.ready(job)
        await here.runtime.stop(job.id, 30.0)
        done = await here.wait(JobFinished, job.id)
    assert (done.message, done.outputs.result) == ("main: Error (exit code 7)", "ready\nbye")


@needs_sandbox
async def test_an_image_rule_brings_its_own_programs(sandbox, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "argosay").write_text('#!/bin/sh\necho "say $*"\n')
    (tools / "argosay").chmod(0o755)
    rule = ImageRule("argoproj/argosay", bin=(str(tools),), entrypoint=("argosay",))
    main = Container(image="quay.io/argoproj/argosay:v2", args=("a b",))
    job = _with(
        job_of(sandbox, "i", EMPTY, capture_result=True), Template(name="i", container=main)
    )
    for made in (SandboxRuntime, ProcessRuntime):
        runtime = made(
            tmp_path / made.name, sandbox.drivers, sandbox.clock, setup=Setup(images=[rule])
        )
        async with Session(sandbox, runtime) as here:
            assert (await here.run(job)).outputs.result == "say a b"


def unpacked_image(tmp_path):
    image = tmp_path / "image"
    for folder in ("bin", "app", "etc", "tmp"):
        (image / folder).mkdir(parents=True)
    (image / "bin/busybox").write_bytes(Path("/usr/bin/busybox").read_bytes())
    (image / "bin/busybox").chmod(0o755)
    for name in ("sh", "ls", "cat"):
        (image / "bin" / name).symlink_to("/bin/busybox")
    return image


@needs_sandbox
@pytest.mark.skipif(not is_static("/usr/bin/busybox"), reason="needs a static busybox")
@pytest.mark.parametrize("etc", ["without", "empty", "links"])
async def test_an_unpacked_image_has_the_names_of_the_host(sandbox, tmp_path, etc):
    image = unpacked_image(tmp_path)
    (image / "etc/own").write_text("own")
    for name in ("hosts", "resolv.conf"):
        if etc == "links":
            (image / "etc" / name).symlink_to("../run/none")
        elif etc == "empty":
            (image / "etc" / name).touch()
    rule = ImageRule("mine", root=str(image))
    runtime = SandboxRuntime(
        tmp_path / "runs", sandbox.drivers, sandbox.clock, setup=Setup(images=[rule])
    )
    outputs = Outputs(parameters=(output("p", "/etc/hosts"),))
    text = "cat /etc/own; cat /etc/hosts; cat /etc/resolv.conf; ! echo > /etc/hosts"
    job = command(sandbox, "i", "sh", "-c", text, outputs=outputs)
    main = Container(image="mine:1", command=("sh", "-c", text))
    job = _with(job, Template(name="i", container=main, outputs=outputs))
    async with Session(sandbox, runtime) as here:
        done = await here.run(job)
    hosts, resolver = (Path("/etc", name).read_text() for name in ("hosts", "resolv.conf"))
    assert (done.phase, done.message) == ("Succeeded", "")
    assert done.outputs.result == ("own" + hosts + resolver).removesuffix("\n")
    assert done.outputs.parameters[0].value == hosts.removesuffix("\n")


@needs_sandbox
@pytest.mark.skipif(not is_static("/usr/bin/busybox"), reason="needs a static busybox")
async def test_an_unpacked_image_is_the_root(sandbox, tmp_path):
    image = unpacked_image(tmp_path)
    (image / "app/data").write_text("inside")
    rule = ImageRule("mine", root=str(image), cmd=("sh", "-c", "cat /app/data; ls /; ls /usr"))
    main = Container(image="registry.example/mine:1")
    job = _with(
        job_of(sandbox, "i", EMPTY, capture_result=True), Template(name="i", container=main)
    )
    runtime = SandboxRuntime(
        tmp_path / "runs", sandbox.drivers, sandbox.clock, setup=Setup(images=[rule])
    )
    async with Session(sandbox, runtime) as here:
        done = await here.run(job)
    assert done.outputs.result.startswith("inside")
    assert "app" in done.outputs.result
    assert done.message == "main: Error (exit code 1)"  # there is no /usr


def test_a_repository_name_is_what_rules_match():
    names = {
        "docker.io/library/python:alpine3.6": "python",
        "python@sha256:0a": "python",
        "localhost:5000/a/b:1": "a/b",
        "argoproj/argosay:v2": "argoproj/argosay",
        "alpine": "alpine",
    }
    assert {image: repository(image) for image in names} == names


def test_the_usage_file_is_json(tmp_path):
    content = {"started_at": 1.0, "finished_at": 2.0, "cpu_seconds": 0.5}
    (tmp_path / "usage").write_text(json.dumps(content))
    found = contract.read_usage(str(tmp_path))
    assert found is not None
    assert found.usage().cpu_seconds == 0.5
