"""What the runtimes without processes share: a job is a task of this process.

A job has a directory with two files of `executor/contract.py`: `lock`, held while the job is at
work, and `report`, its last word. So a job that is over is never done again, by whoever asks; one
whose engine died before the report was written is begun again from the start. What may happen
twice because of that is said by each subclass. Subclasses say what a job does (`work`); they never
see a deadline or a request to stop.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

from tiphys.errors import Permanent, TiphysError
from tiphys.executor import contract
from tiphys.executor.members import MAIN
from tiphys.messages import (
    JobFinished,
    JobLost,
    JobProgressed,
    JobReport,
    JobSpec,
    JobStarted,
    JobWaiting,
    Usage,
)
from tiphys.model.arguments import Outputs
from tiphys.model.ids import NodeId, RunId
from tiphys.ports import Capabilities, Clock
from tiphys.runtime.entry import Reports

log = logging.getLogger(__name__)
_POLL_SECONDS: Final = 0.05
_LOG_BYTES: Final = 1 << 16
_DEADLINE: Final = "Pod was active on the node longer than the specified deadline"
_STEP_DEADLINE: Final = "Step exceeded its deadline"
_TERMINATED: Final = 143
_NO_OUTPUTS: Final = Outputs()


@dataclass(frozen=True, slots=True)
class End:
    """How a job ended."""

    phase: Literal["Succeeded", "Failed", "Error"]
    message: str = ""
    outputs: Outputs = _NO_OUTPUTS


class Desk:
    """What a job at work may use: its directory, and ways to say something before the end."""

    def __init__(self, job: JobSpec, directory: str, reports: Reports) -> None:
        self.directory = directory
        self._job = job
        self._reports = reports

    def progressed(self, progress: str) -> None:
        """Report "N/M"."""
        self._reports.put(JobProgressed(self._job.id, progress))

    def waits(self, message: str) -> None:
        """Report why the job cannot go on yet."""
        self._reports.put(JobWaiting(self._job.id, message))

    def write(self, text: str) -> None:
        """Add a line to the job's log."""
        path = f"{self.directory}/{contract.COMBINED}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{text}\n")


class _Entry:
    __slots__ = ("desk", "ending", "expiry", "lock", "over", "spec", "started_at", "task")

    def __init__(self, spec: JobSpec, desk: Desk) -> None:
        self.spec = spec
        self.desk = desk
        self.started_at = 0.0
        self.lock = -1
        self.ending: End | None = None
        self.over = asyncio.Event()
        self.task: asyncio.Task[End] | None = None
        self.expiry: asyncio.Task[None] | None = None


class InlineRuntime:
    """The machinery; a subclass gives `work`. `root` holds the job directories."""

    name = "inline"
    capabilities = Capabilities(frozenset())
    stopped = End(
        "Failed", f"main: Error (exit code {_TERMINATED})", Outputs(exit_code=str(_TERMINATED))
    )
    """How a job ends that was stopped."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self._root = Path(root)
        self._clock = clock
        self._entries: dict[NodeId, _Entry] = {}
        self._reports = Reports()

    # ------------------------------------------------------------------ for the subclasses

    async def work(self, job: JobSpec, desk: Desk) -> End:
        """Do the job. Raises what `broken` makes an end of."""
        raise NotImplementedError

    def broken(self, problem: BaseException) -> End:
        """Return the end of a job whose work raised something."""
        return End("Error", str(problem))

    # ----------------------------------------------------------------------------- the port

    async def start(self, job: JobSpec) -> None:
        """Begin the job, or say again how it ended."""
        if job.id in self._entries:
            return
        try:
            directory = contract.job_directory(self._root, job)
            os.makedirs(directory, mode=0o700, exist_ok=True)
        except (OSError, ValueError) as exc:
            raise Permanent(f"its directory cannot be made: {exc}") from exc
        entry = _Entry(job, Desk(job, directory, self._reports))
        self._entries[job.id] = entry
        if self._told_again(entry):
            return
        loop = asyncio.get_running_loop()
        entry.task = loop.create_task(self._play(entry))
        entry.task.add_done_callback(partial(self._ended, entry))

    async def stop(self, job: NodeId, grace: float) -> None:  # noqa: ARG002 - it ends at once
        """End a job; it is reported finished. Unknown job: no effect."""
        entry = self._entries.get(job)
        if entry is not None:
            self._end(entry, self.stopped)

    async def drop(self, run: RunId) -> None:
        """Remove all that remains of a run's jobs; what is at work ends without a report."""
        mine = [entry for entry in self._entries.values() if entry.spec.run == run]
        await self._cancel(mine)
        for entry in mine:
            del self._entries[entry.spec.id]
            await asyncio.to_thread(_remove, entry.desk.directory)
        with suppress(OSError):  # other runtimes may keep jobs there
            (self._root / run).rmdir()

    async def forget(self, run: RunId, job: NodeId) -> None:
        """Remove all that remains of one job, so that another may be started under its id."""
        entry = self._entries.pop(job, None)
        if entry is not None:
            await self._cancel([entry])
        folder = self._root / run / job
        if folder.parent.parent == self._root and job not in {"", ".", ".."}:
            await asyncio.to_thread(_remove, str(folder))

    async def kept(self, run: RunId) -> Sequence[NodeId]:
        """Return the jobs of a run that were started here."""
        return [entry.spec.id for entry in self._entries.values() if entry.spec.run == run]

    async def present(self, run: RunId) -> Sequence[NodeId]:
        """Return the jobs of a run that are at work here."""
        mine = [entry for entry in self._entries.values() if entry.spec.run == run]
        return [entry.spec.id for entry in mine if not entry.over.is_set()]

    def watch(self) -> AsyncIterator[JobReport]:
        """Yield the state of every job started here, then each change, once."""
        return self._reports.watch()

    async def logs(
        self, run: RunId, job: NodeId, follow: bool, container: str = MAIN
    ) -> AsyncIterator[bytes]:
        """Yield what the job wrote; with `follow` until it is over."""
        entry = self._entries.get(job)
        path = f"{self._root}/{run}/{job}/{contract.log_of(container)}"
        done = 0
        while True:
            more = follow and entry is not None and not entry.over.is_set()
            while piece := _read_from(path, done):
                done += len(piece)
                yield piece
            if not more or entry is None:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(entry.over.wait(), _POLL_SECONDS)

    async def close(self) -> None:
        """Stop working; what is not over is begun again by the next runtime that is asked."""
        await self._cancel([*self._entries.values()])
        self._entries.clear()

    # ------------------------------------------------------------------------------- the job

    async def _play(self, entry: _Entry) -> End:
        job = entry.spec
        if job.deadline_at is not None and job.deadline_at <= self._clock.now():
            return End("Failed", _STEP_DEADLINE)
        while (lock := contract.try_lock(entry.desk.directory)) is None:
            # Another engine is still at it; when it is done its report counts.
            await self._clock.sleep_until(self._clock.now() + _POLL_SECONDS)
        entry.lock = lock
        if (report := contract.read_report(entry.desk.directory)) is not None:
            raise _AlreadyOverError(report)
        entry.started_at = self._clock.now()
        self._reports.put(JobStarted(job.id, entry.started_at))
        entry.expiry = asyncio.get_running_loop().create_task(self._expire(entry))
        return await self.work(job, entry.desk)

    async def _expire(self, entry: _Entry) -> None:
        """End the job at the first of its deadlines."""
        job = entry.spec
        limits = []
        if job.deadline_seconds is not None:
            limits.append((entry.started_at + job.deadline_seconds, _DEADLINE))
        if job.deadline_at is not None:
            limits.append((job.deadline_at, _STEP_DEADLINE))
        if limits:
            at, message = min(limits)
            await self._clock.sleep_until(at)
            self._end(entry, End("Failed", message, self.stopped.outputs))

    def _end(self, entry: _Entry, end: End) -> None:
        if entry.task is None or entry.task.done() or entry.ending is not None:
            return
        entry.ending = end
        entry.task.cancel()

    def _ended(self, entry: _Entry, task: asyncio.Task[End]) -> None:
        """Give the job its last word, however the task ended."""
        if entry.expiry is not None:
            entry.expiry.cancel()
        if not task.cancelled():
            problem = task.exception()
            if isinstance(problem, _AlreadyOverError):
                self._told_again(entry)
            else:
                self._finish(entry, task.result() if problem is None else self._failure(problem))
        elif entry.ending is not None:
            self._finish(entry, entry.ending)
        if entry.lock >= 0:
            os.close(entry.lock)
            entry.lock = -1
        entry.over.set()

    def _failure(self, problem: BaseException) -> End:
        if not isinstance(problem, TiphysError | OSError):
            log.error("a job broke: %s", problem, exc_info=problem)
        return self.broken(problem)

    def _finish(self, entry: _Entry, end: End) -> None:
        now = self._clock.now()
        started_at = entry.started_at or now
        report = JobFinished(
            job=entry.spec.id,
            phase=end.phase,
            message=end.message,
            outputs=end.outputs,
            usage=Usage(wall_seconds=now - started_at),
            started_at=started_at,
            finished_at=now,
        )
        try:
            contract.write_report(entry.desk.directory, report)
        except OSError as exc:
            log.warning("the end of job %s cannot be kept: %s", entry.spec.id, exc)
        self._reports.put(report)

    def _told_again(self, entry: _Entry) -> bool:
        """Say how a job ended that is over already; False if it is not."""
        report = contract.read_report(entry.desk.directory)
        if report is None:
            return False
        at = report.at if isinstance(report, JobLost) else report.started_at
        self._reports.put(JobStarted(entry.spec.id, at))
        self._reports.put(report)
        entry.over.set()
        return True

    async def _cancel(self, entries: Sequence[_Entry]) -> None:
        tasks = [entry.task for entry in entries if entry.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the callbacks of the tasks come after their waiters


class _AlreadyOverError(Exception):
    """Another engine finished the job while this one waited for it."""


def failed_as_main(problem: BaseException) -> End:
    """Return the end of a job that in Argo is a pod whose main container exits with 64."""
    text = f"main: Error (exit code {contract.CANNOT_START}): {problem}"
    return End("Failed", text, Outputs(exit_code=str(contract.CANNOT_START)))


def _read_from(path: str, offset: int) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(_LOG_BYTES)
    except OSError:
        return b""


def _remove(directory: str) -> None:
    from tiphys.runtime.files import remove_tree

    remove_tree(directory)
