"""The start of the launcher, and the look for the command that it will run.

Nothing here goes through a shell: command lines are lists from the template to the kernel.
"""

from __future__ import annotations

import os
import posixpath
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tiphys.errors import Permanent
from tiphys.executor.config import NOTHING, Values
from tiphys.executor.layout import Layout
from tiphys.executor.members import name_of
from tiphys.messages import JobSpec
from tiphys.model.containers import Container

LOCK_FD: Final = 3
"""The descriptor under which the launcher inherits the lock."""
STANDARD_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PLAN_FD: Final = 4
_SPARE_FD: Final = 255
_POD: Final = Path(__file__).with_name("pod")
_FALLBACK: Final = Path(__file__).with_name("launcher.py")


@dataclass(frozen=True, slots=True)
class Launch:
    """What the launcher is asked to run; `flags` are its own (see launcher.c).

    `inside` come before the words of a probe or hook that is to run in the container, if
    it takes any. `up` is a file that is there once the container runs, "" if there is none.
    """

    command: Sequence[str]
    env: Mapping[str, str]
    cwd: str
    flags: str = "-"
    inside: Sequence[str] = ()
    up: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """One container of a job, and what its command is made from; None: a pod without main.

    `waits` says that other containers run first, so that its command may not be there yet.
    """

    job: JobSpec
    container: Container | None
    layout: Layout
    values: Values = NOTHING
    waits: bool = False

    @property
    def name(self) -> str:
        """The container's name."""
        return name_of(self.job, self.container)


class CannotStart(Permanent):
    """The command cannot be started; the text is what Argo's emissary says."""


@cache
def find_launcher() -> tuple[str, ...]:
    """Return the command that starts the launcher: the compiled one, else the Python one."""
    compiled = Path(__file__).with_name("tiphys-launcher")
    return (str(compiled),) if os.access(compiled, os.X_OK) else python_launcher()


def python_launcher() -> tuple[str, ...]:
    """Return the command that starts the Python launcher."""
    return (sys.executable, "-I", "-S", str(_FALLBACK))


def find_in(layout: Layout, name: str, path: str, cwd: str) -> None:
    """Check that the pod has a program `name`. Raises CannotStart with Argo's text if not.

    Source: Go os/exec.LookPath, as the launcher has it.
    """
    if "/" in name:
        place = layout.follow(posixpath.join(cwd, name))
        if not os.path.exists(place):
            reason = f"stat {name}: no such file or directory"
        elif os.path.isdir(place):
            reason = "is a directory"
        else:
            reason = "" if os.access(place, os.X_OK) else "permission denied"
        if reason:
            raise CannotStart(f'failed to find name in PATH: exec: "{name}": {reason}')
        return
    for folder in path.split(":") if name else ():
        place = layout.follow(f"{folder}/{name}") if folder else ""
        if place and os.path.isfile(place) and os.access(place, os.X_OK):
            return
    raise CannotStart(
        f'failed to find name in PATH: exec: "{name}": executable file not found in $PATH'
    )


_ELSEWHERE: Final = {"python": "python3", "pip": "pip3"}


def known_here(name: str, exists: Callable[[str], bool]) -> str:
    """Return the name under which this machine has a program: many have no `python`."""
    other = _ELSEWHERE.get(name, "")
    return other if other and not exists(name) and exists(other) else name


def spawn(job: JobSpec, directory: str, launch: Launch, lock_fd: int) -> int:
    """Start the launcher and return its process id; it inherits the lock and nothing else.

    All signals are blocked until the launcher is ready for them, so none is ever lost. It
    forgets the descriptors by itself, and needs nobody to wait for it.
    Raises OSError if the system cannot start another process.
    """
    launcher = find_launcher()
    argv = [
        *launcher,
        directory,
        str(LOCK_FD),
        _seconds(job.grace_seconds),
        _seconds(job.deadline_seconds),
        _seconds(job.deadline_at),
        launch.flags,
        launch.cwd,
        *launch.command,
    ]
    return os.posix_spawn(
        launcher[0],
        argv,
        launch.env,
        file_actions=((os.POSIX_SPAWN_DUP2, lock_fd, LOCK_FD),),
        setsigmask=_CATCHABLE,
        setsigdef=_IGNORED_BY_PYTHON,
    )


def spawn_pod(directory: str, plan: bytes, lock_fd: int) -> int:
    """Start the pod launcher and return its process id; it inherits the lock and the plan.

    The plan holds secret values, so it is handed over in memory and never is a file.
    Raises OSError if the system cannot start another process.
    """
    plan_fd = os.memfd_create("plan", os.MFD_CLOEXEC)
    try:
        with open(plan_fd, "wb", closefd=False) as file:
            file.write(plan)
        return os.posix_spawn(
            sys.executable,
            (sys.executable, "-I", "-S", str(_POD), directory, str(LOCK_FD), str(_PLAN_FD)),
            {},
            file_actions=(
                # First out of the way of each other, whatever numbers they have.
                (os.POSIX_SPAWN_DUP2, lock_fd, _SPARE_FD),
                (os.POSIX_SPAWN_DUP2, plan_fd, _PLAN_FD),
                (os.POSIX_SPAWN_DUP2, _SPARE_FD, LOCK_FD),
                (os.POSIX_SPAWN_CLOSE, _SPARE_FD),
            ),
            setsigmask=_CATCHABLE,
            setsigdef=_IGNORED_BY_PYTHON,
        )
    finally:
        os.close(plan_fd)


_CATCHABLE: Final = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
_IGNORED_BY_PYTHON: Final = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.6f}"
