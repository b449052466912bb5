"""The command: command line, environment, working directory, and the start of the launcher.

Nothing here goes through a shell: command lines are lists from the template to the kernel.
"""

from __future__ import annotations

import os
import posixpath
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from tiphys.errors import Permanent
from tiphys.executor import contract
from tiphys.executor.layout import Layout
from tiphys.messages import JobSpec
from tiphys.model.containers import Container

LOCK_FD: Final = 3
"""The descriptor under which the launcher inherits the lock."""
STANDARD_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NO_DEADLINE: Final = "0001-01-01T00:00:00Z"
_REFERENCE: Final = re.compile(r"\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")
_FALLBACK: Final = Path(__file__).with_name("launcher.py")


@dataclass(frozen=True, slots=True)
class Launch:
    """What the launcher is asked to run; `flags` are its own (see launcher.c)."""

    command: Sequence[str]
    env: Mapping[str, str]
    cwd: str
    flags: str = "-"


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


@dataclass(frozen=True, slots=True)
class Defaults:
    """What an image runs by itself; nobody knows that of an image that is not `known`."""

    entrypoint: Sequence[str] = ()
    cmd: Sequence[str] = ()
    known: bool = True


_NO_DEFAULTS: Final = Defaults()


def main_container(job: JobSpec) -> Container | None:
    """Return the container that is called `main`; None for kinds of template without one."""
    return job.template.container or job.template.script


def command_line(job: JobSpec, layout: Layout, image: Defaults = _NO_DEFAULTS) -> list[str]:
    """Return the command as the job must see it.

    A script's file is the last argument; its `args` are not used, as in Argo. Raises Permanent if
    the template leaves it to an unknown image what to run.
    Source: reference/kubernetes.md 3.4; conformance/README.md, "Executing local: run".
    """
    main = main_container(job)
    if main is None:
        return ["true"]
    if not main.command and not image.known:
        raise Permanent(
            f'what the image "{main.image}" runs is not known on this machine: set `command`, or '
            "map the image to its entrypoint in the settings file"
        )
    words = list(main.command or image.entrypoint)
    if job.template.script is not None:
        if job.template.script.source:
            return [*map(layout.text, words), layout.told(contract.POD_SCRIPT)]
        return [layout.text(word) for word in words] or ["true"]
    words += main.args or (() if main.command else image.cmd)
    return [layout.text(word) for word in words] or ["true"]


def environment(job: JobSpec, layout: Layout, base: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of main: `base`, Argo's own, the template's.

    Source: reference/kubernetes.md 3.5.
    """
    env = {
        **base,
        "ARGO_CONTAINER_NAME": "main",
        "ARGO_NODE_ID": job.id,
        "ARGO_WORKFLOW_NAME": job.workflow,
        "ARGO_INCLUDE_SCRIPT_OUTPUT": "true" if job.capture_result else "false",
        "ARGO_DEADLINE": _time(job.deadline_at),
        "ARGO_PROGRESS_FILE": layout.told(contract.POD_PROGRESS),
        "ARGO_PROGRESS_PATCH_TICK_DURATION": "1m0s",
        "ARGO_PROGRESS_FILE_TICK_DURATION": "3s",
    }
    main = main_container(job)
    for variable in main.env if main is not None else ():
        value = variable.value
        if variable.value_from is not None:
            value = _field(job, variable.value_from.get("fieldRef"))
        env[variable.name] = layout.text(expand(value, env))
    return env


def _time(at: float | None) -> str:
    if at is None:
        return _NO_DEADLINE
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _field(job: JobSpec, reference: object) -> str:
    """Return what a fieldRef names, of the few fields that a local job has."""
    path = reference.get("fieldPath") if isinstance(reference, dict) else None
    known = {"metadata.name": job.pod_name, "metadata.namespace": job.namespace}
    return known.get(path, "") if isinstance(path, str) else ""


def expand(text: str, env: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by the variable, `$$` by `$`; unknown names stay.

    Source: Kubernetes third_party/forked/golang/expansion, Expand.
    """
    if "$" not in text:
        return text

    def one(match: re.Match[str]) -> str:
        name = match.group(1)
        return "$" if name is None else env.get(name, match.group())

    return _REFERENCE.sub(one, text)


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


_CATCHABLE: Final = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
_IGNORED_BY_PYTHON: Final = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.6f}"
