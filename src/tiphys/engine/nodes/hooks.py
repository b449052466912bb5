"""Life-cycle hooks and exit hooks of steps and tasks.

Looked at when the phase of their node changes; a fulfilled node is settled once its hooks are.
Source: reference/engine.md 6; argo workflow/controller/{hooks,exit_handler}.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from tiphys.engine import daemons
from tiphys.engine.binding import ArtifactNames
from tiphys.engine.calls import Place, add_error, invoke
from tiphys.engine.expressions import is_true
from tiphys.engine.gates import has_failed_fast
from tiphys.engine.nodes.hook_scope import others, plain_scope_of, scope_of
from tiphys.engine.phases import COMPLETED
from tiphys.engine.resolving import CallError, resolve_text
from tiphys.engine.scope import Names
from tiphys.engine.state import Node
from tiphys.errors import EngineBug
from tiphys.expr.template import LENIENT, Mode, strict_prefix
from tiphys.messages import NodePhaseChanged, NodeSettled
from tiphys.program import Hook

if TYPE_CHECKING:
    from tiphys.engine.run import Run

_OF_ITEM: Mode = strict_prefix("item")


def react(run: Run, node: Node) -> None:
    """Fire the hooks whose time has come; settle the node when it and its hooks are over.

    In a Steps or DAG node that has ended, or failed fast, none fires any more: daemons end without
    theirs.
    """
    waits = False
    may_fire = _may_fire(run, node)
    if may_fire:
        for hook in run.hooks(node):
            waits |= not _consider(run, node, hook) or _may_hold_yet(run, node, hook)
    if node.fulfilled and not (node.hooks_open or node.settled or waits):
        if may_fire and node.call[0] == "task":
            bear(run, node, fault(run, node))
        run.emit(NodeSettled(node=node.id))


def _may_fire(run: Run, node: Node) -> bool:
    ran = node.phase not in {"Skipped", "Omitted"} and node.kind != "Skipped"
    boundary = run.node(node.boundary)
    return ran and not boundary.fulfilled and not has_failed_fast(run, boundary)


def _consider(run: Run, node: Node, hook: Hook) -> bool:
    """Fire a hook if its time has come; return False if it has but there is no room."""
    place = _place(node, hook)
    if run.state.find(place.name) is not None:
        return True
    is_exit = hook.name == "exit"
    if is_exit and (node.phase not in COMPLETED or run.state.shutdown == "Terminate"):
        return True
    try:
        if not holds(run, hook, scope_of(run, node, hook), place.name, _mode(node)):
            return True
    except CallError as exc:
        add_error(run, place, exc.message)
        return True
    if not run.gates.has_room(run, node, run.node(node.boundary), hook.name):
        return False
    _fire(run, node, hook, place)
    return True


def holds(run: Run, hook: Hook, scope: Names, name: str, mode: Mode = LENIENT) -> bool:
    """Return whether a hook's expression is true. Raises CallError."""
    if hook.expression is None:
        return True
    context = run.context(name)
    text = resolve_text(hook.expression, scope, mode, context)
    return is_true(text, ArtifactNames(scope), context)


def _may_hold_yet(run: Run, node: Node, hook: Hook) -> bool:
    """Return whether a hook of an ended step, not fired yet, reads what has not ended."""
    if not hook.others or node.call[0] != "step" or run.state.find(_place(node, hook).name):
        return False
    return any(step is None or not step.fulfilled for step in others(run, node, hook).values())


def _mode(node: Node) -> Mode:
    return LENIENT if node.item is None else _OF_ITEM


def _fire(run: Run, node: Node, hook: Hook, place: Place) -> None:
    resolved = hook.name == "exit" or node.outputs is not None
    scope = scope_of(run, node, hook) if resolved else plain_scope_of(run, node)
    call = hook.call
    if hook.name == "exit" and call.inherits_arguments:
        entry = run.program.entry
        call = replace(call, parameters=entry.parameters, artifacts=entry.artifacts)
    invoke(run, call, place, scope, _mode(node))


def _place(node: Node, hook: Hook) -> Place:
    is_exit = hook.name == "exit"
    return Place(
        name=f"{node.name}.onExit" if is_exit else f"{node.name}.hooks.{hook.name}",
        call=("hook", hook.name),
        owner=node.owner,
        boundary=node.boundary,
        parents=(node.id,),
        hooked=True,
        hook_of=node.id,
        on_exit=node.on_exit or is_exit,
    )


def find(run: Run, node: Node, name: str) -> Hook:
    """Return the hook a hook node (or an attempt of one) was made for."""
    if node.attempt is not None:
        node = run.node(node.owner)
    declared = run.program.hooks
    if node.hook_of is not None:
        declared = run.call(run.node(node.hook_of)).hooks
    for hook in declared:
        if hook.name == name:
            return hook
    raise EngineBug(f"there is no hook {name} for node {node.name}")


# ----------------------------------------------------------------------------- those that cannot


def fault(run: Run, node: Node) -> str:
    """Return why a hook of a step or task could not be run, "" if each that fired could."""
    found = (run.state.find(_place(node, hook).name) for hook in run.hooks(node))
    return fault_among(found)


def fault_among(nodes: Iterable[Node | None]) -> str:
    """Return why the first hook that could not be run could not, "" if there is none."""
    for node in nodes:
        if node is not None and node.kind == "Skipped" and node.phase == "Error":
            return node.message
    return ""


def bear(run: Run, node: Node, message: str) -> None:
    """Have a fulfilled node end as Error for a hook that could not be run; "" is none.

    Differs: in Argo it is Error at once, whatever still runs.
    Source: argo workflow/controller/dag.go, executeDAGTask; reference/engine.md 6.2, 6.4.4.
    """
    if not message or node.phase == "Error":
        return
    if node.daemoned:
        daemons.end(run, node, "Error", message)
    else:
        run.emit(NodePhaseChanged(at=run.at, node=node.id, phase="Error", message=message))
