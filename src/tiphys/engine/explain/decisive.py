"""Which node decided the phase of another: the chain from a verdict down to its cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiphys.engine.ending import FAIL_FAST
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
            return node
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
    match node.kind:
        case "StepGroup":
            return _of_group(run, node)
        case "Steps":
            return _of_steps(run, node)
        case "DAG":
            dag = run.template(node).dag
            return None if dag is None else _of_dag(run, node, dag)
        case "TaskGroup":
            return _last_bad(run, node)
        case "Retry":
            last = run.node(node.frame.attempts[-1]) if node.frame and node.frame.attempts else None
            return last if last is not None and last.phase in BAD else None
        case "Pod":
            return _last_bad(run, node, "Container")
        case _:
            return None


def _of_steps(run: Run, node: Node) -> Node | None:
    cursor = node.frame.cursor if node.frame is not None else -1
    group = run.state.find(f"{node.name}[{cursor}]")
    return group if group is not None and group.phase in BAD else None


def _of_group(run: Run, group: Node) -> Node | None:
    children = [run.node(key) for key in group.children]
    if group.message == FAIL_FAST:
        children = _failed_within(run, run.node(group.boundary))
    calls = run.template(run.node(group.boundary)).groups[int(group.call[1])]
    for child in children:
        never_made = child.kind == "Skipped" and child.phase == "Error"
        if never_made and group.phase == "Error":
            return child
    for child in children:
        is_step = child.call[:2] == ("step", group.call[1])
        if child.phase not in BAD or child.hooked:
            continue
        if not is_step or not continues(calls[int(child.call[2])], child):
            return child
    return None


def _of_dag(run: Run, node: Node, dag: Dag) -> Node | None:
    if node.message == FAIL_FAST:
        return next(iter(_failed_within(run, node)), None)
    plan = dag.plan(node.frame.target if node.frame is not None else "")
    seen: set[int] = set()
    work = [*plan.targets]
    while work:
        index = work.pop(0)
        if index in seen:
            continue
        seen.add(index)
        call = dag.tasks[index]
        task = run.state.find(f"{node.name}.{call.name}")
        if task is None or task.phase in {"Skipped", "Omitted"}:
            work += dag.needs[index]  # what it was skipped after decides
        elif task.phase in BAD and not continues(call, task):
            return task
    return None


def _failed_within(run: Run, boundary: Node) -> list[Node]:
    """Return the failed nodes of a template in the order in which they failed."""
    nodes = (run.node(key) for key in run.state.failed)
    return [
        node
        for node in nodes
        if node.boundary == boundary.id and node.kind in {"Pod", "Steps", "DAG"}
    ]


def _last_bad(run: Run, node: Node, kind: str = "") -> Node | None:
    children = [run.node(key) for key in node.children]
    bad = [
        child
        for child in children
        if child.phase in BAD and not child.hooked and (not kind or child.kind == kind)
    ]
    return bad[-1] if bad else None
