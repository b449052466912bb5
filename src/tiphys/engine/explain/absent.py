"""Steps, tasks and hooks that a workflow declares and that have no node (yet): why not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tiphys.engine.ending import FAIL_FAST
from tiphys.engine.evolve_nodes import has_hooks
from tiphys.engine.explain import decisive, words
from tiphys.engine.gates import has_failed_fast
from tiphys.engine.nodes.hook_scope import scope_of
from tiphys.engine.phases import BAD
from tiphys.engine.scope import name_within
from tiphys.engine.state import Node
from tiphys.program import Dag, Hook

if TYPE_CHECKING:
    from tiphys.engine.run import Run

_TERMINATED = "the workflow was terminated, which runs no exit handlers"


@dataclass(frozen=True, slots=True)
class Absent:
    """A step, task or hook without a node. `name` is the name its node would have."""

    name: str
    display_name: str
    reason: str


def absent(run: Run) -> Iterator[Absent]:
    """Yield every step, task and hook, of what was begun, that has no node."""
    yield from _exit(run)
    for node in run.state.nodes.values():
        if has_hooks(run.program, run.state, node):
            yield from _hooks(run, node)
        if node.frame is None or node.template not in run.program.templates:
            continue
        dag = run.template(node).dag
        if node.kind == "DAG" and dag is not None:
            yield from _tasks(run, node, dag)
        elif node.kind == "Steps":
            yield from _steps(run, node)


def _tasks(run: Run, node: Node, dag: Dag) -> Iterator[Absent]:
    plan = dag.plan(node.frame.target if node.frame is not None else "")
    wanted = frozenset(plan.wanted)
    for index, call in enumerate(dag.tasks):
        name = f"{node.name}.{call.name}"
        if run.state.find(name) is None:
            said = _task(run, node, dag, index) if index in wanted else _unwanted(node)
            yield Absent(name, call.name, said)


def _unwanted(node: Node) -> str:
    target = node.frame.target if node.frame is not None else ""
    return f"it will not run: the target of {node.display_name} is `{target}`, which needs it not"


def _task(run: Run, node: Node, dag: Dag, index: int) -> str:
    condition = dag.depends[index]
    open_tasks = []
    for need in dag.needs[index]:
        task = run.state.find(f"{node.name}.{dag.tasks[need].name}")
        if task is None or not task.settled:
            stands = "not begun" if task is None else task.phase
            open_tasks.append(f"{dag.tasks[need].name} ({stands})")
    if node.fulfilled:
        return _too_late(run, node)
    if condition is not None and open_tasks:
        logic = f"`{words.short(condition.logic)}`"
        return f"it has not begun: its depends {logic} waits for {words.listed(open_tasks, 8)}"
    return f"it has not begun: {_held_up(run, node)}"


def _steps(run: Run, node: Node) -> Iterator[Absent]:
    cursor = node.frame.cursor if node.frame is not None else -1
    for number, group in enumerate(run.template(node).groups):
        for call in group:
            name = f"{node.name}[{number}].{call.name}"
            if run.state.find(name) is None and not _is_expanded(run, node, number, call.name):
                yield Absent(name, call.name, _step(run, node, number, cursor))


def _is_expanded(run: Run, node: Node, number: int, step: str) -> bool:
    group = run.state.find(f"{node.name}[{number}]")
    children = group.children if group is not None else []
    prefix = f"{node.name}[{number}].{step}("
    return any(run.node(key).name.startswith(prefix) for key in children)


def _step(run: Run, node: Node, number: int, cursor: int) -> str:
    if node.fulfilled:
        return _too_late(run, node)
    if number <= cursor:
        group = run.state.find(f"{node.name}[{number}]")
        return f"it has not begun: {_held_up(run, group or node)}"
    present = run.state.find(f"{node.name}[{cursor}]")
    children = [] if present is None else [run.node(key) for key in present.children]
    going = [words.result(item) for item in children if not item.settled or item.phase in BAD]
    waits = f" ({words.listed(going)})" if going else ""
    starts = f"group [{number}] starts when [{number - 1}] succeeded"
    return f"it has not begun: {starts}; now [{cursor}] runs{waits}"


# -------------------------------------------------------------------------------------- hooks


def _exit(run: Run) -> Iterator[Absent]:
    name = f"{run.state.name}.onExit"
    if run.program.on_exit is None or run.state.find(name) is not None:
        return
    if not run.state.done:
        yield Absent(name, name, "it has not begun: an exit handler runs when all else is over")
    elif run.state.shutdown == "Terminate":
        yield Absent(name, name, f"it did not run: {_TERMINATED}")
    else:
        yield Absent(name, name, "it did not run: the workflow never began")


def _hooks(run: Run, node: Node) -> Iterator[Absent]:
    for hook in run.hooks(node):
        is_exit = hook.name == "exit"
        name = f"{node.name}.onExit" if is_exit else f"{node.name}.hooks.{hook.name}"
        if run.state.find(name) is None:
            shown = name_within(run.node(node.boundary).name, name)
            yield Absent(name, shown, _hook(run, node, hook))


def _hook(run: Run, node: Node, hook: Hook) -> str:
    is_exit = hook.name == "exit"
    if node.phase in {"Skipped", "Omitted"} or node.kind == "Skipped":
        return f"it does not run: {node.display_name} did not run itself"
    if is_exit and run.state.shutdown == "Terminate":
        return f"it does not run: {_TERMINATED}"
    if has_failed_fast(run, run.node(node.boundary)):
        return f"it does not run: {FAIL_FAST}"
    if is_exit and not node.fulfilled:
        return f"it has not begun: it runs when {node.display_name} is over"
    if node.id in run.state.hook_waits:
        return f"it has not begun: it is {run.state.hook_waits[node.id]}"
    text = hook.expression
    if text is None:
        return f"it has not begun: {_held_up(run, node)}"
    scope = scope_of(run, node, hook)
    shown = words.read_as(text.source, words.resolved(run, text, scope, node.name)).rstrip(",")
    if node.settled:
        return f"it did not run: its expression {shown} never held"
    return f"it has not begun: its expression {shown} does not hold"


def _too_late(run: Run, node: Node) -> str:
    chain = decisive.chain(run, node) or [node]
    return f"it never ran, because {words.full_result(chain[-1])}"


def _held_up(run: Run, frame: Node) -> str:
    if frame.id in run.state.waits:
        return f"{frame.display_name} is {run.state.waits[frame.id]}"
    if run.state.suspend:
        return "the workflow is suspended"
    return "its turn has not come"
