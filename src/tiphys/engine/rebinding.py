"""Inputs resolved anew for nodes that go on, when a retry gave the workflow other parameters.

A node's inputs are resolved once, when it is added. Argo resolves them at every pass, so what a
Steps or DAG node makes after a retry sees the new parameters; so it does here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiphys.engine.binding import Caller, bind, pass_arguments
from tiphys.engine.ending import finish
from tiphys.engine.resolving import CallError
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
        if node.kind not in {"Steps", "DAG", "Retry"} or node.hooked or node.fulfilled:
            continue
        try:
            inputs = _inputs(run, node)
        except CallError as exc:
            finish(run, node, "Error", exc.message)
            continue
        if inputs != node.inputs:
            run.emit(NodeRebound(node=node.id, inputs=inputs))


def _inputs(run: Run, node: Node) -> Inputs:
    if node.attempt is not None:
        return run.node(node.owner).inputs
    scope = run.globals() if node.boundary is None else run.caller_scope(node)
    passed = pass_arguments(run.call(node), Caller(run, scope, LENIENT, node.name))
    return bind(run.template(node), passed, Caller(run, run.globals(), LENIENT, node.name))
