"""Which node decided the phase of another: the chain from a verdict down to its cause.

A cause explains the phase it caused: whatever gave the verdict is asked the same way round, and a
node that is so for a reason of its own has no cause below it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tiphys.engine.calls import TOO_DEEP
from tiphys.engine.ending import FAIL_FAST, outbound_of
from tiphys.engine.nodes.steps import continues
from tiphys.engine.phases import BAD
from tiphys.engine.state import Node
from tiphys.program import Dag

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def first(run: Run) -> Node | None:
    """Return the node that makes a workflow fail, None if none does."""
    for node in (run.state.root, run.state.find(f"{run.state.name}.onExit")):
        if node is not None and node.phase in BAD:
            is_so = not run.state.done or run.state.phase == node.phase
            return node if is_so else None
    return None


def chain(run: Run, node: Node | None) -> list[Node]:
    """Return a node that failed, the one it failed for, and so on down to the cause."""
    if node is None or node.phase not in BAD:
        return []
    found: list[Node] = []
    while node is not None and len(found) < len(run.state.nodes):
        found.append(node)
        node = below(run, node)
    return found


def below(run: Run, node: Node) -> Node | None:
    """Return the node for which `node` is Failed or Error, None if it is so by itself."""
    if node.phase not in BAD:
        return None
    owners = _children(run, node) if node.kind == "StepGroup" else [node]
    return _hook_at_fault(run, node, owners) or _child_at_fault(run, node)


def _hook_at_fault(run: Run, node: Node, owners: Iterable[Node]) -> Node | None:
    """Return the hook that could not be run, if that is what makes a node an Error."""
    for child in (child for owner in owners for child in _children(run, owner)):
        could_not = child.hooked and child.kind == "Skipped" and child.phase == "Error"
        if could_not and node.phase == "Error" and child.message == node.message:
            return child
    return None


def _child_at_fault(run: Run, node: Node) -> Node | None:
    match node.kind:
        case "StepGroup":
            return _of_group(run, node)
        case "Steps":
            return _of_steps(run, node)
        case "DAG":
            dag = run.template(node).dag
            return None if dag is None else _of_dag(run, node, dag)
        case "TaskGroup":
            items = [child for child in _children(run, node) if not child.hooked]
            return next(_as_bad(node, reversed(items)), None)
        case "Retry":
            attempts = node.frame.attempts if node.frame is not None else []
            return next(_as_bad(node, (run.node(key) for key in attempts[-1:])), None)
        case "Pod":
            return next(_as_bad(node, _containers(run, node)), None)
        case _:
            return None


def _as_bad(node: Node, others: Iterable[Node]) -> Iterator[Node]:
    return (other for other in others if other.phase == node.phase)


def _children(run: Run, node: Node) -> list[Node]:
    return [run.node(key) for key in node.children]


def _containers(run: Run, node: Node) -> Iterator[Node]:
    """Return the containers of a set as they are declared: a pod ends as the first that failed."""
    for plan in run.template(node).containers:
        found = run.state.find(f"{node.name}.{plan.name}")
        if found is not None:
            yield found


def _of_steps(run: Run, node: Node) -> Node | None:
    """Return the group that ended a Steps node: such a node is Failed, even by one in Error."""
    if node.phase != "Failed":
        return None
    for index in range(len(run.template(node).groups)):
        group = run.state.find(f"{node.name}[{index}]")
        if group is not None and group.phase in BAD:
            return group
    return None


def _of_group(run: Run, group: Node) -> Node | None:
    """Return the step that ended a group.

    A call that could not be made makes it an Error; any other failure makes it Failed.
    """
    boundary = run.node(group.boundary)
    if group.message == FAIL_FAST:
        return next(_failed_within(run, boundary), None)
    children = [child for child in _children(run, group) if child.phase in BAD and not child.hooked]
    if group.phase == "Error":
        return next((child for child in children if _was_not_made(child)), None)
    calls = run.template(boundary).groups[int(group.call[1])]
    for child in children:
        is_step = child.call[:2] == ("step", group.call[1])
        if not is_step or not continues(calls[int(child.call[2])], child):
            return child
    return None


def _was_not_made(child: Node) -> bool:
    return child.kind == "Skipped" and child.message != TOO_DEEP


def _of_dag(run: Run, node: Node, dag: Dag) -> Node | None:
    """Return the task that ended a DAG: the first of its targets (without failFast the last).

    A target that did not run is as bad as what it was skipped after.
    """
    if node.message == FAIL_FAST:
        return next(_failed_within(run, node), None)
    if node.message:
        return None
    targets = dag.plan(node.frame.target if node.frame is not None else "").targets
    for index in targets if dag.fail_fast else reversed(targets):
        call, task = dag.tasks[index], _task(run, node, dag, index)
        if task is None or task.phase in {"Skipped", "Omitted"}:
            cause = _skipped_after(run, node, dag, index)
            if cause is not None:
                return cause
        elif task.phase == node.phase and not continues(call, task):
            return task
    return None


def _task(run: Run, node: Node, dag: Dag, index: int) -> Node | None:
    return run.state.find(f"{node.name}.{dag.tasks[index].name}")


def _skipped_after(run: Run, node: Node, dag: Dag, index: int) -> Node | None:
    """Return the nearest node before a task that did not run which is as bad as the DAG.

    It may lie within a task that succeeded: a follower hangs on what is last of that.
    """
    seen: set[int] = set()
    work = [*dag.needs[index]]
    while work:
        need = work.pop(0)
        if need in seen:
            continue
        seen.add(need)
        task = _task(run, node, dag, need)
        if task is None or task.phase in {"Skipped", "Omitted"}:
            work += dag.needs[need]
            continue
        last = (run.node(key) for key in outbound_of(run, task))
        cause = next(_as_bad(node, (task, *last)), None)
        if cause is not None:
            return cause
    return None


def _failed_within(run: Run, boundary: Node) -> Iterator[Node]:
    """Return the failed nodes of a template in the order in which they failed."""
    nodes = (run.node(key) for key in run.state.failed)
    return (
        node
        for node in nodes
        if node.boundary == boundary.id and node.kind in {"Pod", "Steps", "DAG"}
    )
