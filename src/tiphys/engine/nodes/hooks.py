"""Life-cycle hooks and exit hooks of steps and tasks.

Looked at when the phase of their node changes; a fulfilled node is settled once its hooks are.
Source: reference/engine.md 6; argo workflow/controller/{hooks,exit_handler}.go.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tiphys.engine.binding import ArtifactNames
from tiphys.engine.calls import Place, add_error, invoke
from tiphys.engine.expressions import is_true
from tiphys.engine.phases import COMPLETED
from tiphys.engine.resolving import CallError, resolve_text
from tiphys.engine.scope import Names
from tiphys.engine.state import Node
from tiphys.errors import EngineBug
from tiphys.expr.template import LENIENT
from tiphys.messages import NodeSettled
from tiphys.program import Hook

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def react(run: Run, node: Node) -> None:
    """Fire the hooks whose time has come; settle the node when it and its hooks are over.

    In a Steps or DAG node that has ended none fires any more: its daemons end without theirs.
    """
    waits = False
    if _may_fire(run, node):
        for hook in run.call(node).hooks:
            waits |= not _consider(run, node, hook)
    if node.fulfilled and not (node.hooks_open or node.settled or waits):
        run.emit(NodeSettled(node=node.id))


def _may_fire(run: Run, node: Node) -> bool:
    ran = node.phase not in {"Skipped", "Omitted"} and node.kind != "Skipped"
    return ran and not run.is_within_ended(node)


def _consider(run: Run, node: Node, hook: Hook) -> bool:
    """Fire a hook if its time has come; return False if it has but there is no room."""
    place = _place(node, hook)
    if run.state.find(place.name) is not None:
        return True
    is_exit = hook.name == "exit"
    if is_exit and (node.phase not in COMPLETED or run.state.shutdown == "Terminate"):
        return True
    scope = run.frame_scope(run.node(node.boundary), run.viewer(node), node)
    try:
        if hook.expression is not None and not holds(run, hook, scope, place.name):
            return True
    except CallError as exc:
        add_error(run, place, exc.message)
        return True
    if not run.gates.has_room(run, node, run.node(node.boundary), hook.name):
        return False
    _fire(run, node, hook, place)
    return True


def holds(run: Run, hook: Hook, scope: Names, name: str) -> bool:
    """Return whether a hook's expression is true. Raises CallError."""
    if hook.expression is None:
        return True
    context = run.context(name)
    text = resolve_text(hook.expression, scope, LENIENT, context)
    return is_true(text, ArtifactNames(scope), context)


def _fire(run: Run, node: Node, hook: Hook, place: Place) -> None:
    boundary = run.node(node.boundary)
    resolved = hook.name == "exit" or node.outputs is not None
    scope: Names = run.own_scope(boundary)
    if resolved:
        scope = run.frame_scope(boundary, run.viewer(node), node)
    call = hook.call
    if hook.name == "exit" and call.inherits_arguments:
        entry = run.program.entry
        call = replace(call, parameters=entry.parameters, artifacts=entry.artifacts)
    invoke(run, call, place, scope, LENIENT)


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
