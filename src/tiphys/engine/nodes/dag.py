"""DAG nodes: tasks start when what they depend on is settled and says so.

A task waits for every task its condition mentions; the last of them to settle puts it on the
DAG's queue (`evolve`). Source: reference/engine.md 4; argo workflow/controller/dag.go.
"""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING

from tiphys.engine import outputs
from tiphys.engine.calls import Place, add_error, add_skipped
from tiphys.engine.ending import FAIL_FAST, finish, outbound_of
from tiphys.engine.gates import has_failed_fast
from tiphys.engine.nodes import loop
from tiphys.engine.nodes.steps import continues
from tiphys.engine.phases import BAD, COMPLETED
from tiphys.engine.resolving import CallError
from tiphys.engine.state import Node, Slot
from tiphys.expr.depends import TaskResults, task_results
from tiphys.expr.errors import DependsError
from tiphys.messages import NodeAdded, SlotsOpened
from tiphys.model.ids import NodeId
from tiphys.program import Call, Dag

if TYPE_CHECKING:
    from tiphys.engine.run import Run

OMITTED = "omitted: depends condition not met"


def react(run: Run, node: Node) -> None:
    """Start the tasks that may start; assess the DAG when no task is open."""
    frame = node.frame
    template = run.template(node)
    if frame is None or template.dag is None:
        return
    if has_failed_fast(run, node):
        if not node.active:
            finish(run, node, "Failed", FAIL_FAST, outbound=_outbound(run, node, template.dag))
        return
    if run.state.shutdown and not (node.on_exit and run.state.shutdown == "Stop"):
        _stop(run, node, template.dag)
        return
    while (slot := frame.next_slot()) is not None:
        if not _fill(run, node, template.dag, slot):
            return
    if not frame.open:
        _assess(run, node, template.dag)


def _stop(run: Run, node: Node, dag: Dag) -> None:
    """Under shutdown a DAG fails as soon as nothing of it runs any more."""
    frame = node.frame
    if frame is None:
        return
    plan = dag.plan(frame.target)
    for index in plan.wanted:
        found = run.state.find(f"{node.name}.{dag.tasks[index].name}")
        if found is not None and not found.settled:
            return
    finish(run, node, "Failed", outbound=_outbound(run, node, dag))


def _fill(run: Run, node: Node, dag: Dag, slot: Slot) -> bool:
    call = dag.tasks[slot[0]]
    place = Place(
        name=f"{node.name}.{call.name}",
        call=("task", slot[0]),
        owner=node.id,
        boundary=node.id,
        parents=_parents(run, node, dag, slot[0]),
        on_exit=node.on_exit,
    )
    condition = dag.depends[slot[0]]
    if condition is not None:
        try:
            holds = condition.evaluate(_results(run, node, dag, slot[0]))
        except DependsError as exc:
            add_error(run, place, exc.message)
            return True
        if not holds:
            add_skipped(run, place, "Omitted", OMITTED, call.target.key)
            return True
    scope = run.frame_scope(node, slot[0])
    if call.loop is None:
        return loop.fill(run, node, loop.Slot(call, place, scope, slot))
    return _expand(run, node, loop.Slot(call, place, scope, slot))


def _expand(run: Run, node: Node, slot: loop.Slot) -> bool:
    """Add the TaskGroup of a looped task, with its items."""
    try:
        items = loop.loop_items(run, slot)
        loop.check_items(run, slot, items or [])
    except CallError as exc:
        add_error(run, slot.place, exc.message)
        return True
    if items is None:
        plain = loop.without_loop(slot)
        return loop.fill(run, node, plain)
    if not items:
        add_skipped(run, slot.place, "Skipped", loop.EMPTY, slot.call.target.key)
        return True
    place = slot.place
    run.emit(
        NodeAdded(
            at=run.at,
            name=place.name,
            kind="TaskGroup",
            phase="Running",
            owner=node.id,
            boundary=node.id,
            parents=place.parents,
            call=place.call,
            template=slot.call.target.key,
            on_exit=node.on_exit,
            display_name=slot.call.name,
        )
    )
    run.emit(SlotsOpened(frame=run.state.id_of(place.name), slot=0, items=tuple(items)))
    return True


def _parents(run: Run, node: Node, dag: Dag, index: int) -> tuple[NodeId, ...]:
    if not dag.needs[index]:
        return (node.id,)
    found: dict[NodeId, bool] = {}
    for need in dag.needs[index]:
        for key in outbound_of(run, _task_node(run, node, dag.tasks[need])):
            found[key] = True
    return tuple(found)


def _task_node(run: Run, node: Node, call: Call) -> Node:
    return run.node(run.state.id_of(f"{node.name}.{call.name}"))


def _results(run: Run, node: Node, dag: Dag, index: int) -> dict[str, TaskResults]:
    found = {}
    for need in dag.needs[index]:
        task = _task_node(run, node, dag.tasks[need])
        if task.kind == "TaskGroup":
            children = (run.node(key) for key in task.children)
            phases = [child.phase for child in children if not child.hooked]
            results = task_results(task.phase, task.daemoned, phases)
        else:
            results = _plain_results(task.phase, task.daemoned)
        found[dag.tasks[need].name] = results
    return found


_plain_results = lru_cache(maxsize=32)(task_results)
"""Of a task without a loop: there are few, and each is asked for often."""


# --------------------------------------------------------------------------------- assessing


def _outbound(run: Run, node: Node, dag: Dag) -> tuple[NodeId, ...]:
    """Return what follows hangs on, of a DAG of which not every target need be there."""
    found = (
        run.state.find(f"{node.name}.{dag.tasks[index].name}") for index in _targets(node, dag)
    )
    return _outbound_of(run, [task for task in found if task is not None])


def _outbound_of(run: Run, tasks: list[Node]) -> tuple[NodeId, ...]:
    return tuple({key: True for task in tasks for key in outbound_of(run, task)})


def _targets(node: Node, dag: Dag) -> tuple[int, ...]:
    return dag.plan(node.frame.target if node.frame else "").targets


def _assess(run: Run, node: Node, dag: Dag) -> None:
    tasks = [_task_node(run, node, dag.tasks[index]) for index in _targets(node, dag)]
    phase = _phase(run, node, dag, tasks)
    outbound = _outbound_of(run, tasks)
    if phase in BAD:
        finish(run, node, phase, outbound=outbound)
        return
    try:
        yielded = outputs.of_frame(run, node)
    except CallError as exc:
        finish(run, node, "Error", exc.message, outbound=outbound)
        return
    finish(run, node, "Succeeded", outputs=yielded, outbound=outbound)


def _phase(run: Run, node: Node, dag: Dag, tasks: list[Node]) -> str:
    """Return a DAG's phase from its targets: 4.4, for a DAG in which every target was reached."""
    reached: dict[NodeId, str] = {}
    if any(task.phase not in COMPLETED for task in tasks):
        reached = _branch_phases(run, node, {task.id for task in tasks})
    verdict = "Succeeded"
    for index, task in zip(_targets(node, dag), tasks, strict=True):
        phase = task.phase if task.phase in COMPLETED else reached.get(task.id, "Succeeded")
        if phase in BAD and not _neutral(dag.tasks[index], task, phase):
            verdict = phase
            if dag.fail_fast:
                return verdict
    return verdict


def _neutral(call: Call, task: Node, phase: str) -> bool:
    if task.phase == phase:
        return continues(call, task)
    return (call.continue_failed and phase == "Failed") or (
        call.continue_error and phase == "Error"
    )


def _branch_phases(run: Run, node: Node, targets: set[NodeId]) -> dict[NodeId, str]:
    """Return the worst phase with which a walk from the DAG reaches each target.

    A skipped or omitted node hands on the phase it was reached with.
    Source: argo workflow/controller/dag.go, assessDAGPhase.
    """
    found: dict[NodeId, str] = {}
    work = deque((key, "Succeeded") for key in node.children)
    seen: set[tuple[NodeId, str]] = set()
    while work:
        key, phase = work.popleft()
        if (key, phase) in seen:
            continue
        seen.add((key, phase))
        child = run.node(key)
        if child.phase in COMPLETED:
            phase = child.phase
        if key in targets and found.get(key) not in BAD:
            found[key] = phase
        work.extend((follower, phase) for follower in _followers(run, child))
    return found


def _followers(run: Run, node: Node) -> list[NodeId]:
    if node.kind != "Retry":
        return node.children
    hooks = [key for key in node.children if run.node(key).hooked]
    attempts = node.frame.attempts if node.frame else []
    return hooks + [key for attempt in attempts for key in run.node(attempt).children]
