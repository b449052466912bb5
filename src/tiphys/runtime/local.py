"""What the runtimes with real processes share: start, stop, adopt, watch, logs, drop.

A job's launcher does not need this process (executor/contract.py), so everything here can be
lost at any moment and found again in the job directory. A job goes through the states of
`entry.State` in order; each step is one method. Jobs without artifacts never leave the event
loop's own thread: their few system calls cost less than a change of thread.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import stat
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from tiphys.errors import Permanent, TiphysError
from tiphys.executor import capture, contract, run, stage
from tiphys.executor.layout import Layout
from tiphys.executor.transfers import DriverOf
from tiphys.messages import JobFinished, JobLost, JobProgressed, JobReport, JobSpec, JobStarted
from tiphys.model.ids import NodeId, RunId
from tiphys.ports import Capabilities, Clock
from tiphys.runtime.entry import (
    Entry,
    Reports,
    is_live,
    kill_session,
    open_launcher,
    tell_to_end,
)
from tiphys.runtime.images import ImageRule, Images
from tiphys.runtime.slots import Slots, default_slots

log = logging.getLogger(__name__)
_POLL_SECONDS: Final = 0.02
_DOTS: Final = (".", "..")
PROGRESS_SECONDS = 3.0
"""How often progress files are looked at; Argo's ARGO_PROGRESS_FILE_TICK_DURATION."""
_LOG_BYTES: Final = 1 << 16
FEATURES: Final = frozenset({"container", "script", "artifacts", "logs", "volumes.emptyDir"})


class LocalRuntime:
    """The machinery; subclasses say how a job's paths and its command line look.

    `root` holds the job directories. `drivers` finds the driver of an artifact. `slots` limits
    the jobs that run at once, in all runtimes it is given to; more wait in order. `environ` is
    the environment that the engine was started in, from which a subclass may pass some on.
    """

    name = "local"
    capabilities = Capabilities(FEATURES)

    def __init__(
        self,
        root: Path,
        drivers: DriverOf,
        clock: Clock,
        *,
        slots: Slots | int | None = None,
        images: Sequence[ImageRule] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._root = Path(root)
        self._drivers = drivers
        self._clock = clock
        self._slots = slots if isinstance(slots, Slots) else Slots(slots or default_slots())
        self._images = Images(images)
        self._environ = environ if environ is not None else {}
        self._entries: dict[NodeId, Entry] = {}
        self._waiting: deque[Entry] = deque()
        self._running = 0
        self._ticking = False
        self._reports = Reports()
        self._tasks: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------------ for the subclasses

    def layout(self, job: JobSpec, directory: str) -> Layout:
        """Return where the job's paths are."""
        raise NotImplementedError

    def launch(self, job: JobSpec, layout: Layout) -> run.Launch:
        """Return what to run. Raises a TiphysError if that is known to be impossible."""
        raise NotImplementedError

    # ----------------------------------------------------------------------------- the port

    async def start(self, job: JobSpec) -> None:
        """Run the job, or adopt it if it already runs or has ended; reports follow by `watch`."""
        if job.id in self._entries:
            return
        try:
            directory = contract.job_directory(self._root, job)
            entry = Entry(job, directory, self.layout(job, directory))
            fresh = self._make_directory(directory)
        except (OSError, ValueError) as exc:
            raise Permanent(f"its directory cannot be made: {exc}") from exc
        self._entries[job.id] = entry
        if fresh:
            self._enqueue(entry)
        else:
            self._find_again(entry)

    async def stop(self, job: NodeId, grace: float) -> None:
        """End a job within `grace` seconds; it is reported finished. Unknown job: no effect."""
        entry = self._entries.get(job)
        if entry is None:
            await self._stop_unknown(job, grace)
        elif entry.state == "waiting":
            self._waiting.remove(entry)
            self._deleted(entry)
        elif entry.state == "staging" and entry.task is not None:
            entry.grace = grace
            entry.task.cancel()
        elif entry.state == "running" and (entry.grace is None or grace < entry.grace):
            entry.grace = grace
            if entry.pidfd >= 0:
                tell_to_end(entry.directory, entry.pidfd, grace)

    async def drop(self, run: RunId) -> None:
        """Remove all that remains of a run's jobs; what still runs is killed, without a report."""
        for job in await self.present(run):
            await self.stop(job, 0.0)
        for entry in [item for item in self._entries.values() if item.spec.run == run]:
            while entry.state != "over":
                await self._pause()
            del self._entries[entry.spec.id]
        folder = self._root / run
        if run and folder.parent == self._root and run not in _DOTS:
            while any(is_live(f"{folder}/{name}") for name in _names(folder)):
                await self._pause()
            await asyncio.to_thread(remove_tree, str(folder))

    async def forget(self, run: RunId, job: NodeId) -> None:
        """Remove all that remains of one job, so that another may be started under its id."""
        folder = self._root / run / job
        if folder.parent.parent != self._root or job in _DOTS:
            return
        entry = self._entries.get(job)
        if entry is not None:
            await self.stop(job, 0.0)
            while entry.state != "over":
                await self._pause()
            del self._entries[job]
        elif (found := open_launcher(str(folder))) is not None:
            tell_to_end(str(folder), found[1], 0.0)
            os.close(found[1])
        while is_live(str(folder)):
            await self._pause()
        await asyncio.to_thread(remove_tree, str(folder))

    async def present(self, run: RunId) -> Sequence[NodeId]:
        """Return the jobs of a run of which something still runs or waits, whoever started them."""
        mine = {
            entry.spec.id: None
            for entry in self._entries.values()
            if entry.spec.run == run and entry.state != "over"
        }
        folder = self._root / run
        for name in _names(folder):
            if NodeId(name) not in mine and is_live(f"{folder}/{name}"):
                mine[NodeId(name)] = None
        return list(mine)

    def watch(self) -> AsyncIterator[JobReport]:
        """Yield the state of every job started or adopted here, then each change, once."""
        return self._reports.watch()

    async def logs(self, run: RunId, job: NodeId, follow: bool) -> AsyncIterator[bytes]:
        """Yield what the job wrote (standard output and error together), in pieces."""
        directory = f"{self._root}/{run}/{job}"
        fd = -1
        try:
            while True:
                # Looked at before reading, so that nothing written before the end is missed.
                more = follow and self._may_write(job, directory)
                if fd < 0:
                    with suppress(FileNotFoundError):
                        fd = os.open(f"{directory}/{contract.COMBINED}", os.O_RDONLY | os.O_CLOEXEC)
                while fd >= 0 and (piece := os.read(fd, _LOG_BYTES)):
                    yield piece
                if not more:
                    return
                await self._pause()
        finally:
            if fd >= 0:
                os.close(fd)

    async def close(self) -> None:
        """Release what the runtime holds; jobs go on running."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for entry in self._entries.values():
            self._forget_launcher(entry)
        self._entries.clear()
        self._waiting.clear()
        self._slots.leave(self)
        self._slots.give(self._running)
        self._running = 0
        self._slots.fill()

    # --------------------------------------------------------------------- finding jobs again

    def _make_directory(self, directory: str) -> bool:
        """Make the job directory; False if there is one."""
        try:
            os.mkdir(directory, 0o700)
        except FileExistsError:
            return False
        except FileNotFoundError:
            os.makedirs(os.path.dirname(directory), mode=0o700, exist_ok=True)
            return self._make_directory(directory)
        return True

    def _find_again(self, entry: Entry) -> None:
        """Go on with a job that has a directory; contract.py has the cases."""
        report = contract.read_report(entry.directory)
        if report is not None:
            entry.state = "over"
            self._tell_started(entry, _started_at(report))
            self._reports.put(report)
            return
        lock = contract.try_lock(entry.directory)
        if lock is None:
            self._adopt(entry)
            return
        os.close(lock)
        if (code := contract.read_exit_code(entry.directory)) is not None:
            self._capture(entry, code)
        elif contract.read_pid(entry.directory) is not None:
            self._lost(entry)
        else:
            self._enqueue(entry)

    def _adopt(self, entry: Entry) -> None:
        """Watch a launcher that someone else started."""
        self._take()
        entry.state = "running"
        found = open_launcher(entry.directory)
        if found is None:
            self._background(self._wait_for_launcher(entry), partial(self._checked, entry))
        else:
            self._watch_adopted(entry, *found)

    async def _wait_for_launcher(self, entry: Entry) -> None:
        """Wait until a launcher has said who it is, or the lock is free again."""
        while (found := open_launcher(entry.directory)) is None:
            if not is_live(entry.directory):
                # It ended, or whoever was staging has died: look at the directory again.
                self._give()
                self._find_again(entry)
                return
            await self._pause()
        self._watch_adopted(entry, *found)

    def _watch_adopted(self, entry: Entry, pid: int, pidfd: int) -> None:
        self._watch_launcher(entry, pid, pidfd)
        self._tell_started(entry, self._clock.now())
        if entry.grace is not None:
            tell_to_end(entry.directory, pidfd, entry.grace)

    async def _stop_unknown(self, job: NodeId, grace: float) -> None:
        """Stop a launcher of an earlier engine whose job nobody has asked for again."""
        if not job or "/" in job:
            return
        for directory in self._root.glob(f"*/{_literal(job)}"):
            found = open_launcher(str(directory))
            if found is not None:
                tell_to_end(str(directory), found[1], grace)
                os.close(found[1])

    # -------------------------------------------------------------------------------- starting

    def _enqueue(self, entry: Entry) -> None:
        entry.state = "waiting"
        self._waiting.append(entry)
        self._fill_slots()
        if entry in self._waiting and entry.spec.deadline_at is not None:
            self._background(self._expire(entry), partial(self._checked, entry))

    async def _expire(self, entry: Entry) -> None:
        """End a job whose deadline passes while it waits for a slot."""
        await self._clock.sleep_until(entry.spec.deadline_at or 0.0)
        if entry in self._waiting:
            self._waiting.remove(entry)
            self._begin(entry)

    def _fill_slots(self) -> None:
        if self._waiting:
            self._slots.join(self)
        self._slots.fill()

    def begin_next(self) -> bool:
        """Begin the job that has waited longest; tell whether more wait. Called by the slots."""
        if self._waiting:
            self._begin(self._waiting.popleft())
        return bool(self._waiting)

    def _take(self) -> None:
        self._running += 1
        self._slots.take()

    def _give(self) -> None:
        self._running -= 1
        self._slots.give()

    def _begin(self, entry: Entry) -> None:
        """Lock, stage, launch; in the background only if artifacts have to be fetched."""
        job = entry.spec
        if job.deadline_at is not None and job.deadline_at <= self._clock.now():
            text = "Step exceeded its deadline"
            self._finish(entry, capture.stopped_early(job, "Failed", text, self._clock.now()))
            return
        try:
            lock = contract.try_lock(entry.directory)
        except OSError as exc:
            self._finish(entry, capture.init_failed(job, exc, self._clock.now()))
            return
        if lock is None:
            self._adopt(entry)
            return
        self._take()
        if stage.has_inputs(job):
            entry.state = "staging"
            work = stage.load_inputs(entry.spec, entry.layout, self._drivers)
            entry.task = self._background(work, partial(self._staged, entry, lock))
        else:
            self._launch(entry, lock)

    def _staged(self, entry: Entry, lock: int, task: asyncio.Task[None]) -> None:
        """Go on after staging, however it ended; the lock must be closed in every case."""
        if task.cancelled():
            os.close(lock)
            if entry.grace is not None:  # else the runtime was closed: another begins again
                self._give()
                self._deleted(entry)
        elif (problem := task.exception()) is not None:
            os.close(lock)
            self._fail_start(entry, problem)
        else:
            self._launch(entry, lock)

    def _launch(self, entry: Entry, lock: int) -> None:
        try:
            stage.prepare(entry.spec, entry.layout)
            launch = self.launch(entry.spec, entry.layout)
            pid = run.spawn(entry.spec, entry.directory, launch, lock)
            entry.is_child = True
            self._watch_launcher(entry, pid, os.pidfd_open(pid))
        except run.CannotStart as exc:
            self._give()
            self._refuse(entry, exc)
        except (OSError, ValueError, TiphysError) as exc:
            self._fail_start(entry, exc)
        else:
            self._tell_started(entry, self._clock.now())
        finally:
            os.close(lock)

    def _fail_start(self, entry: Entry, cause: BaseException) -> None:
        self._give()
        self._finish(entry, capture.init_failed(entry.spec, cause, self._clock.now()))
        self._fill_slots()

    def _refuse(self, entry: Entry, cause: run.CannotStart) -> None:
        """Do what the launcher does when it cannot start the command, without a launcher."""
        contract.refuse(entry.directory, str(cause))
        self._capture(entry, contract.CANNOT_START)
        self._fill_slots()

    # ---------------------------------------------------------------------------------- ending

    def _watch_launcher(self, entry: Entry, pid: int, pidfd: int) -> None:
        entry.state = "running"
        entry.pid, entry.pidfd = pid, pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._launcher_ended, entry)
        if not self._ticking:
            self._ticking = True
            self._background(self._look_at_progress(), partial(self._checked, entry))

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

    def _launcher_ended(self, entry: Entry) -> None:
        self._forget_launcher(entry)
        if entry.is_child:
            with suppress(ChildProcessError):
                os.waitpid(entry.pid, 0)
        self._give()
        self._fill_slots()  # first, so that the machine works while we read
        code = contract.read_exit_code(entry.directory)
        if code is None:
            self._lost(entry)
        else:
            self._capture(entry, code)

    def _capture(self, entry: Entry, code: int) -> None:
        entry.state = "capturing"
        if capture.needs_saving(entry.spec):
            self._background(self._save(entry, code), partial(self._checked, entry))
            return
        now = self._clock.now()
        try:
            report = capture.capture_now(entry.spec, entry.layout, code, now)
        except (TiphysError, OSError, ValueError) as exc:
            report = capture.capture_failed(entry.spec, exc, now)
        self._finish(entry, report)

    async def _save(self, entry: Entry, code: int) -> None:
        now = self._clock.now()
        self._finish(
            entry, await capture.capture(entry.spec, entry.layout, code, now, self._drivers)
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
        with suppress(OSError):  # the directory may have been removed under us
            contract.write_report(entry.directory, report)
        self._tell_started(entry, _started_at(report))
        self._tell_progress(entry)
        self._reports.put(report)

    def _tell_started(self, entry: Entry, at: float) -> None:
        if not entry.started_told:
            entry.started_told = True
            self._reports.put(JobStarted(entry.spec.id, at, self.host))

    @property
    def host(self) -> str:
        """The name of the machine, as the node's `hostNodeName`."""
        return os.uname().nodename

    # -------------------------------------------------------------------------------- plumbing

    def _may_write(self, job: NodeId, directory: str) -> bool:
        entry = self._entries.get(job)
        return entry.state in ("waiting", "staging", "running") if entry else is_live(directory)

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


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _started_at(report: JobFinished | JobLost) -> float:
    return report.started_at if isinstance(report, JobFinished) else report.at


def last_progress(path: str) -> str:
    """Return the last line of a progress file that reads `N/M` with 0 <= N <= M, M > 0.

    Source: argo workflow/executor/executor.go, monitorProgress.
    """
    for line in reversed((contract.read_file(path) or b"").split()):
        done, _, whole = line.partition(b"/")
        if done.isdigit() and whole.isdigit() and int(done) <= int(whole) > 0:
            return line.decode()
    return ""


def remove_tree(path: str) -> None:
    """Remove a directory tree, whatever permissions the jobs gave to their own files."""

    def mend(function: Callable[[str], object], name: str, _: object) -> None:
        with suppress(OSError):
            parent = os.path.dirname(name)
            os.chmod(parent, stat.S_IRWXU)
            if os.path.isdir(name) and not os.path.islink(name):
                os.chmod(name, stat.S_IRWXU)
                shutil.rmtree(name, ignore_errors=True)
            else:
                function(name)

    if not os.path.isdir(path):
        return
    if sys.version_info >= (3, 12):
        shutil.rmtree(path, onexc=mend)
    else:
        shutil.rmtree(path, onerror=mend)


def _literal(name: str) -> str:
    """Return `name` with the characters that mean something to glob taken literally."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)
