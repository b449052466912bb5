"""The events of a run as sentences, each told beside the state it was decided in.

Every kind of event is told, or is named in `tell` as one that needs no sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from tiphys.engine.evolve import evolve
from tiphys.engine.explain import decisive, words
from tiphys.engine.explain.added import why_added
from tiphys.engine.explain.ended import why_ended
from tiphys.engine.state import State
from tiphys.messages import (
    CacheWanted,
    DaemonReady,
    DeadlinePassed,
    Event,
    GlobalOutputSet,
    JobSettled,
    KeepWanted,
    LabelsSet,
    LockAwaited,
    LocksReleased,
    LocksWanted,
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
    Question,
    QuestionAsked,
    QuestionSettled,
    RetryScheduled,
    RoomWanted,
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
from tiphys.model.ids import NodeId
from tiphys.program import Program

_ACTOR = "workflows.argoproj.io/actor"

if TYPE_CHECKING:
    from tiphys.engine.run import Run


@dataclass(frozen=True, slots=True)
class Line:
    """What was decided, when, and about the node of which name ("": the workflow)."""

    at: float
    node: str
    text: str


def tell(
    run: Run,
    events: Iterable[Event],
    about: NodeId | None = None,
    compiled: Callable[[Mapping[str, str]], Program] | None = None,
) -> list[Line]:
    """Fold all events of a run, into one that is new, and return those of interest as lines.

    They are those about the workflow; or, with `about`, those about a node and its attempts, and
    what befell the workflow while the node lived. `compiled` makes the Program with the parameters
    of a retry, for what was decided after it.
    """
    found: list[Line] = []
    for event in events:
        run.at = _time(event) or run.at
        subject = subject_of(run.state, event)
        wanted = _is_wanted(run, event, subject, about)
        text = _before(run, event) if wanted else ""
        if not isinstance(event, RunAdmitted):
            evolve(run.state, run.program, event, _nobody)
        if isinstance(event, RunReopened) and event.parameters and compiled is not None:
            run.program = compiled(run.state.parameters)
        if wanted:
            text = text or _after(run, event)
            node = run.state.nodes[subject] if subject is not None else None
            if text and node is not None and subject != about:
                text = f"{node.display_name}: {text}"
            if text:
                found.append(Line(run.at, node.name if node is not None else "", text))
    return found


def _nobody(_: NodeId) -> None:
    """Nobody is told."""


def _time(event: Event) -> float:
    """Return when an event was decided, 0.0 if it does not say: then with the one before it."""
    if isinstance(event, RunAdmitted):
        return event.created_at
    at: float = getattr(event, "at", 0.0)
    return at


def subject_of(state: State, event: Event) -> NodeId | None:
    """Return the node an event is about, None for the workflow."""
    match event:
        case NodeAdded():
            return state.id_of(event.name)
        case SlotsOpened():
            return event.frame
        case QuestionSettled() | LocksReleased():
            asked = state.questions.get(event.question)
            return asked.node if asked is not None else None
        case (
            RunAdmitted()
            | RunStarted()
            | RunImported()
            | RunReopened()
            | GlobalOutputSet()
            | MetricObserved()
            | MetricFailed()
            | ShutdownSet()
            | SuspendSet()
            | LabelsSet()
            | DeadlinePassed()
            | RunDone()
        ):
            return None
        case _:
            return event.node


def _is_wanted(run: Run, event: Event, subject: NodeId | None, about: NodeId | None) -> bool:
    if subject == about:
        return True
    if about is None:
        return False
    if subject is None:
        return _befell(run, event, about)
    return _is_attempt(run, event, subject, about)


def _befell(run: Run, event: Event, about: NodeId) -> bool:
    """Return whether something that was done to the workflow concerned a node."""
    match event:
        case RunImported():
            return any(run.state.id_of(copy.node.name) == about for copy in event.nodes)
        case RunReopened():
            return about in event.deleted or about in event.reset
        case ShutdownSet() | SuspendSet() | DeadlinePassed():
            node = run.state.nodes.get(about)
            return node is not None and not node.fulfilled
        case _:
            return False


def _is_attempt(run: Run, event: Event, subject: NodeId, about: NodeId) -> bool:
    if isinstance(event, NodeAdded):
        return event.attempt is not None and event.owner == about
    node = run.state.nodes[subject]
    return isinstance(event, NodeDone) and node.attempt is not None and node.owner == about


# ------------------------------------------------------------------------------------ telling


def _before(run: Run, event: Event) -> str:
    """Return the sentence of an event whose ground is gone once it is applied, "" of others."""
    match event:
        case QuestionSettled():
            asked = run.state.questions.get(event.question)
            return _settled(asked.question, event.held) if asked is not None else ""
        case LocksReleased():
            asked = run.state.questions.get(event.question)
            return _released(asked.question, asked.held) if asked is not None else ""
        case _:
            return ""


def _after(run: Run, event: Event) -> str:
    match event:
        case NodeAdded():
            return why_added(run, run.node(run.state.id_of(event.name)))
        case NodeDone():
            return why_ended(run, run.node(event.node), event)
        case NodeAdvanced() | NodePhaseChanged() | DaemonReady() | RetryScheduled():
            return _node(run, event)
        case QuestionAsked() | LockAwaited() | WaitStarted():
            return _waits(event)
        case SlotsOpened():
            return _opened(run, event)
        case OutputsSupplied():
            return _supplied(event)
        case JobSettled() | NodeRebound() | LabelsSet():
            return _noted(event)
        case (
            QuestionSettled()
            | LocksReleased()  # told before
            | MetricObserved()  # for those who scrape
            | NodeProgressed()  # how far a job is decides nothing
            | NodeSettled()  # that a node's hooks are over shows in what follows it
        ):
            return ""
        case _:
            return _workflow(run, event)


def _noted(event: JobSettled | NodeRebound | LabelsSet) -> str:
    match event:
        case JobSettled():
            return "its job, which was being stopped, has ended"
        case NodeRebound():
            return "its inputs were resolved anew, since the workflow has other parameters"
        case LabelsSet():
            who = event.labels.get(_ACTOR)
            return f"what follows was asked by {who}" if who else ""


def _node(run: Run, event: NodeAdvanced | NodePhaseChanged | DaemonReady | RetryScheduled) -> str:
    match event:
        case NodeAdvanced():
            return _advanced(event)
        case DaemonReady():
            return f"serves at {event.ip} and counts as fulfilled: it is a daemon"
        case RetryScheduled():
            return f"{event.message}: the next attempt is due at {words.when(event.until)}"
        case NodePhaseChanged():
            return _changed(run, event)


def _advanced(event: NodeAdvanced) -> str:
    if event.memo is not None:
        knew = "knows its outputs" if event.memo.hit else "knows nothing"
        return f"its cache {event.memo.cache} {knew} under `{event.memo.key}`"
    if event.stage == "cache":
        return ""  # what it asks next is told when it asks
    if event.stage:
        return "gives back what it was granted, since there is no room for its work now"
    return "has all that it waited for; its work begins"


def _changed(run: Run, event: NodePhaseChanged) -> str:
    node = run.node(event.node)
    if event.phase == "Error":
        return f"becomes Error for a hook that cannot be run: {words.short(event.message)}"
    if node.kind == "Retry":
        return "the back-off is over"
    host = f" on {event.host}" if event.host else ""
    said = f": {words.short(event.message)}" if event.message else ""
    if event.phase == "Pending":
        return f"its job cannot start yet{said}"
    return f"its job runs{host}{said}" if node.kind != "Suspend" else f"someone noted{said}"


def _supplied(event: OutputsSupplied) -> str:
    given = [item for item in event.outputs.parameters if item.value is not None]
    return f"someone supplied {words.listed((f'{i.name}=`{i.value}`' for i in given), 8)}"


def _opened(run: Run, event: SlotsOpened) -> str:
    node = run.node(event.frame)
    loop = "its loop"
    if node.kind == "StepGroup":
        steps = run.template(run.node(node.boundary)).groups[int(node.call[1])]
        loop = f"the loop of step {steps[event.slot].name}"
    return f"{loop} has {words.counted(len(event.items), 'item')}"


# --------------------------------------------------------------------------------- questions


def _wanted(question: Question) -> str:
    match question:
        case LocksWanted():
            return words.listed(f"{lock.kind} {lock.key}" for lock in question.locks)
        case RoomWanted():
            return "leave to begin, since the number of workflows at work is limited"
        case CacheWanted():
            return f"what cache {question.cache} knows under `{question.key}`"
        case KeepWanted():
            return f"cache {question.cache} to keep its outputs under `{question.key}`"
        case _:
            assert_never(question)


def _waits(event: QuestionAsked | LockAwaited | WaitStarted) -> str:
    match event:
        case QuestionAsked():
            return f"asks for {_wanted(event.question)}"
        case LockAwaited():
            return words.short(event.message)
        case WaitStarted():
            return f"hook {event.hook} is {event.reason}" if event.hook else event.reason


def _settled(question: Question, held: bool) -> str:
    if held:
        return f"is granted {_wanted(question)}"
    if isinstance(question, KeepWanted):
        return f"cache {question.cache} keeps its outputs"
    return ""  # what a cache knew is told when the node goes on


def _released(question: Question, held: bool) -> str:
    return f"{'gives back' if held else 'no longer asks for'} {_wanted(question)}"


# ---------------------------------------------------------------------------------- workflow


def _workflow(
    run: Run,
    event: (
        RunAdmitted
        | RunStarted
        | RunImported
        | RunReopened
        | GlobalOutputSet
        | MetricFailed
        | ShutdownSet
        | SuspendSet
        | DeadlinePassed
        | RunDone
    ),
) -> str:
    match event:
        case RunAdmitted():
            return "admitted"
        case RunStarted() | RunImported() | RunReopened():
            return _begun(run, event)
        case GlobalOutputSet():
            return f"global output {event.name} is {_exported(event)}"
        case MetricFailed():
            return f"a metric cannot be shown: {event.message}"
        case ShutdownSet():
            exits = "exit handlers run" if event.strategy == "Stop" else "nothing more runs"
            return f"someone asked for the workflow's end (strategy {event.strategy}: {exits})"
        case SuspendSet():
            return "someone suspended the workflow" if event.suspend else _resumed(run)
        case DeadlinePassed():
            return (
                f"the workflow's activeDeadlineSeconds ({run.program.deadline_seconds:g}) is over"
            )
        case RunDone():
            return f"{event.phase}{_why_done(run, event)}"
        case _:
            assert_never(event)


def _begun(run: Run, event: RunStarted | RunImported | RunReopened) -> str:
    match event:
        case RunStarted():
            suspended = ", suspended as its `suspend` says" if run.state.suspend else ""
            return f"begun{' again' if event.again else ''}{suspended}"
        case RunImported():
            taken = words.counted(len(event.nodes), "node")
            return f"takes over {taken} of an earlier run"
        case RunReopened():
            names = [f"{name}=`{words.short(text)}`" for name, text in event.parameters]
            given = f" with {words.listed(names)}" if names else ""
            gone = words.counted(len(event.deleted), "node")
            again = words.counted(len(event.reset), "node")
            return f"someone retried the workflow{given}: {gone} deleted, {again} to go on"


def _why_done(run: Run, event: RunDone) -> str:
    if words.said(event.message):
        return f": {words.said(event.message)}"
    chain = decisive.chain(run, decisive.first(run))
    return f", because {words.full_result(chain[-1])}" if chain else ""


def _exported(event: GlobalOutputSet) -> str:
    return "an artifact" if event.value is None else f"`{words.short(event.value)}`"


def _resumed(run: Run) -> str:
    if run.state.shutdown:
        return "the workflow is no longer suspended, so that it can end"
    return "someone resumed the workflow"
