"""Frames and counters made anew from the node table: after a retry, and for copied nodes.

Called by `evolve` alone. What is made is what the counters would be if the nodes that are left had
just been added and had ended in their order.
"""

from __future__ import annotations

from collections.abc import Sequence

from tiphys.engine.evolve_nodes import (
    COUNTED,
    EXECUTABLE,
    FRAMES,
    begin_work,
    dag_of,
    recount,
)
from tiphys.engine.phases import BAD, FULFILLED
from tiphys.engine.state import Frame, Node, Slot, State
from tiphys.errors import EngineBug
from tiphys.model.ids import NodeId
from tiphys.program import Dag, Program

_FILLED = -1
"""What a task "waits" for that has its node already: it is never started again."""


def rebuild(state: State, program: Program) -> None:
    """Make all counters anew, and the frames of the nodes that are not fulfilled."""
    owned: dict[NodeId, list[Node]] = {}
    _forget_counts(state)
    for node in state.nodes.values():
        _count(state, program, node)
        if node.owner is not None:
            owned.setdefault(node.owner, []).append(node)
    for key in state.live:
        node = state.nodes[key]
        if node.kind in FRAMES and (node.frame is not None or not node.stage):
            node.frame = rebuilt(state, program, node, owned.get(key, ()))
    recount(state)


def remember(state: State) -> None:
    """Fill the frames of copied nodes that are fulfilled: what others read of them later.

    The items of loops give outputs together, a Retry node those of its last attempt.
    """
    for node in state.nodes.values():
        owner = state.nodes[node.owner] if node.owner is not None else None
        if owner is None or owner.frame is None or not owner.fulfilled:
            continue
        if node.attempt is not None:
            owner.frame.attempts.append(node.id)
        elif node.hooked:
            continue
        elif owner.kind == "Steps":
            owner.frame.cursor = max(owner.frame.cursor, int(node.call[1]))
        elif node.item is not None:
            slot = 0 if owner.kind == "TaskGroup" else int(node.call[2])
            owner.frame.made.setdefault(slot, []).append(node.id)
    for node in state.nodes.values():
        if node.frame is not None and node.fulfilled:
            _in_order(state, node.frame)


def _in_order(state: State, frame: Frame) -> None:
    frame.attempts.sort(key=lambda key: state.nodes[key].attempt or 0)
    for made in frame.made.values():
        made.sort(key=lambda key: state.nodes[key].item or 0)


# ----------------------------------------------------------------------------------- counters


def _forget_counts(state: State) -> None:
    state.live, state.jobs, state.failed, state.daemons = {}, {}, [], {}
    state.parked = {}
    state.active_pods = state.done_units = state.all_units = 0
    for node in state.nodes.values():
        node.active = node.failed_children = node.hooks_open = 0
        node.placed = False


def _count(state: State, program: Program, node: Node) -> None:
    if node.phase not in FULFILLED:
        _count_live(state, program, node)
    elif node.phase in BAD:
        state.failed.append(node.id)
        if node.boundary is not None:
            state.nodes[node.boundary].failed_children += node.kind in COUNTED
    if node.hook_of is not None and not node.settled:
        state.nodes[node.hook_of].hooks_open += 1
    if node.kind in EXECUTABLE:
        done, _, every = node.progress.partition("/")
        state.done_units += int(done)
        state.all_units += int(every)


def _count_live(state: State, program: Program, node: Node) -> None:
    state.live[node.id] = True
    if node.stage and node.frame is not None:
        state.parked[node.id] = True
    if not node.stage:
        keeps = program.templates[node.template].kind if node.keeps_place else ""
        begin_work(state, program, node, keeps)


# ------------------------------------------------------------------------------------- frames


def rebuilt(state: State, program: Program, node: Node, owned: Sequence[Node]) -> Frame:
    """Return the frame of a node that waits for the nodes it owns and for those still to be made.

    The items of expanded loops are kept.
    """
    old = node.frame or Frame()
    frame = Frame(items=old.items, target=old.target, again=True)
    frame.open = sum(not item.settled for item in owned)
    match node.kind:
        case "Steps":
            _steps(frame, owned)
        case "StepGroup":
            boundary = state.nodes[node.boundary or node.id]
            count = len(program.templates[boundary.template].groups[int(node.call[1])])
            _step_group(frame, owned, count)
        case "DAG":
            frame.target = node.values.get("dag.target") or ""
            _dag(state, frame, node, dag_of(program, node))
        case "TaskGroup":
            _items(frame, 0, [item for item in owned if not item.hooked])
            frame.open += len(frame.queue)
        case "Retry":
            attempts = [item for item in owned if item.attempt is not None]
            frame.attempts = [item.id for item in sorted(attempts, key=_attempt)]
        case _:
            raise EngineBug(f"node {node.name} of kind {node.kind} waits for nobody")
    return frame


def _attempt(node: Node) -> int:
    return node.attempt or 0


def _steps(frame: Frame, groups: Sequence[Node]) -> None:
    """The queue of a Steps node is the groups before its last that have not ended (again)."""
    indexes = {int(group.call[1]): group for group in groups if group.kind == "StepGroup"}
    frame.cursor = max(indexes, default=-1)
    frame.queue = [
        (index, -1)
        for index, group in sorted(indexes.items())
        if index < frame.cursor and not group.settled
    ]


def _step_group(frame: Frame, owned: Sequence[Node], count: int) -> None:
    filled = {int(item.call[2]) for item in owned if not item.hooked and item.item is None}
    for index in range(count):
        if index in frame.items:
            of_step = [n for n in owned if not n.hooked and n.call[2] == index]
            _items(frame, index, of_step)
        elif index not in filled:
            frame.queue.append((index, -1))
    frame.open += len(frame.queue)


def _items(frame: Frame, slot: int, nodes: Sequence[Node]) -> None:
    """Take the items of a loop that have their nodes, and queue those that have not."""
    made = {node.item: node.id for node in nodes if node.item is not None}
    if made:
        frame.made[slot] = [made[item] for item in sorted(made)]
    missing: list[Slot] = [
        (slot, index) for index in range(len(frame.items.get(slot, ()))) if index not in made
    ]
    frame.queue += missing


def _dag(state: State, frame: Frame, node: Node, dag: Dag) -> None:
    plan = dag.plan(frame.target)
    tasks = {index: state.find(f"{node.name}.{dag.tasks[index].name}") for index in plan.wanted}
    frame.waits = list(plan.waits)
    for index, task in tasks.items():
        if task is not None:
            frame.waits[index] = _FILLED
            continue
        needs = (tasks[need] for need in dag.needs[index])
        frame.waits[index] = sum(need is None or not need.settled for need in needs)
        frame.open += 1
        if not frame.waits[index]:
            frame.queue.append((index, -1))
