"""One job of a local runtime, the queue of reports, and how launchers are found again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final, Literal

from tiphys.executor import contract
from tiphys.executor.config import NOTHING, Values
from tiphys.executor.layout import Layout
from tiphys.messages import JobReport, JobSpec
from tiphys.runtime.bell import Bell

_KILL_ROUNDS: Final = 10
State = Literal["waiting", "staging", "running", "capturing", "over"]


class Entry:
    """A job as its runtime knows it.

    `pidfd` watches the launcher, which is our child only if `is_child`. `values` is None while it
    is not known what its configuration says; until then `layout` knows nothing of its volumes.
    """

    __slots__ = (
        "bell",
        "directory",
        "grace",
        "is_child",
        "is_pod",
        "layout",
        "pid",
        "pidfd",
        "progress",
        "spec",
        "started_told",
        "state",
        "task",
        "values",
    )

    def __init__(self, spec: JobSpec, directory: str, layout: Layout) -> None:
        self.spec = spec
        self.directory = directory
        self.layout = layout
        self.state: State = "waiting"
        self.pid = 0
        self.pidfd = -1
        self.is_child = False
        self.is_pod = False
        self.values: Values | None = NOTHING
        self.bell: Bell | None = None
        self.started_told = False
        self.grace: float | None = None
        self.progress = ""
        self.task: asyncio.Task[None] | None = None

    @property
    def is_unknown(self) -> bool:
        """Whether the job refers to something that nobody has looked up yet."""
        return self.values is None


class Reports:
    """An ordered queue with one reader."""

    def __init__(self) -> None:
        self._items: deque[JobReport] = deque()
        self._some = asyncio.Event()

    def put(self, report: JobReport) -> None:
        """Add a report."""
        self._items.append(report)
        self._some.set()

    def fetch(self) -> list[JobReport]:
        """Return the reports that wait, in order; `watch` does not yield them any more."""
        found = [*self._items]
        self._items.clear()
        return found

    async def watch(self) -> AsyncIterator[JobReport]:
        """Yield every report once, in order, for ever."""
        while True:
            while self._items:
                yield self._items.popleft()
            self._some.clear()
            if not self._items:
                await self._some.wait()


def open_launcher(directory: str) -> tuple[int, int] | None:
    """Return (pid, pidfd) of the job's living launcher; None if it is gone or has not named itself.

    The start time is compared after the descriptor is open: from then on the number cannot pass
    to another process unnoticed.
    """
    who = contract.read_pid(directory)
    if who is None:
        return None
    pid, started = who
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    if contract.start_time(pid) != started:
        os.close(pidfd)
        return None
    return pid, pidfd


def is_live(directory: str) -> bool:
    """Tell whether someone holds the job's lock: a launcher lives, or someone is staging."""
    if not os.path.exists(f"{directory}/{contract.LOCK}"):
        return False
    lock = contract.try_lock(directory)
    if lock is None:
        return True
    os.close(lock)
    return False


def tell_to_end(directory: str, pidfd: int, grace: float) -> None:
    """Ask a launcher to end its job: SIGTERM, then SIGKILL after `grace` seconds."""
    path = f"{directory}/{contract.GRACE}"
    with suppress(OSError):  # the directory may be gone, the launcher may have ended
        os.makedirs(os.path.dirname(path), exist_ok=True)  # the launcher may not have begun
        contract.write_file(path, f"{max(0.0, grace):.3f}".encode())
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGTERM)


def kill_session(directory: str) -> None:
    """Kill what a killed launcher left behind: all that is still in the session it led.

    While a process of that session lives the kernel does not give the number away, so a process
    with this number and another start time means that nothing of the session is left.
    """
    who = contract.read_pid(directory)
    if who is None or contract.start_time(who[0]) not in (None, who[1]):
        return
    for _ in range(_KILL_ROUNDS):  # again, for what was forked while we looked
        members = [pid for pid in _processes() if _in_session(pid, *who)]
        for pid in members:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not members:
            return


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _in_session(pid: int, session: int, since: int) -> bool:
    """Tell whether a living process is in a session and not older than it."""
    content = contract.read_file(f"/proc/{pid}/stat", 4096) or b""
    fields = content.rpartition(b")")[2].split()
    # Fields 3 (state), 6 (session) and 22 (start time) of stat; the list starts at field 3.
    if len(fields) <= 19 or fields[0] in (b"Z", b"X"):
        return False
    return int(fields[3]) == session and int(fields[19]) >= since
