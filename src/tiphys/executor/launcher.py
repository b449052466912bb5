"""The launcher in Python, for machines on which launcher.c could not be compiled.

Same arguments, same files, same behaviour; launcher.c documents them, and the same tests run
both. Started as `python -I -S launcher.py`, imports nothing of Tiphys, and costs some 15 ms more.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import os
import select
import signal
import sys
import time

CANNOT_START = 64
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LONGEST_WAIT_SECONDS = 60.0
_DEAF_SECONDS = 0.02
_PIECE_BYTES = 65536
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
_GO_REASONS = {2: "no such file or directory", 8: "exec format error", 20: "not a directory"}

_prctl = ctypes.CDLL(None).prctl


class StartError(Exception):
    """The command cannot be started; the text goes to the termination log."""


class Launcher:
    """One job; `main` is its life."""

    def __init__(self, arguments: list[str]) -> None:
        folder, lock, grace, seconds, at, flags, self.cwd, *self.command = arguments
        self.folder = folder
        self.grace_seconds = float(grace)
        self.seconds = math.inf if seconds == "-" else float(seconds)
        self.until_at = math.inf if at == "-" else float(at)
        self.captures, self.in_sandbox = "r" in flags, "s" in flags
        self.lock_fd = int(lock)
        self.child = -1
        self.status: int | None = None
        self.kill_at = math.inf
        self.unheard = False
        self.cpu_seconds, self.peak_kilobytes = 0.0, 0
        self.combined_fd = self.stdout_fd = self.pipe_fd = self.wake_fd = -1

    def main(self) -> int:
        """Run the command; return this process's own exit code."""
        self.detach()
        if os.path.exists(self.path("ctr/main/exitcode")):
            return 0  # ran already
        self.put_pid()
        self.open_files()
        began_at, began = time.time(), time.monotonic()
        try:
            self.start()
        except StartError as exc:
            self.put("termination-log", str(exc))
            self.end(CANNOT_START, {"started_at": began_at, "finished_at": time.time()})
            return 0
        self.wait(began + self.seconds)
        wall = time.monotonic() - began
        self.sweep()
        self.copy_output()
        usage = {
            "cpu_seconds": round(self.cpu_seconds, 6),
            "peak_memory_bytes": self.peak_kilobytes * 1024,
            "wall_seconds": round(wall, 6),
            "started_at": began_at,
            "finished_at": began_at + wall,
        }
        code = os.waitstatus_to_exitcode(self.status or 0)
        self.end(128 - code if code < 0 else code, usage)
        return 0

    # -------------------------------------------------------------------------- small files

    def path(self, name: str) -> str:
        """Return the path of a file of the job directory."""
        return os.path.join(self.folder, name)

    def put(self, name: str, text: str) -> None:
        """Write a small file; a full disk must not keep the job from ending."""
        try:
            fd = os.open(self.path(name), _WRITE, 0o644)
        except OSError:
            return
        try:
            os.write(fd, text.encode())
        except OSError:
            pass
        finally:
            os.close(fd)

    def put_pid(self) -> None:
        """Say who we are: number and start time, field 22 of stat."""
        with open("/proc/self/stat", encoding="utf-8", errors="replace") as file:
            started = file.read().rpartition(")")[2].split()[19]
        self.put("pid", f"{os.getpid()} {started}")

    def end(self, code: int, usage: dict[str, float]) -> None:
        """Write usage and, last and at once, the exit code."""
        self.put("usage", json.dumps(usage))
        target = self.path("ctr/main/exitcode")
        self.put("ctr/main/exitcode.tmp", str(code))
        os.rename(f"{target}.tmp", target)

    def grace(self) -> float:
        """Return the seconds between SIGTERM and SIGKILL as of now."""
        try:
            with open(self.path("ctr/main/grace"), encoding="ascii") as file:
                return max(0.0, float(file.read()))
        except (OSError, ValueError):
            return self.grace_seconds

    # --------------------------------------------------------------------------- the command

    def detach(self) -> None:
        """Become independent of the engine, and the parent of all orphans of the command."""
        os.set_inheritable(self.lock_fd, False)
        with contextlib.suppress(PermissionError):  # a leader already
            os.setsid()
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.folder = os.path.abspath(self.folder)
        read_fd, write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.wake_fd = read_fd
        signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
        for number in forwarded() | {signal.SIGCHLD}:
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])

    def open_files(self) -> None:
        """Open the log and, with capture, the file for the result."""
        os.makedirs(self.path("ctr/main"), mode=0o755, exist_ok=True)
        null_fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self.combined_fd = os.open(self.path("ctr/main/combined"), _APPEND, 0o644)
        os.dup2(null_fd, 0)
        os.dup2(self.combined_fd, 1)
        os.dup2(self.combined_fd, 2)
        if self.captures:
            self.stdout_fd = os.open(self.path("ctr/main/stdout"), _APPEND, 0o644)

    def start(self) -> None:
        """Start the command in a process group of its own."""
        try:
            os.chdir(self.cwd)
        except OSError as exc:
            text = f"failed to start command: chdir {self.cwd}: {reason_of(exc)}"
            raise StartError(text) from exc
        program = find_command(self.command[0], os.environ.get("PATH", ""))
        failed_read, failed_write = os.pipe2(os.O_CLOEXEC)
        output = -1
        if self.captures:
            self.pipe_fd, output = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(self.pipe_fd, False)
        launcher = os.getpid()
        self.child = os.fork()
        if self.child == 0:
            self.become(program, launcher, output, failed_write)
        os.close(failed_write)
        if output >= 0:
            os.close(output)
        problem = os.read(failed_read, 16)
        os.close(failed_read)
        if problem:
            os.waitpid(self.child, 0)
            text = f"failed to start command: fork/exec {program}: {_reason(int(problem))}"
            raise StartError(text)

    def become(self, program: str, launcher: int, output: int, failed: int) -> None:
        """In the child: turn into the command. Never returns."""
        try:
            os.setpgid(0, 0)
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if output >= 0:
                os.dup2(output, 1)
            signal.set_wakeup_fd(-1)
            for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(number, signal.SIG_DFL)
            if os.getppid() == launcher:
                os.execv(program, self.command)  # noqa: S606 - a list, no shell
        except OSError as exc:
            os.write(failed, str(exc.errno).encode())
        finally:
            os._exit(CANNOT_START)

    # ------------------------------------------------------------------------------ signals

    def forward(self, number: int) -> None:
        """Send a signal to the command's group; inside the sandbox if it is in one."""
        if self.in_sandbox and number != signal.SIGKILL:
            inside = children_of(self.child)
            if inside and kill(-inside[0], number):
                return
        if not kill(-self.child, number):
            kill(self.child, number)

    def begin_end(self) -> None:
        """SIGTERM now, SIGKILL after the grace; a second call may shorten the wait."""
        self.kill_at = min(self.kill_at, time.monotonic() + self.grace())
        self.unheard = self.is_still_deaf()
        self.forward(signal.SIGTERM)

    def is_still_deaf(self) -> bool:
        """Tell whether bubblewrap still makes the sandbox: nobody in there can hear a signal."""
        inside = children_of(self.child) if self.in_sandbox else []
        return bool(inside) and not children_of(inside[0])

    def reap(self, flags: int) -> bool | None:
        """Take one dead child; None if there are no children at all."""
        try:
            pid, status, used = os.wait4(-1, flags)
        except ChildProcessError:
            return None
        if pid == 0:
            return False
        self.cpu_seconds += used.ru_utime + used.ru_stime
        self.peak_kilobytes = max(self.peak_kilobytes, used.ru_maxrss)
        if pid == self.child:
            self.status = status
        return True

    def on_signals(self) -> None:
        """Handle what has come in."""
        for number in os.read(self.wake_fd, 256):
            if number == signal.SIGCHLD:
                while self.status is None and self.reap(os.WNOHANG):
                    pass
            elif number == signal.SIGTERM:
                self.begin_end()
            else:
                self.forward(number)

    def sweep(self) -> None:
        """Kill what the command left; a killed process's children become ours."""
        kill(-self.child, signal.SIGKILL)
        while (found := self.reap(os.WNOHANG)) is not None:
            if not found:
                for pid in children_of(os.getpid()):
                    kill(pid, signal.SIGKILL)
                self.reap(0)

    # ------------------------------------------------------------------------------ the wait

    def copy_output(self) -> None:
        """Copy what is in the pipe to the result and the log."""
        while self.pipe_fd >= 0:
            try:
                piece = os.read(self.pipe_fd, _PIECE_BYTES)
            except BlockingIOError:
                return
            if not piece:
                os.close(self.pipe_fd)
                self.pipe_fd = -1
            for fd in (self.stdout_fd, self.combined_fd):
                write_all(fd, piece)

    def wait(self, until: float) -> None:
        """Return when the command is over; `until` is its deadline on the monotonic clock."""
        told = False
        poll = select.poll()
        poll.register(self.wake_fd, select.POLLIN)
        if self.pipe_fd >= 0:
            poll.register(self.pipe_fd, select.POLLIN)
        while self.status is None:
            now = time.monotonic()
            left = self.kill_at - now
            if not told:
                real_left = self.until_at - time.time()
                if min(until - now, real_left) <= 0:
                    self.put("deadline", "seconds" if until <= now else "at")
                    told = True
                    self.begin_end()
                    continue
                left = min(left, until - now, real_left)
            if self.kill_at <= now:
                self.kill_at, self.unheard = math.inf, False
                self.forward(signal.SIGKILL)
                continue
            if self.unheard:
                self.unheard = self.is_still_deaf()
                if not self.unheard:
                    self.forward(signal.SIGTERM)
            self.step(poll, min(left, _DEAF_SECONDS) if self.unheard else left)

    def step(self, poll: select.poll, left: float) -> None:
        """Wait for one thing to happen."""
        had_pipe = self.pipe_fd
        wait = None if left == math.inf else min(left, _LONGEST_WAIT_SECONDS) * 1000 + 1
        for fd, _ in poll.poll(wait):
            if fd == self.wake_fd:
                self.on_signals()
            else:
                self.copy_output()
        if had_pipe >= 0 and self.pipe_fd < 0:
            poll.unregister(had_pipe)


def write_all(fd: int, content: bytes) -> None:
    """Write it all, unless the disk is full."""
    try:
        while content:
            content = content[os.write(fd, content) :]
    except OSError:
        pass


def children_of(pid: int) -> list[int]:
    """Return the living and dead children of a process."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(part) for part in file.read().split()]
    except OSError:
        return []


def find_command(name: str, path: str) -> str:
    """Return the program's path, looked up in `path` as in PATH.

    Raises StartError with the texts of Go's LookPath.
    """
    if "/" in name:
        problem = _why_not(name)
        if problem:
            raise StartError(f'failed to find name in PATH: exec: "{name}": {problem}')
        return name
    for folder in path.split(":") if name else ():
        program = f"{folder}/{name}"
        if folder and not _why_not(program):
            return program
    raise StartError(
        f'failed to find name in PATH: exec: "{name}": executable file not found in $PATH'
    )


def _why_not(path: str) -> str:
    try:
        os.stat(path)
    except OSError as exc:
        return f"stat {path}: {reason_of(exc)}"
    if os.path.isdir(path):
        return "is a directory"
    return "" if os.access(path, os.X_OK, effective_ids=True) else "permission denied"


def reason_of(exc: OSError) -> str:
    """Return why a call failed, in Go's words."""
    return _reason(exc.errno or 0)


def _reason(number: int) -> str:
    return _GO_REASONS.get(number, os.strerror(number))


def kill(pid: int, number: int) -> bool:
    """Send a signal; False if nobody could be reached."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def forwarded() -> set[int]:
    """Return the signals that are handed on to the command."""
    taken = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGURG, signal.SIGPIPE}
    faults = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}
    return {int(number) for number in signal.valid_signals() - taken - faults}


if __name__ == "__main__":
    sys.exit(Launcher(sys.argv[1:]).main())
