"""One command of a pod: how it is started, how signals reach it, where its output goes."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from tiphys.executor.launcher import (
    CANNOT_START,
    StartError,
    children_of,
    find_command,
    kill,
    reason_of,
    write_all,
)

_PIECE_BYTES: Final = 65536
_REASON_BYTES: Final = 8192
_PR_SET_PDEATHSIG: Final = 1
_prctl = ctypes.CDLL(None).prctl


class Process:
    """A command that runs, leader of a process group. Raises StartError if it does not start.

    `enter` is called in the child before it looks for the command. With `result_fd` standard
    output goes there as well as to `log_fd`, through `pipe_fd`.
    """

    def __init__(
        self,
        words: Sequence[str],
        env: Mapping[str, str],
        cwd: str,
        log_fd: int,
        result_fd: int = -1,
        enter: Callable[[], None] | None = None,
    ) -> None:
        self._log_fd, self._result_fd = log_fd, result_fd
        self.pipe_fd = output = -1
        failed_read, failed_write = os.pipe2(os.O_CLOEXEC)
        if result_fd >= 0:
            self.pipe_fd, output = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(self.pipe_fd, False)
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _attach(parent, log_fd, output)
                if enter is not None:
                    enter()
                _become(words, env, cwd)
            except BaseException as exc:  # noqa: BLE001 - the parent says it
                os.write(failed_write, str(exc).encode()[:_REASON_BYTES])
            finally:
                os._exit(CANNOT_START)
        os.close(failed_write)
        if output >= 0:
            os.close(output)
        problem = os.read(failed_read, _REASON_BYTES)
        os.close(failed_read)
        if problem:
            os.waitpid(self.pid, 0)
            self.close()
            raise StartError(problem.decode("utf-8", "replace"))

    def send(self, number: int) -> None:
        """Send a signal to the whole group."""
        if not kill(-self.pid, number):
            kill(self.pid, number)

    def copy_output(self) -> None:
        """Copy what is in the pipe to the result and to the log."""
        while self.pipe_fd >= 0:
            try:
                piece = os.read(self.pipe_fd, _PIECE_BYTES)
            except BlockingIOError:
                return
            if not piece:
                self.close()
                return
            write_all(self._result_fd, piece)
            write_all(self._log_fd, piece)

    def close(self) -> None:
        """Close the pipe."""
        if self.pipe_fd >= 0:
            os.close(self.pipe_fd)
            self.pipe_fd = -1


class Sandboxed(Process):
    """A command inside bubblewrap, which itself would die of SIGTERM and take all along at once.

    Its child is the leader of the session inside and pid 1 there, which is deaf: the rest of that
    group listens.
    """

    def send(self, number: int) -> None:
        """Send a signal to the session inside; SIGKILL to bubblewrap, which ends all inside."""
        inside = children_of(self.pid) if number != signal.SIGKILL else []
        if not inside or not kill(-inside[0], number):
            super().send(number)

    @property
    def is_deaf(self) -> bool:
        """Whether the sandbox is still being made: nobody in there can hear a signal."""
        inside = children_of(self.pid)
        return bool(inside) and not children_of(inside[0])

    @property
    def first(self) -> int:
        """The process id of pid 1 inside; 0 if there is none yet."""
        inside = children_of(self.pid)
        return inside[0] if inside else 0


def _attach(parent: int, log_fd: int, output: int) -> None:
    """In the child: a group of its own, no life without its launcher, its output, no signals."""
    os.setpgid(0, 0)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(CANNOT_START)
    os.dup2(log_fd, 1)
    os.dup2(log_fd, 2)
    if output >= 0:
        os.dup2(output, 1)
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with suppress(OSError):
            signal.signal(number, signal.SIG_DFL)


def _become(words: Sequence[str], env: Mapping[str, str], cwd: str) -> None:
    """In the child: turn into the command. Returns never; raises StartError."""
    try:
        os.chdir(cwd)
    except OSError as exc:
        problem = f"failed to start command: chdir {cwd}: {reason_of(exc)}"
        raise StartError(problem) from exc
    program = find_command(words[0], env.get("PATH", ""))
    try:
        os.execve(program, list(words), env)  # noqa: S606 - a list, no shell
    except OSError as exc:
        problem = f"failed to start command: fork/exec {program}: {reason_of(exc)}"
        raise StartError(problem) from exc
