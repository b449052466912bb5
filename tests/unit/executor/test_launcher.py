"""Both launchers keep the same contract."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tiphys.executor import contract, run
from tiphys.runtime import sandbox

COMPILED = Path(run.__file__).with_name("tiphys-launcher")
LAUNCHERS = {"c": (str(COMPILED),), "python": run.python_launcher()}


class Job:
    """A job directory and the launcher that works in it."""

    def __init__(self, launcher, directory: Path) -> None:
        self.launcher = launcher
        self.directory = directory
        directory.mkdir()

    def start(self, *command, grace="30", seconds="-", at="-", flags="-", cwd="/"):
        lock = contract.try_lock(str(self.directory))
        assert lock is not None
        head = [*self.launcher, str(self.directory), str(lock), grace, seconds, at, flags, cwd]
        process = subprocess.Popen([*head, *command], pass_fds=[lock])
        os.close(lock)
        return process

    def run(self, *command, **options) -> int | None:
        assert self.start(*command, **options).wait(60) == 0
        return contract.read_exit_code(str(self.directory))

    def shell(self, text, **options) -> int | None:
        return self.run("sh", "-c", text, **options)

    def read(self, name) -> str:
        return (self.directory / name).read_text()

    def wait_for(self, text) -> None:
        while text not in (contract.read_file(f"{self.directory}/{contract.COMBINED}") or b""):
            os.sched_yield()


@pytest.fixture(params=["c", "python"])
def job(request, tmp_path):
    if request.param == "c" and not COMPILED.exists():
        pytest.skip("the launcher is not compiled: run `python tools/build_launcher.py`")
    return Job(LAUNCHERS[request.param], tmp_path / "job")


def test_the_exit_code_comes_with_usage_pid_and_log(job):
    assert job.shell("echo out; echo err >&2; exit 3") == 3
    assert job.read("ctr/main/combined") == "out\nerr\n"
    usage = json.loads(job.read("usage"))
    assert set(usage) == {
        *("cpu_seconds", "peak_memory_bytes", "wall_seconds", "started_at", "finished_at")
    }
    assert usage["finished_at"] == pytest.approx(usage["started_at"] + usage["wall_seconds"])
    assert contract.read_pid(str(job.directory)) is not None
    assert not (job.directory / "ctr/main/stdout").exists()
    assert not (job.directory / "ctr/main/exitcode.tmp").exists()


def test_what_was_in_a_file_before_does_not_remain(job):
    contract.fill_blank(str(job.directory))
    for name in (contract.USAGE, contract.PID, f"{contract.EXIT_CODE}.tmp"):
        (job.directory / name).write_text("long before " * 99)
    assert job.run("sh", "-c", "exit 3") == 3
    assert contract.read_usage(str(job.directory)) is not None
    assert contract.read_pid(str(job.directory)) is not None


def test_a_captured_result_is_in_the_log_as_well(job):
    assert job.shell("echo out; echo err >&2", flags="r") == 0
    assert job.read("ctr/main/stdout") == "out\n"
    assert sorted(job.read("ctr/main/combined").split()) == ["err", "out"]


def test_much_output_is_captured_whole(job):
    assert job.shell("head -c 3000000 /dev/zero", flags="r") == 0
    assert (job.directory / "ctr/main/stdout").stat().st_size == 3_000_000
    assert (job.directory / "ctr/main/combined").stat().st_size == 3_000_000


def test_a_job_that_has_an_exit_code_does_not_run_again(job):
    assert job.shell("exit 4") == 4
    assert job.shell("echo again; exit 5") == 4
    assert job.read("ctr/main/combined") == ""


def test_the_lock_is_held_while_the_launcher_lives_and_not_inherited(job):
    process = job.start("sh", "-c", "ls -l /proc/self/fd; echo ready; sleep 600")
    job.wait_for(b"ready")
    assert contract.try_lock(str(job.directory)) is None
    assert "/lock" not in job.read("ctr/main/combined")
    who = contract.read_pid(str(job.directory))
    assert who == (process.pid, contract.start_time(process.pid))
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    lock = contract.try_lock(str(job.directory))
    assert lock is not None
    os.close(lock)


def test_the_command_has_a_clean_process_state(job):
    text = "grep -E 'Sig(Blk|Ign)' /proc/self/status; readlink /proc/self/fd/0; ps -o pgid= $$"
    assert job.shell(text, cwd="/usr") == 0
    block, ignore, stdin, group = job.read("ctr/main/combined").splitlines()
    of_the_c_library = 0b11 << 31  # signals 32 and 33 are inherited from whoever ran the tests
    assert int(block.split()[1], 16) & ~of_the_c_library == 0
    assert int(ignore.split()[1], 16) & ~of_the_c_library == 0
    assert stdin == "/dev/null"
    assert int(group) not in (os.getpgid(0), (contract.read_pid(str(job.directory)) or (0,))[0])


def test_the_working_directory_is_the_given_one(job):
    assert job.run("pwd", cwd="/usr") == 0
    assert job.read("ctr/main/combined") == "/usr\n"


def test_sigterm_reaches_the_command_and_then_sigkill(job):
    process = job.start("sh", "-c", "trap '' TERM; echo ready; sleep 600; sleep 600", grace="0.1")
    job.wait_for(b"ready")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert contract.read_exit_code(str(job.directory)) == 137


def test_a_grace_file_replaces_the_grace_and_only_shortens_it(job):
    process = job.start("sh", "-c", "trap '' TERM; echo ready; sleep 600; sleep 600", grace="600")
    job.wait_for(b"ready")
    process.send_signal(signal.SIGTERM)
    (job.directory / contract.GRACE).write_text("0.05")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert contract.read_exit_code(str(job.directory)) == 137


def test_other_signals_are_passed_on(job):
    text = "trap 'echo int; exit 5' INT; trap 'echo usr1' USR1; echo ready; "
    process = job.start("sh", "-c", text + "while :; do sleep 0.01; done")
    job.wait_for(b"ready")
    process.send_signal(signal.SIGUSR1)
    job.wait_for(b"usr1")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert contract.read_exit_code(str(job.directory)) == 5


@pytest.mark.parametrize("kind", ["seconds", "at"])
def test_a_deadline_leaves_its_mark_and_ends_the_command(job, kind):
    import time

    options = {"seconds": "0.05"} if kind == "seconds" else {"at": str(time.time() + 0.05)}
    # On a slow machine SIGTERM comes before the trap is set.
    code = job.shell("trap '' TERM; sleep 600; sleep 600", grace="0.05", **options)
    assert code in (137, 143)
    assert job.read("deadline") == kind


def test_a_deadline_that_does_not_pass_leaves_no_mark(job):
    assert job.shell("true", seconds="600", at="99999999999") == 0
    assert not (job.directory / "deadline").exists()


def test_death_by_a_signal_is_128_and_its_number(job):
    assert job.shell("kill -SEGV $$") == 139


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nope", 'failed to find name in PATH: exec: "nope": executable file not found in $PATH'),
        ("/x/no", 'failed to find name in PATH: exec: "/x/no": stat /x/no: no such file or '),
        ("/etc", 'failed to find name in PATH: exec: "/etc": is a directory'),
        ("/etc/passwd", 'failed to find name in PATH: exec: "/etc/passwd": permission denied'),
    ],
)
def test_a_command_that_cannot_be_found_is_64_with_gos_text(job, name, text):
    assert job.run(name) == 64
    assert job.read("termination-log").startswith(text)
    assert contract.read_usage(str(job.directory)) is not None


def test_a_file_that_is_no_program_cannot_be_started(job, tmp_path):
    program = tmp_path / "program"
    program.write_text("neither elf nor script")
    program.chmod(0o755)
    assert job.run(str(program)) == 64
    text = f"failed to start command: fork/exec {program}: exec format error"
    assert job.read("termination-log") == text


def test_a_missing_working_directory_cannot_be_entered(job):
    assert job.run("true", cwd="/no/such") == 64
    assert job.read("termination-log").startswith("failed to start command: chdir /no/such: ")


def test_nothing_of_the_command_is_left(job):
    nap = f"sleep {10**6 + os.getpid()}"  # tests may run beside each other
    text = f"{nap} & (setsid {nap} &) ; (setsid sh -c 'trap \"\" TERM; {nap}' &); exit 0"
    assert job.shell(text, flags="r") == 0
    listing = subprocess.run(["ps", "-eo", "stat,args"], capture_output=True, text=True, check=True)
    lines = [line for line in listing.stdout.splitlines() if nap in line]
    assert not [line for line in lines if not line.startswith("Z")]


def test_words_are_not_interpreted(job):
    assert job.run("printf", "%s|", "$(id)", "`id`", "a  b", "*", "") == 0
    assert job.read("ctr/main/combined") == "$(id)|`id`|a  b|*||"


@pytest.mark.parametrize("launcher", LAUNCHERS.values(), ids=list(LAUNCHERS))
def test_a_sigterm_is_heard_at_every_moment_of_a_sandbox(launcher, tmp_path):
    if (why := sandbox.available()) is not None:
        pytest.skip(why)
    if not Path(launcher[0]).exists():
        pytest.skip("the launcher is not compiled: run `python tools/build_launcher.py`")
    inside = ("--unshare-user", "--unshare-pid", "--die-with-parent", "--new-session")
    command = ("bwrap", *inside, "--ro-bind", "/", "/", "--proc", "/proc", "sleep", "60")
    for number in range(24):
        job = Job(launcher, tmp_path / str(number))
        process = job.start(*command, flags="s")
        while contract.read_pid(str(job.directory)) is None:
            os.sched_yield()
        moment = time.monotonic() + number / 2000
        while time.monotonic() < moment:
            os.sched_yield()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert contract.read_exit_code(str(job.directory)) == 128 + signal.SIGTERM
