"""What events do to nodes and to the counters beside them. Called by `evolve` alone.

Nothing is evaluated or decided here; whoever waits for what changed is named to `touch`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from tiphys.engine.phases import BAD, FULFILLED, LEGAL
from tiphys.engine.state import Frame, Node, State
from tiphys.engine.totals import assumed
from tiphys.errors import EngineBug
from tiphys.messages import (
    DaemonReady,
    JobSettled,
    NodeAdded,
    NodeAdvanced,
    NodeDone,
    NodePhaseChanged,
    Phase,
    SlotsOpened,
)
from tiphys.model.ids import NodeId
from tiphys.program import Dag, Hook, Program

Touch: TypeAlias = Callable[[NodeId], None]

COUNTED = frozenset({"Pod", "Steps", "DAG"})
EXECUTABLE = frozenset({"Pod", "Container", "HTTP", "Plugin", "Suspend"})
FRAMES = frozenset({"Steps", "StepGroup", "DAG", "TaskGroup", "Retry"})
JOBS = frozenset({"Pod", "HTTP", "Plugin"})
_DEEPER = frozenset({"Steps", "DAG", "Pod", "HTTP", "Plugin", "Suspend"})


def frame_of(node: Node) -> Frame:
    """Return the frame of a node that waits for others. Raises EngineBug if it does not."""
    if node.frame is None:
        raise EngineBug(f"node {node.name} of kind {node.kind} waits for nobody")
    return node.frame


def _check(node: str, before: Phase | None, event: NodeAdded | Node, after: Phase) -> None:
    if (before, after) not in LEGAL[event.kind]:
        raise EngineBug(f"node {node} ({event.kind}) cannot go from {before} to {after}")


# ------------------------------------------------------------------------------------ adding


def add(state: State, program: Program, event: NodeAdded, touch: Touch) -> None:
    """A node comes into the world."""
    _check(event.name, None, event, event.phase)
    key = state.id_of(event.name)
    if key in state.nodes:
        raise EngineBug(f"node {event.name} was added twice")
    node = Node(
        id=key,
        name=event.name,
        kind=event.kind,
        phase=event.phase,
        started_at=event.at,
        owner=event.owner,
        boundary=event.boundary,
        call=event.call,
        item=event.item,
        attempt=event.attempt,
        template=event.template,
        inputs=event.inputs,
        values=event.values,
        outputs=event.outputs,
        message=event.message,
        display_name=event.display_name,
        hooked=event.hooked,
        hook_of=event.hook_of,
        on_exit=event.on_exit,
        depth=depth_of(state, event),
        stage=event.stage,
        container=event.container,
    )
    state.nodes[key] = node
    for parent in event.parents:
        state.nodes[parent].children.append(key)
    if event.template:
        state.used[event.template] = True
    _enter(state, event, node)
    if event.kind in FRAMES and event.phase == "Running":
        node.frame = _new_frame(program, state, node)
    _count_in(state, program, node)
    if event.phase in FULFILLED:
        node.finished_at = event.at
        _fulfil(state, program, node, touch)
    else:
        state.live[key] = True
        touch(key)


def depth_of(state: State, event: NodeAdded) -> int:
    """Return how deep a new node nests."""
    if event.boundary is None:
        return 1
    outer = state.nodes[event.boundary].depth
    return outer + 1 if event.kind in _DEEPER else outer


def _enter(state: State, event: NodeAdded, node: Node) -> None:
    """Take the node's slot off its owner's queue, or count it as one more to wait for."""
    if event.hook_of is not None:
        state.nodes[event.hook_of].hooks_open += 1
        state.hook_waits.pop(event.hook_of, None)
    if event.owner is None:
        return
    owner = state.nodes[event.owner]
    frame = frame_of(owner)
    if event.hooked and event.hook_of is not None:
        frame.open += 1
    elif owner.kind == "Steps":
        frame.cursor += 1
        frame.open += 1
    elif owner.kind == "Retry":
        frame.attempts.append(node.id)
        frame.until = 0.0
        frame.open += 1
        state.waits.pop(owner.id, None)
    else:
        _fill(state, frame, event, node.id)


def _fill(state: State, frame: Frame, event: NodeAdded, key: NodeId) -> None:
    slot = frame.next_slot()
    if slot is None:
        raise EngineBug(f"node {event.name} was added without a slot")
    if event.item is not None:
        made = frame.made.setdefault(slot[0], [])
        place = len(made)
        while place and (state.nodes[made[place - 1]].item or 0) > event.item:
            place -= 1  # only after a retry are items not added in their order
        made.insert(place, key)
    frame.head += 1
    if frame.head == len(frame.queue):
        frame.queue, frame.head = [], 0
        if event.owner is not None:
            state.waits.pop(event.owner, None)


def _new_frame(program: Program, state: State, node: Node) -> Frame:
    frame = Frame()
    if node.kind == "StepGroup":
        boundary = state.nodes[node.boundary or node.id]
        steps = program.templates[boundary.template].groups[int(node.call[1])]
        frame.queue = [(index, -1) for index in range(len(steps))]
        frame.open = len(steps)
    elif node.kind == "DAG":
        frame.target = node.values.get("dag.target") or ""
        dag = dag_of(program, node)
        plan = dag.plan(frame.target)
        frame.waits = list(plan.waits)
        frame.open = len(plan.wanted)
        frame.queue = [(index, -1) for index in plan.wanted if not plan.waits[index]]
    elif node.kind == "TaskGroup":
        frame.open = 1  # until the items are known
    return frame


def dag_of(program: Program, node: Node) -> Dag:
    """Return the tasks of a DAG node. Raises EngineBug if it is none."""
    dag = program.templates[node.template].dag
    if dag is None:
        raise EngineBug(f"node {node.name} has no tasks")
    return dag


def open_slots(state: State, event: SlotsOpened, touch: Touch) -> None:
    """A loop is expanded: its slots may be filled."""
    node = state.nodes[event.frame]
    frame = frame_of(node)
    frame.items[event.slot] = event.items
    slots = [(event.slot, index) for index in range(len(event.items))]
    if node.kind == "TaskGroup":
        frame.queue, frame.open = slots, len(slots)
    else:
        frame.queue[frame.head : frame.head + 1] = slots
        frame.open += len(slots) - 1
    touch(node.id)


# ---------------------------------------------------------------------------------- counting


def _count_in(state: State, program: Program, node: Node) -> None:
    if node.kind in EXECUTABLE:
        state.all_units += 1
        node.progress = "0/1"
    if node.phase in FULFILLED:
        return
    if not node.stage:
        begin_work(state, program, node)


def begin_work(state: State, program: Program, node: Node, keeps: str = "") -> None:
    """Count what a node's work takes: a job, and a place under the parallelism.

    `keeps` is what the attempts of a Retry node are that keeps its place.
    """
    if node.kind in JOBS:
        state.jobs[node.id] = True
    node.keeps_place = bool(keeps)
    if (keeps or node.kind) in COUNTED and not _shares_place(state, node):
        _place(state, program, node, 1)


def _shares_place(state: State, node: Node) -> bool:
    """An attempt has the place of its Retry node, if that keeps one (or waits for it again)."""
    if node.attempt is None or node.owner is None:
        return False
    owner = state.nodes[node.owner]
    return owner.keeps_place or bool(owner.stage)


def _place(state: State, program: Program, node: Node, count: int) -> None:
    """Take a place under the parallelism, or give it back (-1)."""
    kind = program.templates[node.template].kind if node.kind == "Retry" else node.kind
    state.active_pods += count * (kind == "Pod")
    if node.boundary is not None:
        state.nodes[node.boundary].active += count
    node.placed = count > 0


def _count_out(state: State, program: Program, node: Node) -> None:
    if node.placed:
        _place(state, program, node, -1)


def _count_running(state: State, node: Node, after: Phase) -> None:
    if node.kind == "Pod":
        state.running_pods += (after == "Running") - (node.phase == "Running")


def progress_to(state: State, node: Node, progress: str) -> None:
    """Set how far a node is, and the workflow with it."""
    before = [int(part) for part in node.progress.split("/")]
    after = [int(part) for part in progress.split("/")]
    state.done_units += after[0] - before[0]
    state.all_units += after[1] - before[1]
    node.progress = progress


def _use(state: State, node: Node, event: NodeDone | JobSettled) -> None:
    """Take down what a pod used, and count it for the workflow."""
    node.usage = event.usage
    if node.kind == "Pod":
        node.resources = assumed(event.usage) if event.resources is None else event.resources
        _count_resources(state, node)


def settle_job(state: State, event: JobSettled) -> None:
    """The job of a node that was decided earlier has ended."""
    state.jobs.pop(event.node, None)
    _use(state, state.nodes[event.node], event)


def recount(state: State) -> None:
    """Make the sums over the pods anew: they may lack in a snapshot from before, or be untrue."""
    state.running_pods = 0
    state.resources = {}
    for node in state.nodes.values():
        state.running_pods += node.kind == "Pod" and node.phase == "Running"
        _count_resources(state, node)


def _count_resources(state: State, node: Node) -> None:
    for name, value in node.resources.items():
        state.resources[name] = state.resources.get(name, 0) + value
    if len(state.resources) > 1:  # the same whatever the order of the nodes
        state.resources = dict(sorted(state.resources.items()))


# ----------------------------------------------------------------------------------- changing


def change(state: State, event: NodePhaseChanged, touch: Touch) -> None:
    """A node goes on living in another phase, or with another message.

    One that is fulfilled becomes Error before anybody who waits for it is told.
    """
    node = state.nodes[event.node]
    _check(node.name, node.phase, node, event.phase)
    _count_running(state, node, event.phase)
    if node.fulfilled and node.phase not in BAD:
        _count_bad(state, node)
    node.phase, node.message = event.phase, event.message
    node.host = event.host or node.host
    if node.kind == "Retry" and not node.fulfilled:
        frame_of(node).until = 0.0
    touch(node.id)


def advance(state: State, program: Program, event: NodeAdvanced, touch: Touch) -> None:
    """A node that waited for an answer goes on; with no stage left its work begins."""
    node = state.nodes[event.node]
    if node.phase != event.phase:
        _check(node.name, node.phase, node, event.phase)
    node.stage, node.phase = event.stage, event.phase
    node.waiting_for = node.message = ""
    node.memo = event.memo or node.memo
    if not event.stage:
        state.parked.pop(node.id, None)
        state.waits.pop(node.id, None)
        if node.kind in FRAMES and node.frame is None:
            node.frame = _new_frame(program, state, node)
        template = program.templates[node.template]
        keeps = node.kind == "Retry" and bool(template.locks)
        begin_work(state, program, node, template.kind if keeps else "")
    touch(node.id)


def serve(state: State, program: Program, event: DaemonReady, touch: Touch) -> None:
    """A daemon counts as fulfilled while it runs; its Retry node does so with it.

    Differs: it gives its place under the parallelism back; in Argo a template whose places are
    all taken by daemons waits for ever.
    """
    node = state.nodes[event.node]
    if node.phase != "Running":
        _check(node.name, node.phase, node, "Running")
    _count_running(state, node, "Running")
    node.phase, node.message = "Running", ""
    node.daemoned, node.pod_ip, node.fulfilled = True, event.ip, True
    state.live.pop(node.id, None)
    state.daemons[node.id] = True
    _count_out(state, program, node)
    if node.settled:
        return
    if has_hooks(program, state, node):
        touch(node.id)
    else:
        settle(state, program, node, touch)


def end(state: State, program: Program, event: NodeDone, touch: Touch) -> None:
    """A node is fulfilled for good."""
    node = state.nodes[event.node]
    _check(node.name, node.phase, node, event.phase)
    _count_running(state, node, event.phase)
    node.phase, node.message, node.finished_at = event.phase, event.message, event.at
    node.outbound = event.outbound
    if event.outputs is not None:
        node.outputs = event.outputs
    if event.usage is not None:
        _use(state, node, event)
    state.live.pop(node.id, None)
    state.daemons.pop(node.id, None)
    state.waits.pop(node.id, None)
    state.parked.pop(node.id, None)
    node.daemoned, node.pod_ip = False, ""
    if node.id in state.jobs:
        if event.settled:
            del state.jobs[node.id]
        else:
            state.jobs[node.id] = False
    _count_out(state, program, node)
    _fulfil(state, program, node, touch)


def _fulfil(state: State, program: Program, node: Node, touch: Touch) -> None:
    node.fulfilled = True
    if node.phase in BAD:
        _count_bad(state, node)
    elif node.kind in EXECUTABLE:
        total = node.progress.partition("/")[2] or "1"
        progress_to(state, node, f"{total}/{total}")
    if node.settled:  # a daemon that ended: only its Retry node still listens
        if node.owner is not None:
            touch(node.owner)
    elif has_hooks(program, state, node):
        touch(node.id)
    else:
        settle(state, program, node, touch)


def _count_bad(state: State, node: Node) -> None:
    state.failed.append(node.id)
    if node.kind in COUNTED and node.boundary is not None:
        state.nodes[node.boundary].failed_children += 1


def has_hooks(program: Program, state: State, node: Node) -> bool:
    """Return whether a node fires hooks."""
    return bool(hooks_of(program, state, node))


def hooks_of(program: Program, state: State, node: Node) -> tuple[Hook, ...]:
    """Return the hooks a node fires, of those declared on the step or task it was made for.

    Each item of a looped step fires them all. Of a looped task the items fire "exit" and the
    TaskGroup fires every one; Differs: those that mention the item are fired by the items alone
    (Argo leaves the tag in the text). Source: reference/engine.md 4.3, 4.8, 6.4.
    """
    if not node.call or node.call[0] not in {"step", "task"} or node.attempt is not None:
        return ()
    if node.boundary is None:
        return ()
    template = program.templates[state.nodes[node.boundary].template]
    if node.call[0] == "step":
        return template.groups[int(node.call[1])][int(node.call[2])].hooks
    if template.dag is None:
        return ()
    hooks = template.dag.tasks[int(node.call[1])].hooks
    if hooks and node.item is not None:
        return tuple(hook for hook in hooks if hook.of_item or hook.name == "exit")
    if hooks and node.kind == "TaskGroup":
        return tuple(hook for hook in hooks if not hook.of_item)
    return hooks


def settle(state: State, program: Program, node: Node, touch: Touch) -> None:
    """A fulfilled node is over with its hooks: tell who waits for it."""
    node.settled = True
    if state.hook_waits:
        state.hook_waits.pop(node.id, None)
    if node.hook_of is not None:
        state.nodes[node.hook_of].hooks_open -= 1
        touch(node.hook_of)
    if node.owner is None:
        return
    owner = state.nodes[node.owner]
    frame = frame_of(owner)
    frame.open -= 1
    if owner.kind == "DAG" and node.call[0] == "task" and not node.hooked:
        _release_dependents(program, owner, frame, int(node.call[1]))
    touch(owner.id)


def _release_dependents(program: Program, owner: Node, frame: Frame, task: int) -> None:
    plan = dag_of(program, owner).plan(frame.target)
    for dependent in plan.dependents[task]:
        frame.waits[dependent] -= 1
        if frame.waits[dependent] == 0:
            frame.queue.append((dependent, -1))
