"""`evolve`: the only function that changes a run's state.

Live and recovered state cannot differ, because both are made here and from events alone. Whoever
waits for what an event changed is named to `touch`; on recovery nobody listens. Deciding is done
elsewhere: here nothing is evaluated, looked up outside or left to chance.
"""

from __future__ import annotations

from typing import assert_never

from tiphys.engine import evolve_nodes as nodes
from tiphys.engine.evolve_nodes import Touch, frame_of
from tiphys.engine.reopening import copy_in, rebind, reopen
from tiphys.engine.state import Asked, State
from tiphys.errors import EngineBug
from tiphys.messages import (
    DaemonReady,
    DeadlinePassed,
    Event,
    GlobalOutputSet,
    JobSettled,
    LabelsSet,
    LockAwaited,
    LocksReleased,
    MetricFailed,
    MetricObserved,
    NodeAdded,
    NodeAdvanced,
    NodeDone,
    NodePhaseChanged,
    NodeProgressed,
    NodeRebound,
    NodeSettled,
    OutputsSupplied,
    QuestionAsked,
    QuestionSettled,
    RetryScheduled,
    RunAdmitted,
    RunDone,
    RunImported,
    RunReopened,
    RunStarted,
    ShutdownSet,
    SlotsOpened,
    SuspendSet,
    WaitStarted,
)
from tiphys.program import Program


def evolve(state: State, program: Program, event: Event, touch: Touch) -> None:
    """Apply one event. Raises EngineBug if it does not fit the state."""
    match event:
        case NodeAdded():
            nodes.add(state, program, event, touch)
        case NodeDone():
            nodes.end(state, program, event, touch)
        case NodePhaseChanged():
            nodes.change(state, event, touch)
        case NodeSettled():
            nodes.settle(state, program, state.nodes[event.node], touch)
        case SlotsOpened():
            nodes.open_slots(state, event, touch)
        case NodeAdvanced():
            nodes.advance(state, program, event, touch)
        case DaemonReady():
            nodes.serve(state, program, event, touch)
        case JobSettled():
            nodes.settle_job(state, event)
        case _:
            _small(state, program, event)


def _small(state: State, program: Program, event: Event) -> None:
    match event:
        case RetryScheduled():
            node = state.nodes[event.node]
            node.message = event.message
            frame_of(node).until = event.until
        case WaitStarted():
            waits = state.hook_waits if event.hook else state.waits
            waits[event.node] = event.reason
        case NodeProgressed():
            nodes.progress_to(state, state.nodes[event.node], event.progress)
        case OutputsSupplied():
            state.nodes[event.node].outputs = event.outputs
        case NodeRebound():
            rebind(state, program, event)
        case QuestionAsked() | QuestionSettled() | LockAwaited() | LocksReleased():
            _question(state, event)
        case MetricObserved():
            _observe(state, event)
        case LabelsSet():
            state.labels = event.labels
        case MetricFailed():
            state.metric_faults.append(event.message)
        case _:
            _run(state, program, event)


def _question(
    state: State, event: QuestionAsked | QuestionSettled | LockAwaited | LocksReleased
) -> None:
    match event:
        case QuestionAsked():
            state.questions[event.question.question] = Asked(event.question, event.node)
            if event.node is not None:
                state.waits.pop(event.node, None)
        case QuestionSettled() if event.held:
            asked = state.questions[event.question]
            asked.held, asked.blocked = True, ()
        case QuestionSettled() | LocksReleased():
            state.questions.pop(event.question, None)
        case LockAwaited():
            _await(state, event)


def _await(state: State, event: LockAwaited) -> None:
    asked = state.questions.get(event.question)
    if asked is not None:
        asked.blocked = event.blocked
    if event.node is None:
        state.phase, state.message = "Pending", event.message
    else:
        node = state.nodes[event.node]
        node.message, node.waiting_for = event.message, event.key


def _observe(state: State, event: MetricObserved) -> None:
    """Remember the gauges that go on by themselves, until they are observed for good."""
    key = metric_key(event)
    if event.since is None:
        state.gauges.pop(key, None)
    else:
        state.gauges[key] = event


def metric_key(event: MetricObserved) -> str:
    """Return what makes a metric the same as another: its name and its labels."""
    return f"{event.name}{event.labels}"


def _beginning(
    state: State, program: Program, event: RunStarted | RunImported | RunReopened
) -> None:
    match event:
        case RunStarted():
            state.started_at = event.at
            state.phase, state.message = "Running", ""
            state.reopened, state.dropping, state.rebind = False, [], False
            if not event.again:
                # A person may have suspended it before anybody drove it.
                state.suspend = state.suspend or program.suspended
        case RunImported():
            copy_in(state, program, event)
        case RunReopened():
            reopen(state, program, event)


def _run(state: State, program: Program, event: Event) -> None:
    match event:
        case GlobalOutputSet():
            if event.value is not None:
                state.outputs[event.name] = event.value
            if event.artifact is not None:
                state.output_artifacts[event.name] = event.artifact
        case RunStarted() | RunImported() | RunReopened():
            _beginning(state, program, event)
        case ShutdownSet():
            state.shutdown = event.strategy
        case SuspendSet():
            state.suspend = event.suspend
        case DeadlinePassed():
            state.deadline_passed = True
        case RunDone():
            state.phase, state.message, state.finished_at = event.phase, event.message, event.at
            state.gauges.clear()
        case (
            RunAdmitted()
            | NodeAdded()
            | NodeAdvanced()
            | NodeDone()
            | DaemonReady()
            | QuestionAsked()
            | QuestionSettled()
            | LockAwaited()
            | LocksReleased()
            | MetricObserved()
            | MetricFailed()
            | NodePhaseChanged()
            | NodeSettled()
            | SlotsOpened()
            | JobSettled()
            | RetryScheduled()
            | WaitStarted()
            | NodeProgressed()
            | NodeRebound()
            | OutputsSupplied()
            | LabelsSet()
        ):
            raise EngineBug(f"{type(event).__name__} was not routed")
        case _:
            assert_never(event)
