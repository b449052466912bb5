"""The loop of one run: inputs, handle, append, dispatch. Commit, then act.

There is one such loop for each run that this process owns. A failed commit throws the run in
memory away; there is no undo: whoever made the loop makes a new one. What the world may have lost
is sent again from the state when the run is loaded (`outstanding`), what it has too much is found
by asking it (`_resync`).

Jobs of a runtime that is `ephemeral` are no part of the world: they end with the run in memory, and
nobody else can tell that they began. They alone are begun before that is stored, so that many turns
share one commit (docs/adr/0010-plays-may-run-ahead.md).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from tiphys.controller import bundle
from tiphys.controller.commits import Commits
from tiphys.controller.mailbox import Mailbox
from tiphys.controller.timers import Timers
from tiphys.engine.jobs import job_spec
from tiphys.engine.outstanding import outstanding
from tiphys.engine.run import Run
from tiphys.errors import LostOwnership, Permanent, WorldError
from tiphys.messages import (
    Answered,
    Ask,
    Began,
    ClearTimer,
    Command,
    DropJobs,
    Input,
    JobFinished,
    JobLost,
    JobReport,
    JobReported,
    JobSpec,
    Release,
    RunDone,
    SetTimer,
    StartJob,
    Step,
    StopJob,
    TimerFired,
)
from tiphys.model.arguments import Outputs
from tiphys.model.ids import RunId
from tiphys.ports import Answerer, Clock, Intake, Journal, Observer, PromptRuntime, Runtime, Update

_log = logging.getLogger(__name__)
_MOST_UNSTORED = 16_000
"""Events: so many turns share a commit, no more is played again, and watchers see it move.

That is half a second or so (docs/adr/0013-what-a-node-costs.md).
"""
_GRACE_SECONDS = 30.0
_OTHERS_SEE = (Ask, Release)


def _nobody(_seconds: float) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What the loops of all runs share.

    `answers` answers what runs ask. `limited`: the number of runs at work is limited, so each asks
    for room. `bugs` is a folder for bundles of runs on which the engine broke, None to keep none.
    `observers` are told of every commit, `turned` of how many seconds each operation took.
    """

    journal: Journal
    intake: Intake
    answers: Answerer
    clock: Clock
    owner: str
    limited: bool = False
    bugs: Path | None = None
    observers: Sequence[Observer] = ()
    turned: Callable[[float], None] = _nobody


class RunLoop:
    """Drives one run to its end. `watched` is called after each commit with what changed."""

    def __init__(
        self,
        run: RunId,
        ports: Ports,
        runtime: Runtime,
        watched: Callable[[Update], None] | None = None,
    ) -> None:
        """Prepare; nothing happens before `drive`."""
        self._id = run
        self._ports = ports
        self._runtime = runtime
        self._prompt = runtime if isinstance(runtime, PromptRuntime) else None
        self._mailbox = Mailbox(ports.clock)
        self._timers = Timers(ports.clock)
        self._commits = Commits(run, ports.journal, ports.observers, watched)
        self._brought = 0
        self._asked = asyncio.Event()

    async def drive(self) -> bool:
        """Drive the run until it is done; return False if a living owner has it.

        Raises LostOwnership if another owner takes the run over.
        """
        epoch = await self._ports.journal.claim(self._id, self._ports.owner)
        if epoch is None:
            return False
        self._commits.epoch = epoch
        try:
            run = await self._commits.load()
            if run.state.done:
                run = await self._reopened(run)
            await self._until_done(run)
        except BaseException:
            await self._release()
            raise
        return True  # nobody claims a run that is done, so it need not be released

    async def _release(self) -> None:
        """Let others claim the run; who cannot is found dead or gone by them."""
        try:
            await self._ports.journal.release(self._id, self._commits.epoch)
        except LostOwnership:
            _log.info("run %s has another owner", self._id)
        except WorldError as exc:
            _log.warning("run %s could not be released: %s", self._id, exc)

    async def close(self) -> None:
        """Let the runtime go; jobs go on."""
        await self._runtime.close()

    def wake(self) -> None:
        """Look for requests of people."""
        self._asked.set()

    # ----------------------------------------------------------------------------- loading

    async def _reopened(self, run: Run) -> Run:
        """Have a run that has ended retried, if that was asked, and load it with what that made."""
        await self._bring_requests()
        if self._mailbox.waits:
            await self._turn(run, await self._mailbox.batch())
            await self._commits.write(run)
        return await self._commits.load()

    async def _until_done(self, run: Run) -> None:
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self._reports()),
                group.create_task(self._timers.run(self._ring)),
                group.create_task(self._requests()),
                group.create_task(self._answers()),
            ]
            await self._resync(run)
            await self._dispatch(outstanding(run))
            await self._bring_requests()  # first: a run stopped before it began starts nothing
            if not run.state.started_at:
                self._mailbox.put(Began(self._ports.clock.now(), self._ports.limited))
            while not run.state.done:
                await self._turn(run, await self._next(run))
            for task in helpers:
                task.cancel()

    async def _resync(self, run: Run) -> None:
        """Stop what still runs of the run's jobs and is not wanted any more.

        A job that was being stopped when an earlier engine died is adopted, so that its end is
        heard of; if nothing of it runs, that was its end.
        """
        for question in await self._ports.answers.held(self._id):
            if question not in run.state.questions:
                await self._ports.answers.release(self._id, question)
        present = await self._runtime.present(self._id)
        for job in [job for job, wanted in run.state.jobs.items() if not wanted]:
            if job in present:
                await self._start(job_spec(run, run.state.nodes[job]))
            else:
                now = self._ports.clock.now()
                self._mailbox.put(JobReported(at=now, report=JobLost(job=job, at=now)))
        for job in present:
            node = run.state.nodes.get(job)
            if node is None or (node.fulfilled and not node.daemoned):
                await self._runtime.stop(job, _GRACE_SECONDS)

    # ----------------------------------------------------------------------------- turning

    async def _next(self, run: Run) -> list[tuple[Input, int]]:
        """Return what comes next; nobody waits while something is not stored."""
        if self._prompt is not None:
            for report in self._prompt.fetch():
                self._report(report)
        if self._commits.is_behind and not await self._mailbox.has_hurry():
            await self._commits.write(run)
        return await self._mailbox.batch()

    async def _turn(self, run: Run, batch: Sequence[tuple[Input, int]]) -> None:
        began = self._ports.clock.now()
        await self._operate(run, batch)
        self._ports.turned(max(0.0, self._ports.clock.now() - began))

    async def _operate(self, run: Run, batch: Sequence[tuple[Input, int]]) -> None:
        step = await self._handle(run, [item for item, _ in batch])
        self._commits.add(step.events, max((number for _, number in batch), default=0))
        if not self._may_run_ahead(run, step.commands):
            await self._commits.write(run)
        elif self._commits.waits >= _MOST_UNSTORED:
            await self._commits.write(run, in_passing=True)
        try:
            await self._dispatch(step.commands)
        except Exception:  # what was decided is not lost with a runtime that fails
            await self._commits.write(run)
            raise

    def _may_run_ahead(self, run: Run, commands: Sequence[Command]) -> bool:
        """Whether commands may be obeyed before it is stored why: nobody else can tell."""
        return (
            self._runtime.capabilities.ephemeral
            and not run.state.done
            and not any(isinstance(command, _OTHERS_SEE) for command in commands)
        )

    async def _handle(self, run: Run, inputs: list[Input]) -> Step:
        """Ask the engine what follows. A run on which it breaks is brought to an end."""
        try:
            return run.handle_all(inputs)
        except Exception as bug:  # noqa: BLE001 - the engine is pure: whatever it is, it is its defect
            _log.exception("run %s met a defect of the engine", self._id)
            await self._give_up(run, bug, inputs)
            return Step(events=(), commands=())

    async def _give_up(self, run: Run, bug: Exception, inputs: list[Input]) -> None:
        """End a run whose engine broke: as Error, with what was decided before kept."""
        said = await self._save_bundle(bug, inputs)
        fresh = await self._commits.anew()
        message = f"defect of the engine: {type(bug).__name__}: {bug}{said}"
        event = RunDone(at=self._ports.clock.now(), phase="Error", message=message)
        fresh.emit(event)
        run.state = fresh.state
        self._commits.add([event])
        await self._commits.write(fresh)
        for question in await self._ports.answers.held(self._id):
            await self._ports.answers.release(self._id, question)
        for job in await self._runtime.present(self._id):
            await self._runtime.stop(job, 0.0)

    async def _save_bundle(self, bug: Exception, inputs: list[Input]) -> str:
        if self._ports.bugs is None:
            return ""
        snapshot, events, _ = await self._ports.journal.load(self._id)
        known = [*events, *self._commits.unstored]
        kept = bundle.Bundle(self._id, bundle.trace_of(bug), snapshot, known, inputs)
        try:
            path = bundle.save(self._ports.bugs, kept)
        except OSError as exc:
            return f"; its report could not be saved: {exc.strerror}"
        return f"; please report it with the file {path}"

    async def _dispatch(self, commands: Sequence[Command]) -> None:
        for command in commands:
            match command:
                case StartJob():
                    await self._start(command.job)
                case StopJob():
                    await self._runtime.stop(command.job, command.grace)
                case DropJobs():
                    for job in command.jobs:
                        await self._runtime.forget(self._id, job)
                case SetTimer():
                    self._timers.set(command.timer, command.at)
                case ClearTimer():
                    self._timers.clear(command.timer)
                case Ask():
                    await self._ports.answers.ask(command.question)
                case Release():
                    await self._ports.answers.release(self._id, command.question)

    async def _start(self, job: JobSpec) -> None:
        """Start a job; one that its runtime refuses for good has ended with an error."""
        try:
            await self._runtime.start(job)
        except (Permanent, OSError, ValueError) as exc:
            now = self._ports.clock.now()
            report = JobFinished(
                job=job.id,
                phase="Error",
                message=f"cannot be started: {exc}",
                outputs=Outputs(),
                started_at=now,
                finished_at=now,
            )
            self._mailbox.put(JobReported(at=now, report=report))

    # ----------------------------------------------------------------------------- sources

    async def _reports(self) -> None:
        async for report in self._runtime.watch():
            self._report(report)
        raise WorldError(f"the runtime says nothing more of the jobs of run {self._id}")

    def _report(self, report: JobReport) -> None:
        self._mailbox.put(JobReported(at=self._ports.clock.now(), report=report))

    async def _answers(self) -> None:
        async for question, answer in self._ports.answers.watch(self._id):
            self._mailbox.put(Answered(self._ports.clock.now(), question, answer))
        raise WorldError(f"nobody answers the questions of run {self._id} any more")

    def _ring(self, timer: str) -> None:
        self._mailbox.put(TimerFired(at=self._ports.clock.now(), timer=timer))

    async def _requests(self) -> None:
        """Bring what people ask for, for ever."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self._bring_requests()

    async def _bring_requests(self) -> None:
        """Bring what people asked for, in order; a commit says up to which it was answered."""
        for number, item in await self._ports.intake.pending(self._id, self._brought):
            if number > self._brought:  # else somebody else brought it in the meantime
                self._brought = number
                asked = replace(item, at=self._ports.clock.now())
                self._mailbox.put(asked, number)
