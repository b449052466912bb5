"""`Run.handle`: one input in, events and commands out.

A work-list: an input touches a node, what a node decides touches others, until nothing is left to
decide. Every state change goes through `emit`, which records the event and evolves at once. The
run is driven by one caller at a time and knows no clock: `at` is the present input's time.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from tiphys.engine import (
    answers,
    asking,
    cleanup,
    daemons,
    ending,
    metrics,
    reports,
    requests,
    retrying,
    verdict,
)
from tiphys.engine.evolve import evolve
from tiphys.engine.evolve_nodes import has_hooks, hooks_of, recount
from tiphys.engine.gates import Gates, has_failed_fast
from tiphys.engine.nodes import (
    containers,
    dag,
    hooks,
    leaf,
    retry,
    steps,
    suspend,
    task_group,
)
from tiphys.engine.phases import FULFILLED
from tiphys.engine.scope import FrameScope, GlobalScope, ItemScope, Layered, Names, NodeScope
from tiphys.engine.state import Node, State
from tiphys.errors import EngineBug
from tiphys.expr.values import Context
from tiphys.messages import (
    Answered,
    Began,
    Command,
    DaemonReady,
    Event,
    Input,
    JobReported,
    JobSettled,
    LockAwaited,
    NodeAdded,
    NodeAdvanced,
    NodeDone,
    NodePhaseChanged,
    NodeProgressed,
    NodeRebound,
    NodeSet,
    NodeSettled,
    OutputsSupplied,
    QuestionAsked,
    ResumeRequested,
    RetryRequested,
    RetryScheduled,
    RunAdmitted,
    RunImported,
    RunReopened,
    Step,
    StopRequested,
    SuspendRequested,
    TimerFired,
    WaitStarted,
)
from tiphys.model.base import Json
from tiphys.model.ids import NodeId
from tiphys.model.templates import Template as ModelTemplate
from tiphys.program import Call, Hook, Program, Template

BEHAVIOUR: Mapping[str, Callable[[Run, Node], None]]
_OF_A_NODE = (
    NodeDone,
    NodePhaseChanged,
    DaemonReady,
    JobSettled,
    NodeAdvanced,
    NodeProgressed,
    NodeRebound,
    OutputsSupplied,
    RetryScheduled,
    WaitStarted,
)
_CHANGES_PHASE = (NodeDone, NodePhaseChanged, DaemonReady)
_QUESTIONS = (LockAwaited, QuestionAsked)
_ANEW = (RunImported, RunReopened)


class Run:
    """The live state of one workflow."""

    def __init__(self, program: Program, admitted: RunAdmitted, state: State | None = None) -> None:
        """Start from the first event, or from a snapshot of the state."""
        self.program = program
        self.state = state or State(
            run=admitted.run, name=program.name, created_at=admitted.created_at
        )
        self.estimates = admitted.estimates
        self.at = self.state.started_at
        self.gates = Gates()
        self.plain: dict[str, ModelTemplate] = {}
        """Leaf templates without tags by their keys, as jobs show them (`jobs.py`)."""
        self.changed: dict[NodeId, bool] = {}
        self.gone: dict[NodeId, bool] = {}
        self._events: list[Event] = []
        self._commands: list[Command] = []
        self._touched: deque[NodeId] = deque()
        self._waiting: set[NodeId] = set()

    # ------------------------------------------------------------------------------ driving

    def fold(self, events: Iterable[Event]) -> None:
        """Apply stored events: recovery. Nothing is decided."""
        for event in events:
            if not isinstance(event, RunAdmitted):
                evolve(self.state, self.program, event, _nobody)
        recount(self.state)
        self.gates.recover(self)

    def handle(self, item: Input) -> Step:
        """Return what follows from one input. Late, repeated and unknown inputs yield nothing."""
        return self.handle_all((item,))

    def handle_all(self, items: Iterable[Input]) -> Step:
        """Return what follows from several inputs, in order, as one step."""
        for item in items:
            self.at = item.at
            if not self.state.done or isinstance(item, RetryRequested):
                self._accept(item)
                self._work()
        step = Step(events=tuple(self._events), commands=tuple(self._commands))
        self._events, self._commands = [], []
        return step

    def _accept(self, item: Input) -> None:
        match item:
            case Began():
                answers.begin(self, item.limited)
            case Answered():
                answers.answered(self, item)
            case JobReported():
                reports.accept(self, item.report)
            case TimerFired():
                requests.timer_fired(self, item.timer)
            case RetryRequested():
                retrying.retry(self, item)
            case StopRequested() | SuspendRequested() | ResumeRequested() | NodeSet():
                requests.accept(self, item)

    def _work(self) -> None:
        while not self.state.done:
            if not self.state.started_at:
                return
            while self._touched:
                self._react(self._next())
            if self.state.suspend:
                return
            if not self.gates.release(self):
                before = len(self._events)
                verdict.react(self)
                if len(self._events) == before and not self._touched:
                    return  # else a node may have come into the world fulfilled

    def _next(self) -> Node:
        key = self._touched.popleft()
        self._waiting.discard(key)
        return self.state.nodes[key]

    def _react(self, node: Node) -> None:
        if self.state.suspend or (self.state.parked and asking.is_held_back(self, node)):
            return
        if has_hooks(self.program, self.state, node) and not node.settled:
            hooks.react(self, node)
        if node.stage and not node.fulfilled:
            asking.react(self, node)
        elif not node.fulfilled or (node.daemoned and node.kind == "Retry"):
            BEHAVIOUR[node.kind](self, node)

    # ----------------------------------------------------------------------------- deciding

    def emit(self, event: Event) -> None:
        """Record a decision and apply it."""
        self._events.append(event)
        waits = self.state.waits or self.state.hook_waits
        waiting = _may_wait_no_longer(self.state, event) if waits else None
        evolve(self.state, self.program, event, self.touch)
        if waiting is not None and waiting not in self.state.waits:
            self.changed[waiting] = True
        self.gates.note(self, event)
        self._note(event)
        if isinstance(event, _CHANGES_PHASE):
            self._tell_hooks(self.state.nodes[event.node])
        if isinstance(event, NodeDone | DaemonReady):
            self._fulfilled(self.state.nodes[event.node])
        elif isinstance(event, NodeAdded):
            self._began(event)
        elif isinstance(event, JobSettled):
            cleanup.pod_over(self, self.state.nodes[event.node])

    def _began(self, event: NodeAdded) -> None:
        """Show the real-time metrics of a node that came into the world to do something."""
        begins = event.kind in metrics.MEASURED and event.phase not in FULFILLED
        if begins and self.program.templates[event.template].metrics:
            metrics.node_added(self, self.state.nodes[self.state.id_of(event.name)])

    def _tell_hooks(self, node: Node) -> None:
        """Have the hooks of ended steps look again that read the status of others of their group.

        Source: argo workflow/controller/steps.go, executeStepGroup; reference/engine.md 6.4.3.
        """
        group = self.state.nodes[node.owner] if node.owner is not None else node
        if group.kind != "StepGroup" or node.hooked:
            return
        calls = self.template(self.node(group.boundary)).groups[int(group.call[1])]
        if any(hook.others for call in calls for hook in call.hooks):
            for key in group.children:
                if not self.state.nodes[key].settled:
                    self.touch(key)

    def _fulfilled(self, node: Node) -> None:
        if node.daemoned:
            asking.give_back(self, node)
        else:
            self._ended(node)
        boundary = self.state.nodes.get(node.boundary) if node.boundary is not None else None
        if boundary is not None and has_failed_fast(self, boundary):
            self._fail_fast(boundary)

    def _fail_fast(self, boundary: Node) -> None:
        """Have a node look whether it can end now, whoever's child has ended."""
        if boundary.kind == "DAG" or boundary.frame is None:
            self.touch(boundary.id)
        else:
            self.touch(self.state.id_of(f"{boundary.name}[{boundary.frame.cursor}]"))

    def _ended(self, node: Node) -> None:
        """See to what a node that ended leaves behind: locks, a cache, containers, daemons."""
        if node.memo is not None or self.state.questions:
            asking.ended(self, node)
        if node.kind in {"Steps", "DAG"}:
            is_cut_short = node.stage or (node.frame and node.frame.open)
            if node.children and (is_cut_short or has_failed_fast(self, node)):
                ending.end_within(self, node)
            if self.state.daemons:
                daemons.end_within(self, node.id)
        elif node.kind == "Retry" and node.stage:
            ending.end_attempts(self, node)
        elif node.kind == "Pod":
            containers.end(self, node, node.phase, node.message)
            cleanup.pod_over(self, node)
        if node.kind in metrics.MEASURED and self.template(node).metrics:
            metrics.node_ended(self, node)

    def _note(self, event: Event) -> None:
        if isinstance(event, NodeAdded):
            self.changed[next(reversed(self.state.nodes))] = True
            for parent in event.parents:
                self.changed[parent] = True
        elif isinstance(event, _OF_A_NODE):
            self.changed[event.node] = True
        elif isinstance(event, _QUESTIONS):
            if event.node:
                self.changed[event.node] = True
        elif isinstance(event, _ANEW):
            self._anew(event)

    def _anew(self, event: RunImported | RunReopened) -> None:
        """See to what is kept beside the state when nodes came or went by themselves."""
        if isinstance(event, RunReopened):
            self.gone.update(dict.fromkeys(event.deleted, True))
        self.changed = dict.fromkeys(self.state.nodes, True)
        self._touched.clear()
        self._waiting.clear()
        self.gates.recover(self)

    def command(self, command: Command) -> None:
        """Ask something of the world, once the events are stored."""
        self._commands.append(command)

    def touch(self, key: NodeId) -> None:
        """Have a node look at its own situation again."""
        if key not in self._waiting:
            self._waiting.add(key)
            self._touched.append(key)

    def go_on(self, key: NodeId) -> None:
        """Have a new node do its first thing at once, before anything else is decided."""
        node = self.state.nodes[key]
        BEHAVIOUR[node.kind](self, node)

    def touch_live(self) -> None:
        """Have every unfulfilled node look again: only for a person's resume or retry.

        What had begun before a retry goes on before others begin.
        """
        for key in [*self.state.parked, *self.state.live]:
            self.touch(key)
        for node in [*self.state.nodes.values()]:
            if node.fulfilled and not node.settled:
                self.touch(node.id)

    # ------------------------------------------------------------------------------ looking

    def node(self, key: NodeId | None) -> Node:
        """Return a node that must exist."""
        if key is None or key not in self.state.nodes:
            raise EngineBug(f"there is no node {key}")
        return self.state.nodes[key]

    def template(self, node: Node) -> Template:
        """Return the template a node was made from."""
        return self.program.templates[node.template]

    def globals(self) -> GlobalScope:
        """Return the workflow's variables as they read now."""
        return GlobalScope(self.program, self.state, self.at)

    def own_scope(self, node: Node, below: Names | None = None) -> Names:
        """Return what a node's own template may refer to."""
        scope: Names = NodeScope(self.state, node, self.template(node), below or self.globals())
        if not self.call(node).target.inline or node.boundary is None:
            return scope
        return Layered(self.caller_scope(node), scope)

    def caller_scope(self, node: Node) -> Names:
        """Return the scope in which the call that made a node stands."""
        boundary = self.node(node.boundary)
        scope: Names = self.frame_scope(boundary, self.viewer(node))
        if node.item is None:
            return scope
        return ItemScope(self.item(node), scope)

    def frame_scope(
        self, boundary: Node, viewer: int | None = None, own: Node | None = None
    ) -> FrameScope:
        """Return what a step or task of a Steps or DAG node may refer to."""
        return FrameScope(self.program, self.state, boundary, self.own_scope(boundary), viewer, own)

    def viewer(self, node: Node) -> int:
        """Return where a step or task stands, to tell what it may see."""
        return int(node.call[1])

    def item(self, node: Node) -> Json:
        """Return the loop item a node was made for."""
        owner = self.node(node.owner)
        while owner.kind == "Retry":
            owner = self.node(owner.owner)
        slot = 0 if owner.kind == "TaskGroup" else int(node.call[2])
        if owner.frame is None or node.item is None:
            raise EngineBug(f"node {node.name} has no item")
        return owner.frame.items[slot][node.item]

    def call(self, node: Node) -> Call:
        """Return the declaration a node was made for."""
        match node.call:
            case ("step", group, step):
                return self.template(self.node(node.boundary)).groups[int(group)][int(step)]
            case ("task", task):
                dag_model = self.template(self.node(node.boundary)).dag
                if dag_model is None:
                    raise EngineBug(f"node {node.name} is a task of no DAG")
                return dag_model.tasks[int(task)]
            case ("hook", name):
                return hooks.find(self, node, str(name)).call
            case ("container",):
                return self.call(self.node(node.boundary))
            case ("exit",):
                if self.program.on_exit is None:
                    raise EngineBug("there is no exit handler")
                return self.program.on_exit
            case _:
                return self.program.entry

    def hooks(self, node: Node) -> tuple[Hook, ...]:
        """Return the hooks a node fires."""
        return hooks_of(self.program, self.state, node)

    def context(self, name: str) -> Context:
        """Return the clock and the seed for evaluations that belong to a node's name."""
        seed = hashlib.sha256(f"{self.state.run} {name}".encode()).digest()
        return Context(now=datetime.fromtimestamp(self.at, UTC), seed=seed)


def _may_wait_no_longer(state: State, event: Event) -> NodeId | None:
    """Return the node whose wait for room an event may end beside what it says."""
    if isinstance(event, NodeAdded) and event.owner in state.waits:
        return event.owner
    if isinstance(event, NodeSettled) and event.node in state.hook_waits:
        return event.node
    return None


def _nobody(_: NodeId) -> None:
    """Recovery: nobody is told."""


BEHAVIOUR = {
    "Pod": leaf.react,
    "HTTP": leaf.react,
    "Plugin": leaf.react,
    "Container": containers.react,
    "Suspend": suspend.react,
    "Steps": steps.react,
    "StepGroup": steps.react_group,
    "DAG": dag.react,
    "TaskGroup": task_group.react,
    "Retry": retry.react,
    "Skipped": leaf.react_never,
}
