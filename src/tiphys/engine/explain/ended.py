"""Why a node ended as it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiphys.engine.explain import words
from tiphys.engine.explain.decisive import below
from tiphys.engine.nodes.suspend import ends_at
from tiphys.engine.phases import BAD
from tiphys.engine.resolving import CallError
from tiphys.engine.state import Node
from tiphys.messages import NodeDone

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def why_ended(run: Run, node: Node, event: NodeDone) -> str:
    """Return how a node that has just ended did so, and why."""
    left = "" if event.settled else "; its job is being stopped"
    return f"{node.phase}, {_because(run, node, event)}{left}"


def _because(run: Run, node: Node, event: NodeDone) -> str:
    if node.memo is not None and node.memo.hit:
        return f"because cache {node.memo.cache} knew its outputs under `{node.memo.key}`"
    if event.usage is not None:
        return f"because its job ended so{_said(node)}"
    cause = below(run, node)
    if cause is not None:
        return f"because {words.result(cause)}{_added(node, cause)}"
    if node.phase in BAD:
        return f"because: {words.short(node.message)}" if node.message else _silently(run)
    return _succeeded(run, node)


def _said(node: Node) -> str:
    return f": {words.short(node.message)}" if node.message else ""


def _added(node: Node, cause: Node) -> str:
    """Return what a node's own message says beyond its cause's."""
    if not node.message or node.message == cause.message or cause.id in node.message:
        return ""
    count = len(node.frame.attempts) if node.frame is not None else 0
    tried = f" after {words.counted(count, 'attempt')}" if node.kind == "Retry" else ""
    return f"; {words.short(node.message)}{tried}"


def _silently(run: Run) -> str:
    if run.state.shutdown:
        return f"because the workflow is being stopped (strategy {run.state.shutdown})"
    return "because its work ended so"


def _succeeded(run: Run, node: Node) -> str:
    match node.kind:
        case "Suspend":
            return _resumed(run, node)
        case "Retry":
            count = len(node.frame.attempts) if node.frame is not None else 0
            return f"because attempt {count} of it did"
        case "StepGroup" | "TaskGroup" | "Steps" | "DAG":
            return _all_over(run, node)
        case "Pod" | "HTTP" | "Plugin":  # a daemon: a job that ends by itself was told above
            return "because what it served is over"
        case _:
            return "because its work ended so"


def _resumed(run: Run, node: Node) -> str:
    try:
        until = ends_at(run, node)
    except CallError:
        until = None
    if until is not None and node.finished_at >= until:
        return "because its time was over"
    return f"because someone resumed it{_said(node)}"


def _all_over(run: Run, node: Node) -> str:
    children = [run.node(key) for key in node.children]
    bad = [words.result(item) for item in children if item.phase in BAD and not item.hooked]
    despite = f", although {words.listed(bad)}" if bad else ""
    return f"because nothing of it is left to do{despite}"
