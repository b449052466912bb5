"""Limits of memory and cpu by cgroup v2, where this user may make cgroups.

Where not, limits are noted and not enforced: rlimits count address space or private memory for
each process, and would fail programs (runtimes with garbage collectors, many threads) that stay
well below the same limit in a container.
"""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from tiphys.executor.fields import resource_of
from tiphys.executor.members import containers_of
from tiphys.messages import JobSpec
from tiphys.model.containers import Container

MOUNT: Final = Path("/sys/fs/cgroup")
_PERIOD_MICROSECONDS: Final = 100_000
_WANTED: Final = ("memory", "cpu")


def find_parent(mount: Path = MOUNT, own: Path = Path("/proc/self/cgroup")) -> Path | None:
    """Return a directory in which limited cgroups can be made, None if there is none.

    Our own cgroup has processes and so cannot limit children; the one above it often can, as in a
    user's systemd session.
    """
    try:
        lines = own.read_text().splitlines()
        path = next(line[3:] for line in lines if line.startswith("0::"))
        parent = (mount / path.strip("/")).parent if path.strip("/") else None
        if parent is None or not parent.is_relative_to(mount) or not os.access(parent, os.W_OK):
            return None
        given = (parent / "cgroup.subtree_control").read_text().split()
    except (OSError, StopIteration):
        return None
    return parent if all(name in given for name in _WANTED) else None


class Groups:
    """Makes a cgroup for each container that has limits."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._numbers = itertools.count(1)

    def limits(self, job: JobSpec) -> bool:
        """Tell whether a job has limits, so that it needs a launcher that knows cgroups."""
        return any(item.resources.get("limits") for item in containers_of(job))

    def make(self, container: Container) -> str:
        """Return the directory of a new cgroup; "" if nothing is limited or it cannot be made.

        The pod's launcher removes it when the container is over.
        """
        memory = resource_of(container, "limits", "memory")
        cores = resource_of(container, "limits", "cpu")
        if memory is None and cores is None:
            return ""
        folder = self._parent / f"tiphys-{os.getpid()}-{next(self._numbers)}"
        try:
            folder.mkdir()
            if memory is not None:
                (folder / "memory.max").write_text(str(int(memory)))
                with suppress(OSError):
                    (folder / "memory.swap.max").write_text("0")
                    (folder / "memory.oom.group").write_text("1")
            if cores is not None:
                quota = max(1000, int(cores * _PERIOD_MICROSECONDS))
                (folder / "cpu.max").write_text(f"{quota} {_PERIOD_MICROSECONDS}")
        except OSError:
            with suppress(OSError):
                folder.rmdir()
            return ""
        return str(folder)
