"""Inputs resolved anew for nodes that go on, when a retry gave the workflow other parameters.

A node's inputs, and a DAG's target, are resolved once, when it is added. Argo resolves them
at every pass, so what a Steps or DAG node makes after a retry sees the new parameters; so it does
here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tiphys.engine.binding import Caller, bind, pass_arguments
from tiphys.engine.ending import finish
from tiphys.engine.resolving import CallError, resolve_text
from tiphys.engine.scope import NodeScope
from tiphys.engine.state import Node
from tiphys.expr.template import LENIENT
from tiphys.messages import NodeRebound
from tiphys.model.arguments import Inputs

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def rebind(run: Run) -> None:
    """Resolve the inputs of all nodes that go on, outer ones first."""
    for key in [*run.state.live]:
        node = run.state.nodes[key]
        if node.kind not in {"Steps", "DAG", "Retry"} or node.fulfilled:
            continue
        try:
            inputs = node.inputs if node.hooked else _inputs(run, node)
            target = _target(run, node, inputs)
        except CallError as exc:
            finish(run, node, "Error", exc.message)
            continue
        if inputs != node.inputs or target is not None:
            run.emit(NodeRebound(node=node.id, inputs=inputs, target=target))


def _inputs(run: Run, node: Node) -> Inputs:
    if node.attempt is not None:
        return run.node(node.owner).inputs
    scope = run.globals() if node.boundary is None else run.caller_scope(node)
    passed = pass_arguments(run.call(node), Caller(run, scope, LENIENT, node.name))
    return bind(run.template(node), passed, Caller(run, run.globals(), LENIENT, node.name))


def _target(run: Run, node: Node, inputs: Inputs) -> str | None:
    """Return a DAG's target list as it reads now, None if it is what it was. Raises CallError."""
    dag = run.template(node).dag
    if node.kind != "DAG" or dag is None or dag.target is None:
        return None
    anew = msgspec.structs.replace(node, inputs=inputs)
    names = NodeScope(run.state, anew, run.template(node), run.globals())
    found = resolve_text(dag.target, names, LENIENT, run.context(node.name))
    return None if found == node.values.get("dag.target") else found
