"""The second half of a local job's life: watched while it runs, captured, reported.

Everything here can be lost at any moment and found again in the job directory. Jobs without
artifacts never leave the event loop's own thread: their few system calls cost less than a change
of thread.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from tiphys.errors import TiphysError
from tiphys.executor import capture, contract
from tiphys.executor.config import NOTHING, Values
from tiphys.executor.ends import PodEnd, read_end
from tiphys.executor.layout import Layout
from tiphys.executor.materialize import forget_secrets
from tiphys.executor.secret import mask
from tiphys.executor.transfers import DriverOf
from tiphys.messages import (
    ContainerReported,
    JobFinished,
    JobLost,
    JobProgressed,
    JobReport,
    JobSpec,
    JobStarted,
)
from tiphys.model.ids import NodeId
from tiphys.ports import Clock
from tiphys.runtime.bell import Bell
from tiphys.runtime.blanks import Blanks
from tiphys.runtime.cgroups import Groups, find_parent
from tiphys.runtime.entry import Entry, Reports, kill_session
from tiphys.runtime.files import last_progress
from tiphys.runtime.images import Images
from tiphys.runtime.names import Names, machine_hosts
from tiphys.runtime.setup import Setup
from tiphys.runtime.slots import Slots, default_slots

log = logging.getLogger(__name__)
_POLL_SECONDS: Final = 0.02
PROGRESS_SECONDS = 3.0
"""How often progress files are looked at; Argo's ARGO_PROGRESS_FILE_TICK_DURATION."""


class Ending:
    """What is known of all jobs, and what happens once a launcher is there."""

    def __init__(
        self,
        root: Path,
        drivers: DriverOf,
        clock: Clock,
        *,
        slots: Slots | int | None = None,
        setup: Setup | None = None,
    ) -> None:
        self._root = Path(root)
        self._drivers = drivers
        self._clock = clock
        self._slots = slots if isinstance(slots, Slots) else Slots(slots or default_slots())
        self._setup = setup or Setup()
        self.capabilities = self._setup.capabilities
        self._images = Images(self._setup.images)
        parent = find_parent()
        self.groups = Groups(parent) if parent is not None else None
        self._entries: dict[NodeId, Entry] = {}
        self._waiting: deque[Entry] = deque()
        self._running = 0
        self._ticking = False
        self._reports = Reports()
        self._tasks: set[asyncio.Task[None]] = set()
        self._blanks = Blanks(self._root, self._fill_blank)
        self._names = Names(machine_hosts())

    def layout(self, job: JobSpec, directory: str, values: Values = NOTHING) -> Layout:
        """Return where the paths of the job's main container are."""
        raise NotImplementedError

    async def _learn(self, entry: Entry, is_over: bool) -> None:
        """Find out what a job refers to, if that is not known."""
        raise NotImplementedError

    def _fill_blank(self, directory: str) -> None:
        """Make what all job directories begin with; called in another thread."""
        contract.fill_blank(directory)

    def _fill_slots(self) -> None:
        raise NotImplementedError

    # ------------------------------------------------------------------------------ watching

    def _watch_launcher(self, entry: Entry, pid: int, pidfd: int) -> None:
        entry.state = "running"
        entry.pid, entry.pidfd = pid, pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._launcher_ended, entry)
        if not self._ticking:
            self._ticking = True
            self._background(self._look_at_progress(), partial(self._checked, entry))

    def _listen(self, entry: Entry) -> None:
        """Report what a pod's launcher says, from its first word on."""
        entry.bell = Bell(entry.spec, entry.directory, partial(self._heard, entry))

    def _heard(self, entry: Entry, report: JobReport) -> None:
        if isinstance(report, JobStarted):
            self._tell_started(entry, report.at)
        elif isinstance(report, ContainerReported):
            text = mask(report.message, (entry.values or NOTHING).secrets())
            self._reports.put(replace(report, message=text))
        else:
            self._reports.put(report)

    async def _look_at_progress(self) -> None:
        """Report new progress of what runs; the last word on it is said with the end of a job."""
        try:
            while self._running:
                await self._clock.sleep_until(self._clock.now() + PROGRESS_SECONDS)
                for entry in list(self._entries.values()):
                    if entry.state == "running":
                        self._tell_progress(entry)
        finally:
            self._ticking = False

    def _tell_progress(self, entry: Entry) -> None:
        progress = last_progress(entry.layout.progress)
        if progress and progress != entry.progress:
            entry.progress = progress
            self._reports.put(JobProgressed(entry.spec.id, progress))

    def _forget_launcher(self, entry: Entry) -> None:
        if entry.pidfd >= 0:
            asyncio.get_running_loop().remove_reader(entry.pidfd)
            os.close(entry.pidfd)
            entry.pidfd = -1
        if entry.bell is not None:
            entry.bell.close()
            entry.bell = None

    # -------------------------------------------------------------------------------- ending

    def _launcher_ended(self, entry: Entry) -> None:
        if entry.bell is not None:
            entry.bell.listen()
        self._forget_launcher(entry)
        if entry.is_child:
            with suppress(ChildProcessError):
                os.waitpid(entry.pid, 0)
        self._give()
        self._fill_slots()  # first, so that the machine works while we read
        end = end_of(entry)
        if end is None:
            self._lost(entry)
        else:
            self._capture(entry, end)

    def _capture(self, entry: Entry, end: int | PodEnd) -> None:
        entry.state = "capturing"
        if entry.is_unknown or capture.needs_saving(entry.spec):
            self._background(self._save(entry, end), partial(self._checked, entry))
            return
        now = self._clock.now()
        try:
            report = capture.capture_now(entry.spec, entry.layout, end, now)
        except (TiphysError, OSError, ValueError) as exc:
            report = capture.capture_failed(entry.spec, exc, now)
        self._finish(entry, report)

    async def _save(self, entry: Entry, end: int | PodEnd) -> None:
        if entry.is_unknown:
            await self._learn(entry, True)
        now = self._clock.now()
        self._finish(
            entry, await capture.capture(entry.spec, entry.layout, end, now, self._drivers)
        )

    def _lost(self, entry: Entry) -> None:
        kill_session(entry.directory)
        self._finish(entry, JobLost(entry.spec.id, self._clock.now()))

    def _deleted(self, entry: Entry) -> None:
        """Report a job that was stopped before its command ran."""
        now = self._clock.now()
        self._finish(entry, capture.stopped_early(entry.spec, "Error", "pod deleted", now))
        self._fill_slots()

    def _finish(self, entry: Entry, report: JobFinished | JobLost) -> None:
        """Say the last word about a job: first to the disk, then to the engine."""
        entry.state = "over"
        self._names.remove(entry)
        if entry.values is not None and entry.values is not NOTHING:
            report = self._masked(entry, entry.values, report)
        with suppress(OSError):  # the directory may have been removed under us
            contract.write_report(entry.directory, report)
        self._tell_started(entry, started_at(report))
        self._tell_progress(entry)
        self._reports.put(report)

    def _masked(
        self, entry: Entry, values: Values, report: JobFinished | JobLost
    ) -> JobFinished | JobLost:
        """Return a report in which no secret shows, and remove the secrets' files."""
        forget_secrets(entry.spec, entry.directory)
        secrets = list(values.secrets())
        entry.values = NOTHING
        if not secrets or isinstance(report, JobLost):
            return report
        members = tuple(
            replace(item, message=mask(item.message, secrets)) for item in report.containers
        )
        return replace(report, message=mask(report.message, secrets), containers=members)

    def _tell_started(self, entry: Entry, at: float) -> None:
        if not entry.started_told:
            entry.started_told = True
            self._reports.put(JobStarted(entry.spec.id, at, self.host))

    @property
    def host(self) -> str:
        """The name of the machine, as the node's `hostNodeName`."""
        return os.uname().nodename

    # ------------------------------------------------------------------------------ plumbing

    def _take(self) -> None:
        self._running += 1
        self._slots.take()

    def _give(self) -> None:
        self._running -= 1
        self._slots.give()

    def _background(
        self, work: Coroutine[object, object, None], then: Callable[[asyncio.Task[None]], None]
    ) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(then)
        return task

    def _checked(self, entry: Entry, task: asyncio.Task[None]) -> None:
        """End a job whose background work broke: a job must never be left without a last word."""
        if task.cancelled() or (problem := task.exception()) is None:
            return
        log.error("job %s: %s", entry.spec.id, problem, exc_info=problem)
        self._finish(entry, capture.capture_failed(entry.spec, problem, self._clock.now()))

    async def _pause(self) -> None:
        await self._clock.sleep_until(self._clock.now() + _POLL_SECONDS)


def end_of(entry: Entry) -> int | PodEnd | None:
    """Return how a job ended: a pod's containers, or the exit code of one; None if it has not."""
    if entry.is_pod:
        return read_end(entry.directory)
    return contract.read_exit_code(entry.directory)


def started_at(report: JobFinished | JobLost) -> float:
    """Return when a job that is over began."""
    return report.started_at if isinstance(report, JobFinished) else report.at
