"""A run driven by hand: the engine alone, its commands obeyed at once in virtual time.

No event loop, no store, no shell. For scenarios, properties and measurements; what the shell adds
is tested with `simulate`. `Driver.log` has every event, `Driver.world` the jobs and timers.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tiphys.compile.admit import Admitted, admit
from tiphys.engine.run import Run
from tiphys.engine.status import document_of, extras, node_status, summary
from tiphys.engine.totals import add_totals
from tiphys.errors import UserError
from tiphys.locks import queue
from tiphys.locks.book import Key, News, name_of
from tiphys.locks.memory_book import MemoryBook
from tiphys.messages import (
    Answer,
    Answered,
    Ask,
    Began,
    CacheHit,
    CacheMissed,
    CacheWanted,
    ClearTimer,
    Command,
    DropJobs,
    Event,
    Granted,
    Input,
    JobLost,
    JobProgressed,
    JobReport,
    JobReported,
    JobSpec,
    KeepWanted,
    Kept,
    LocksWanted,
    Question,
    Release,
    SetTimer,
    StartJob,
    Step,
    StopJob,
    TimerFired,
)
from tiphys.model.arguments import Outputs
from tiphys.model.base import JsonObject
from tiphys.model.ids import NodeId, RunId
from tiphys.runtime.simulated import Outcome, report_of, under_way
from tiphys.service.documents import Source, load
from tiphys.service.submit import named

BEGINNING: Final = 1_700_000_000.0
_DEADLINE: Final = "Pod was active on the node longer than the specified deadline"
_UID: Final = "11111111-2222-3333-4444-555555555555"
_STOPPED: Final = 143
Say = Callable[[JobSpec], Outcome]


class StuckError(Exception):
    """The run took more inputs than any sensible run takes."""


def admitted(text: str, at: float = BEGINNING) -> Admitted:
    """Return the one workflow in a text, with the templates beside it, always under one uid.

    Raises UserError.
    """
    loaded = load([Source("workflow", text.encode())])
    if len(loaded.workflows) != 1:
        raise UserError("a text with one workflow is needed")
    workflow = named(loaded.workflows[0][0], "default", at)
    fixed = msgspec.structs.replace(workflow.metadata, uid=_UID)
    return admit(msgspec.structs.replace(workflow, metadata=fixed), loaded.beside(), at)


@dataclass(slots=True)
class Job:
    """A job as the world knows it: `ends_at` is None once it is over."""

    spec: JobSpec
    outcome: Outcome
    began_at: float
    ends_at: float | None
    code: int
    message: str = ""


@dataclass(slots=True)
class World:
    """Jobs and timers in virtual time. Commands may come again; they have no further effect."""

    say: Say
    now: float = BEGINNING
    jobs: dict[NodeId, Job] = field(default_factory=dict)
    timers: dict[str, float] = field(default_factory=dict)
    dropped: dict[NodeId, float] = field(default_factory=dict)
    """When what remained of a job was deleted."""
    caches: dict[tuple[str, str], Outputs | None] = field(default_factory=dict)
    book: MemoryBook = field(default_factory=lambda: MemoryBook({"other/d": 2}))
    _due: list[tuple[float, int, NodeId | str | Input]] = field(default_factory=list)
    _count: int = 0

    def at(self, time: float, item: NodeId | str | Input) -> None:
        """Have something happen: the end of a job, a timer, or an input."""
        self._count += 1
        heapq.heappush(self._due, (time, self._count, item))

    def obey(self, commands: Iterable[Command]) -> None:
        """Do as told."""
        for command in commands:
            match command:
                case StartJob():
                    self._start(command.job)
                case StopJob():
                    self._stop(command.job)
                case DropJobs():
                    for job in command.jobs:
                        self.jobs.pop(job, None)
                        self.dropped.setdefault(job, self.now)
                case SetTimer():
                    rings_at = max(command.at, self.now)  # one that is overdue rings at once
                    self.timers[command.timer] = rings_at
                    self.at(rings_at, f"timer {command.timer}")
                case ClearTimer():
                    self.timers.pop(command.timer, None)
                case Ask():
                    self._answer(command.question)
                case Release():
                    self._tell(queue.release(self.book, Key(RunId(_UID), command.question)))

    def _start(self, spec: JobSpec) -> None:
        if spec.id in self.jobs:
            return
        outcome = self.say(spec)
        seconds = outcome.seconds or (math.inf if spec.template.daemon else 0.0)
        end, code, message = self.now + seconds, outcome.code, ""
        limit = spec.deadline_seconds
        if limit is not None and self.now + limit < end:
            end, code, message = self.now + limit, _STOPPED, _DEADLINE
        self.jobs[spec.id] = Job(spec, outcome, self.now, end, code, message)
        for report in under_way(spec, outcome, self.now):
            if outcome.seconds or spec.template.daemon or isinstance(report, JobProgressed):
                self.report(report)  # one that takes no time is over before it was seen
        if end < math.inf:
            self.at(end, spec.id)

    def _answer(self, question: Question) -> None:
        """Give locks by their rules (semaphores let two in), and what was kept in caches."""
        match question:
            case LocksWanted():
                limits = {name_of(lock): 2 for lock in question.locks}
                self._tell(queue.ask(self.book, question, limits))
                return
            case KeepWanted():
                self.caches[question.cache, question.key] = question.outputs
                answer: Answer = Kept()
            case CacheWanted() if (question.cache, question.key) in self.caches:
                answer = CacheHit(self.caches[question.cache, question.key])
            case CacheWanted():
                answer = CacheMissed()
            case _:
                answer = Granted()
        self._tell([News(question.run, question.question, answer)])

    def _tell(self, news: Iterable[News]) -> None:
        for item in news:
            said = Answered(at=self.now, question=item.question, answer=item.answer)
            self.at(self.now, said)

    def report(self, report: JobReport) -> None:
        """Say something of a job, now."""
        self.at(self.now, JobReported(at=self.now, report=report))

    def _stop(self, key: NodeId) -> None:
        job = self.jobs.get(key)
        if job is not None and job.ends_at is not None and job.ends_at > self.now:
            job.ends_at, job.code, job.message = self.now, _STOPPED, ""
            self.at(self.now, key)

    def next(self) -> Input | None:
        """Let the time pass to the next thing that happens; None if nothing ever will."""
        while self._due:
            self.now, _, item = heapq.heappop(self._due)
            if not isinstance(item, str):
                return msgspec.structs.replace(item, at=self.now)
            found = self._ring(item[6:]) if item.startswith("timer ") else self._end(NodeId(item))
            if found is not None:
                return found
        return None

    def _ring(self, timer: str) -> Input | None:
        if self.timers.get(timer) != self.now:
            return None
        del self.timers[timer]
        return TimerFired(at=self.now, timer=timer)

    def _end(self, key: NodeId) -> Input | None:
        job = self.jobs.get(key)
        if job is None or job.ends_at != self.now:
            return None
        job.ends_at = None
        return JobReported(at=self.now, report=self._last_report(job))

    def _last_report(self, job: Job) -> JobReport:
        if job.outcome.lost:
            return JobLost(job.spec.id, self.now)
        return report_of(job.spec, job.outcome, job.began_at, (self.now, job.code, job.message))


def _succeeds(_: JobSpec) -> Outcome:
    return Outcome()


class Driver:
    """One run, its world, and all that was said between them."""

    def __init__(self, admitted: Admitted, say: Say = _succeeds) -> None:
        """Prepare; nothing is driven yet."""
        self.admitted = admitted
        self.run = Run(admitted.program, admitted.event)
        self.world = World(say)
        self.log: list[Event] = [admitted.event]
        self.inputs = 0

    def take(self, item: Input) -> Step:
        """Hand one input to the engine, keep what it decides and obey it."""
        step = self.run.handle(item)
        self.inputs += 1
        self.log += step.events
        self.world.obey(step.commands)
        return step

    def step(self) -> Step | None:
        """Let the next thing happen; None if nothing ever will."""
        item = self.world.next()
        return None if item is None else self.take(item)

    def first(self) -> Input:
        """Return the first input."""
        return Began(at=self.world.now)

    def begin(self) -> None:
        """Hand over the first input."""
        self.take(self.first())

    def to_end(self, limit: int = 1_000_000) -> None:
        """Begin, and go on until nothing more happens. Raises StuckError."""
        self.begin()
        while not self.run.state.done and self.step() is not None:
            if self.inputs > limit:
                raise StuckError(f"not at its end after {limit} inputs")

    def document(self) -> JsonObject:
        """Return the Workflow as clients read it, with its nodes."""
        workflow = self.admitted.event.workflow
        whole = workflow if isinstance(workflow, dict) else {}
        found = document_of(whole, summary(self.run), extras(self.run))
        status = found["status"]
        nodes: dict[str, JsonObject] = {
            key: msgspec.to_builtins(node_status(self.run, node))
            for key, node in self.run.state.nodes.items()
        }
        add_totals(nodes)
        if isinstance(status, dict):
            status["nodes"] = {**nodes}
        return found


def drive(text: str, say: Say = _succeeds, requests: Sequence[tuple[float, Input]] = ()) -> Driver:
    """Return a driver whose run is at its end (or waits for ever).

    `requests` are inputs, each with the seconds after the beginning at which it comes.
    """
    driver = Driver(admitted(text), say)
    for seconds, item in requests:
        driver.world.at(BEGINNING + seconds, item)
    driver.to_end()
    return driver
