"""What a hook of a step or task may refer to.

Source: reference/engine.md 3.6.3, 6.4; argo workflow/controller/{hooks,exit_handler}.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiphys.engine.scope import GivenScope, ItemScope, Names
from tiphys.engine.state import Node
from tiphys.program import Hook

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def scope_of(run: Run, node: Node, hook: Hook) -> Names:
    """Return what a hook of a node may refer to: what it may itself, its status, its outputs.

    A step's expression may name the status of others of its group too.
    """
    scope: Names = run.frame_scope(run.node(node.boundary), run.viewer(node), node)
    if node.call[0] == "step" and hook.others:
        found = others(run, node, hook).items()
        values = {f"steps.{name}.status": step.phase if step else "Pending" for name, step in found}
        scope = GivenScope(values, scope)
    return _with_item(run, node, scope)


def plain_scope_of(run: Run, node: Node) -> Names:
    """Return what the arguments of a hook may refer to while its node has no outputs."""
    return _with_item(run, node, run.own_scope(run.node(node.boundary)))


def others(run: Run, node: Node, hook: Hook) -> dict[str, Node | None]:
    """Return the other steps of a step's group that a hook asks about; None has not begun."""
    group = run.node(node.owner)
    calls = run.template(run.node(group.boundary)).groups[int(group.call[1])]
    to_come = {call.name for call in calls if call.loop is None}
    steps = {name: run.state.find(f"{group.name}.{name}") for name in hook.others}
    return {name: step for name, step in steps.items() if step or name in to_come}


def _with_item(run: Run, node: Node, scope: Names) -> Names:
    return scope if node.item is None else ItemScope(run.item(node), scope)
