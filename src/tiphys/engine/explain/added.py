"""Why a node exists, and why one that was not to run did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiphys.engine.explain import words
from tiphys.engine.nodes.hook_scope import scope_of
from tiphys.engine.nodes.loop import EMPTY
from tiphys.engine.phases import BAD
from tiphys.engine.scope import Names
from tiphys.engine.state import Node
from tiphys.expr.depends import Condition
from tiphys.program import Dag, Hook, Retry

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def why_added(run: Run, node: Node) -> str:
    """Return why a node that was just added exists, and what it begins with."""
    said = f"added as {_place(run, node)}"
    match node.phase:
        case "Skipped":
            return f"{said}; skipped, because {_skipped(run, node)}"
        case "Omitted":
            return f"{said}; omitted"
        case "Error":
            return f"{said}; it cannot be made: {words.short(node.message)}"
        case "Failed":
            return f"{said}; it may not start any more: {words.short(node.message)}"
        case _:
            condition = _held(run, node)
            return f"{said}{condition}{_first(node)}"


def _first(node: Node) -> str:
    stages = {"lock": "its locks", "cache": "what its cache knows", "room": "a place"}
    return f"; before its work it waits for {stages[node.stage]}" if node.stage else ""


def _place(run: Run, node: Node) -> str:
    if node.attempt is not None:
        return _attempt(run, node)
    match node.call:
        case ("entry",):
            return f"the entry point, template {_template(run, node)}"
        case ("group", index):
            return _group(run, node, int(index))
        case ("step", group, _):
            return f"step {_call_name(run, node)} of group [{group}]{_item(run, node)}"
        case ("task", index):
            return _task(run, node, int(index))
        case ("hook", name):
            return _hook(run, node, str(name))
        case ("exit",):
            root = run.state.root
            return "the exit handler, because " + (
                "the workflow is over" if root is None else f"{words.result(root)}"
            )
        case _:
            return _container(run, node)


def _template(run: Run, node: Node) -> str:
    found = run.program.templates.get(node.template)
    return found.name or "without a name" if found is not None else "unknown"


def _call_name(run: Run, node: Node) -> str:
    return run.call(node).name


def _group(run: Run, node: Node, index: int) -> str:
    boundary = run.node(node.boundary)
    if not index:
        return f"the first group of {boundary.display_name}"
    before = run.state.find(f"{boundary.name}[{index - 1}]")
    children = [] if before is None else [run.node(key) for key in before.children]
    bad = [words.result(item) for item in children if item.phase in BAD and not item.hooked]
    despite = f", although {words.listed(bad)}: continueOn covers it" if bad else ""
    return f"group [{index}] of {boundary.display_name}, because [{index - 1}] succeeded{despite}"


def _item(run: Run, node: Node) -> str:
    if node.item is None:
        return ""
    owner = run.node(node.owner)
    frame = owner.frame
    slot = 0 if owner.kind == "TaskGroup" else int(node.call[2])
    count = len(frame.items[slot]) if frame is not None else 0
    return f", item {node.item + 1} of {count}: `{words.value(run.item(node))}`"


def _task(run: Run, node: Node, index: int) -> str:
    name = _call_name(run, node)
    if node.item is not None:
        return f"task {name}{_item(run, node)}"
    boundary = run.node(node.boundary)
    dag = run.template(boundary).dag
    condition = dag.depends[index] if dag is not None else None
    if dag is None or condition is None:
        return f"task {name}, which depends on no other"
    results = _results(run, boundary, dag, index)
    if node.phase == "Omitted":
        return f"task {name}, whose depends {_logic(condition)} does not hold: {results}"
    return f"task {name}, because its depends {_logic(condition)} holds: {results}"


def _logic(condition: Condition) -> str:
    return f"`{words.short(condition.logic)}`"


def _results(run: Run, boundary: Node, dag: Dag, index: int) -> str:
    found = (run.state.find(f"{boundary.name}.{dag.tasks[need].name}") for need in dag.needs[index])
    return words.listed((words.result(task) for task in found if task is not None), 8)


# -------------------------------------------------------------------------------------- hooks


def _hook(run: Run, node: Node, name: str) -> str:
    of = run.state.root if node.hook_of is None else run.node(node.hook_of)
    subject = run.state.name if of is None or node.hook_of is None else of.display_name
    hook = _declared(run, node, name)
    if name == "exit" and of is not None:
        because = f"{words.result(of)}"
    elif hook is None or hook.expression is None:
        because = "it has no expression"
    else:
        because = f"its expression {_expression(run, hook, node, of)} holds"
    if name == "exit" and hook is not None and hook.expression is not None:
        because += f" and its expression {_expression(run, hook, node, of)} holds"
    return f"hook {name} of {subject}, because {because}"


def _declared(run: Run, node: Node, name: str) -> Hook | None:
    hooks = run.program.hooks
    if node.hook_of is not None:
        hooks = run.call(run.node(node.hook_of)).hooks
    return next((hook for hook in hooks if hook.name == name), None)


def _expression(run: Run, hook: Hook, node: Node, of: Node | None) -> str:
    text = hook.expression
    if text is None:
        return ""
    scope: Names = run.globals()
    if node.hook_of is not None and of is not None:
        scope = scope_of(run, of, hook)
    return words.read_as(text.source, words.resolved(run, text, scope, node.name))


def _container(run: Run, node: Node) -> str:
    pod = run.node(node.boundary)
    plans = {plan.name: plan.needs for plan in run.template(pod).containers}
    needs = plans.get(node.container, ())
    after = f", which starts after {words.listed(needs)}" if needs else ""
    return f"container {node.container} of {pod.display_name}{after}"


# --------------------------------------------------------------------------------- conditions


def _held(run: Run, node: Node) -> str:
    """Return the `when` that let a node be made, "" without one."""
    if node.call[:1] not in (("step",), ("task",)) or node.attempt is not None:
        return ""
    if node.kind == "TaskGroup":
        return ""
    condition = _when(run, node)
    return f"; its when {condition} holds" if condition else ""


def _when(run: Run, node: Node) -> str:
    text = run.call(node).when
    if text is None:
        return ""
    found = words.resolved(run, text, run.caller_scope(node), node.name)
    return words.read_as(text.source, found)


def _skipped(run: Run, node: Node) -> str:
    if node.message == EMPTY:
        return "its loop has no items"
    condition = _when(run, node)
    return f"its when {condition} does not hold" if condition else words.short(node.message)


# ----------------------------------------------------------------------------------- attempts


def _attempt(run: Run, node: Node) -> str:
    owner = run.node(node.owner)
    strategy = run.template(node).retry
    limit = _limit(run, owner, strategy)
    if not node.attempt or strategy is None:
        most = "" if limit is None else f" of at most {int(limit) + 1}" if limit.isdecimal() else ""
        return f"the first attempt{most} at {owner.display_name}"
    attempts = owner.frame.attempts if owner.frame is not None else []
    last = run.node(attempts[-2])
    rules = ["no limit" if limit is None else f"limit {limit}", _policy(run, owner, strategy)]
    if strategy.expression is not None:
        text = strategy.expression
        found = words.resolved(run, text, run.own_scope(owner), owner.name)
        rules.append(f"expression {words.read_as(text.source, found)} holds")
    said = f"attempt {node.attempt + 1} at {owner.display_name}, because {words.result(last)}"
    return f"{said} and the retryStrategy says try again: {', '.join(rules)}"


def _limit(run: Run, owner: Node, strategy: Retry | None) -> str | None:
    if strategy is None or strategy.limit is None:
        return None
    return words.resolved(run, strategy.limit, run.own_scope(owner), owner.name)


def _policy(run: Run, owner: Node, strategy: Retry) -> str:
    found = ""
    if strategy.policy is not None:
        found = words.resolved(run, strategy.policy, run.own_scope(owner), owner.name)
    if found:
        return f"retryPolicy {found}"
    return f"retryPolicy {'OnFailure' if strategy.expression is None else 'Always'} (the default)"
