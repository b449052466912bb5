"""Daemons: nodes that serve, count as fulfilled meanwhile, and end with what they serve.

Source: reference/engine.md 7.2; argo workflow/controller/operator.go, killDaemonedChildren.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiphys.engine.ending import kill
from tiphys.engine.state import Node
from tiphys.messages import DaemonReady
from tiphys.model.ids import NodeId

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def ready(run: Run, node: Node, ip: str) -> None:
    """A daemon serves; said again only when it serves somewhere else."""
    if not node.daemoned or node.pod_ip != ip:
        run.emit(DaemonReady(at=run.at, node=node.id, ip=ip))


def end_within(run: Run, boundary: NodeId | None) -> None:
    """End the daemons of a Steps or DAG node that ended (None: of the workflow itself)."""
    for key in [*run.state.daemons]:
        node = run.state.nodes[key]
        if node.boundary == boundary and node.daemoned:
            end(run, node, "Succeeded", "", at=0.0)


def end(run: Run, node: Node, phase: str, message: str, at: float | None = None) -> None:
    """End a daemon; `at` is when it is said to have ended, now by default."""
    for key in node.frame.attempts if node.frame is not None else ():
        attempt = run.node(key)
        if not attempt.fulfilled:  # the next attempt of a daemon that died
            kill(run, attempt, "Failed", "")
    kill(run, node, phase, message, at=at)
