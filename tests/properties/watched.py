"""A run whose properties are looked at after every input."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import msgspec
from tests.properties.programs import Program

from tiphys.compile.admit import recompile
from tiphys.engine.outstanding import outstanding
from tiphys.engine.phases import FULFILLED
from tiphys.engine.reviving import revive
from tiphys.engine.run import Run
from tiphys.engine.state import Node, State
from tiphys.messages import (
    Answered,
    Ask,
    Began,
    CacheHit,
    CacheMissed,
    ClearTimer,
    DaemonReady,
    Event,
    Input,
    JobFinished,
    JobLost,
    JobReported,
    Kept,
    NodeAdded,
    NodeAdvanced,
    NodeDone,
    NodePhaseChanged,
    NodeSet,
    Release,
    ResumeRequested,
    RetryRequested,
    RunReopened,
    SetTimer,
    StartJob,
    Step,
    StopJob,
    StopRequested,
    SuspendRequested,
    TimerFired,
)
from tiphys.model.ids import NodeId
from tiphys.testing.drive import Driver, admitted

Row = tuple[str, str | None, str]


def encoded(state: State) -> bytes:
    return msgspec.msgpack.encode(state)


def result(run: Run) -> dict[str, Any]:
    """Return what a run came to: its end, and for every node what does not depend on time."""
    state = run.state
    nodes = {
        node.name: (node.kind, node.phase, node.message, _plain(node.outputs))
        for node in state.nodes.values()
    }
    return {"phase": state.phase, "message": state.message, "nodes": nodes}


def _plain(outputs: object) -> object:
    return msgspec.to_builtins(outputs)


class WatchedDriver(Driver):
    """Checks after each input that what must always hold holds."""

    def __init__(self, program: Program) -> None:
        super().__init__(admitted(program.text), program.say)
        self.phases: dict[str, str] = {}
        self.rows: Counter[Row] = Counter()
        self.sent: dict[str, object] = {}
        self.fulfilled: dict[str, tuple[object, ...]] = {}
        self.kept: dict[str, str] = {}

    # ------------------------------------------------------------------------------- driving

    def take(self, item: Input) -> Step:
        self._settle(item)
        step = super().take(item)
        self._note(step)
        self.check(item)
        return step

    def lose_memory(self) -> None:
        """Forget the run and make it again from its events."""
        self.run = self.folded()
        self.world.obey(outstanding(self.run))

    def folded(self) -> Run:
        return revive(None, self.log, recompile)

    def retry(self, item: RetryRequested) -> None:
        """Do as the shell does: have the run opened, load it again, and start it."""
        self.kept = {}
        self.take(item)
        self.sent.clear()
        self.world.timers.clear()
        self.lose_memory()
        self.take(Began(at=self.world.now))

    def _settle(self, item: Input) -> None:
        match item:
            case JobReported(report=JobFinished(job=job) | JobLost(job=job)):
                self.sent.pop(f"job {job}", None)
            case TimerFired(timer=timer):
                self.sent.pop(f"timer {timer}", None)
            case Answered(question=question, answer=CacheHit() | CacheMissed() | Kept()):
                self.sent.pop(f"ask {question}", None)

    def _note(self, step: Step) -> None:
        for event in step.events:
            self._note_event(event)
        for command in step.commands:
            match command:
                case StartJob(job=job):
                    assert job.id not in self.kept, "what had ended and was kept ran once more"
                    self.sent[f"job {job.id}"] = command
                case StopJob(job=key):
                    self.sent[f"job {key}"] = command
                case SetTimer(timer=timer):
                    self.sent[f"timer {timer}"] = command
                case ClearTimer(timer=timer):
                    self.sent.pop(f"timer {timer}", None)
                case Ask(question=question):
                    self.sent[f"ask {question.question}"] = command
                case Release(question=question):
                    self.sent.pop(f"ask {question}", None)

    def _note_event(self, event: Event) -> None:
        match event:
            case NodeAdded():
                key = self.run.state.id_of(event.name)
                self.rows[event.kind, None, event.phase] += 1
                self.phases[key] = event.phase
            case NodeAdvanced() if event.phase == self.phases[event.node]:
                pass
            case RunReopened():
                self._reopened(event)
            case DaemonReady():
                self.phases[event.node] = "Running"
            case NodeDone() | NodePhaseChanged() | NodeAdvanced():
                self.fulfilled.pop(event.node, None)
                kind = self.run.state.nodes[event.node].kind
                self.rows[kind, self.phases[event.node], event.phase] += 1
                self.phases[event.node] = event.phase

    def _reopened(self, event: RunReopened) -> None:
        state = self.run.state
        assert not set(event.deleted) & set(event.reset)
        for key in event.deleted:
            del self.phases[key]
        for key in (*event.deleted, *event.reset):
            self.fulfilled.pop(key, None)
        for key in event.reset:
            self.phases[key] = state.nodes[key].phase
        self.kept = {key: node.phase for key, node in state.nodes.items() if node.fulfilled}

    # ------------------------------------------------------------------------------ checking

    def check(self, item: Input) -> None:
        self.check_gates()
        self.check_fulfilled()
        if not self.run.state.done and not self.run.state.reopened:
            assert self.wanted() == self.still_sent()
            self.check_repetition(item)

    def check_repetition(self, item: Input) -> None:
        if isinstance(item, ResumeRequested):
            return  # the first may have brought about a node that the second resumes
        before = encoded(self.run.state)
        step = self.run.handle(item)
        assert not step.events, "a repeated input changed something"
        assert all(command in self.wanted().values() for command in step.commands)
        assert encoded(self.run.state) == before

    def check_folding(self) -> None:
        assert encoded(self.folded().state) == encoded(self.run.state)

    def check_gates(self) -> None:
        state, program = self.run.state, self.run.program
        live = (state.nodes[key] for key in state.live)
        placed = [node for node in live if self._has_place(node)]
        counted = Counter(node.boundary for node in placed)
        for boundary, active in counted.items():
            node = state.nodes.get(boundary)
            limit = None if node is None else program.templates[node.template].parallelism
            assert limit is None or active <= limit, f"{node.name}: {active} of {limit}"
        pods = sum(program.templates[node.template].kind == "Pod" for node in placed)
        assert pods == state.active_pods
        assert program.parallelism is None or pods <= program.parallelism

    def _has_place(self, node: Node) -> bool:
        """A Retry node that holds locks has the place of its attempts."""
        owner = self.run.node(node.owner) if node.attempt is not None else None
        if node.stage or (owner is not None and (owner.keeps_place or owner.stage)):
            return False
        kind = node.kind
        if node.keeps_place:
            kind = self.run.template(node).kind
        return kind in {"Pod", "Steps", "DAG"}

    def check_fulfilled(self) -> None:
        for key, node in self.run.state.nodes.items():
            if node.phase not in FULFILLED:
                assert key in self.run.state.live or key in self.run.state.daemons
                continue
            now = (node.phase, node.message, node.outputs, node.finished_at, node.inputs)
            assert self.fulfilled.setdefault(key, now) == now

    def wanted(self) -> dict[str, object]:
        found: dict[str, object] = {}
        for command in outstanding(self.run):
            match command:
                case StartJob(job=job):
                    found[f"job {job.id}"] = command
                case StopJob(job=key):
                    found[f"job {key}"] = command
                case Ask(question=question):
                    found[f"ask {question.question}"] = command
                case SetTimer(timer=timer) if not self._is_past(command):
                    found[f"timer {timer}"] = command
        return found

    def still_sent(self) -> dict[str, object]:
        """Return what was sent and is not settled; a timer is when its node goes on.

        Of a run that was taken up again and waits for its locks only these are wanted yet.
        """
        if not self.run.state.started_at:
            return {key: sent for key, sent in self.sent.items() if key.startswith("ask ")}
        return {key: sent for key, sent in self.sent.items() if not self._is_over(key, sent)}

    def _is_past(self, command: object) -> bool:
        """A timer that rang while the workflow was suspended may be set once more."""
        return isinstance(command, SetTimer) and command.at <= self.world.now

    def _is_over(self, key: str, sent: object) -> bool:
        if self._is_past(sent):
            return True
        kind, _, name = key.removeprefix("timer ").partition(":")
        node = self.run.state.nodes.get(name)
        if not key.startswith("timer ") or node is None:
            return False
        if kind == "retry" and node.frame is not None:
            return node.fulfilled or not node.frame.until
        return node.fulfilled or (kind == "pending" and node.phase != "Pending")


class People:
    """Those who act on a workflow now and then, and go on with one that waits for them."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def act(self, driver: WatchedDriver) -> None:
        if self._rng.random() > 0.06:
            return
        at = driver.world.now
        asking = self.asking(driver)
        requests: list[Input] = [
            SuspendRequested(at=at),
            ResumeRequested(at=at),
            StopRequested(at=at, strategy=self._rng.choice(("Stop", "Stop", "Terminate"))),
            NodeSet(at=at, nodes=asking, message="look here"),
            NodeSet(at=at, nodes=asking, outputs={"o": "1"}, phase="Succeeded"),
            NodeSet(at=at, nodes=asking, phase=self._rng.choice(("Failed", "Error"))),
        ]
        driver.take(self._rng.choice(requests))

    def asking(self, driver: WatchedDriver) -> tuple[NodeId, ...]:
        state = driver.run.state
        return tuple(key for key in state.live if state.nodes[key].kind == "Suspend")

    def go_on(self, driver: WatchedDriver) -> bool:
        """Answer everything that waits; return whether that changed anything."""
        at = driver.world.now
        asking = self.asking(driver)
        before = len(driver.log)
        driver.take(ResumeRequested(at=at))
        if len(driver.log) == before:
            driver.take(NodeSet(at=at, nodes=asking, outputs={"o": "1"}, phase="Succeeded"))
        return len(driver.log) > before


def drive_watched(
    program: Program, crashes: Random | None = None, people: People | None = None
) -> WatchedDriver:
    """Drive a program to its end; with `crashes` the memory is lost now and then."""
    driver = WatchedDriver(program)
    driver.begin()
    go_to_end(driver, crashes, people)
    return driver


MOST_LIVES = 500
"""Far more than a run needs whose engine dies at every fifth step."""


def go_to_end(
    driver: WatchedDriver, crashes: Random | None = None, people: People | None = None
) -> None:
    """Go on with a run until it ends, or until nobody has anything to say to it.

    An engine that dies faster than its questions are answered never comes to anything else, so it
    dies so many times at most.
    """
    lives = MOST_LIVES
    while not driver.run.state.done:
        if crashes is not None and lives and crashes.random() < 0.2:
            driver.lose_memory()
            lives -= 1
        if people is not None:
            people.act(driver)
        if driver.run.state.done or driver.step() is not None:
            continue
        if people is None or not people.go_on(driver):
            break
    driver.check_folding()
