"""Ending a node, and where its followers hang.

Source: reference/engine.md 1.9; argo workflow/controller/operator.go, getOutboundNodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from tiphys.engine.state import Node
from tiphys.messages import ClearTimer, NodeDone, Phase, StopJob
from tiphys.model.arguments import Outputs
from tiphys.model.ids import NodeId

if TYPE_CHECKING:
    from tiphys.engine.run import Run

FAIL_FAST = "template has failed or errored children and failFast enabled"
GRACE_SECONDS = 30.0
"""Between SIGTERM and SIGKILL, as a pod's terminationGracePeriodSeconds."""


def finish(
    run: Run,
    node: Node,
    phase: str,
    message: str = "",
    *,
    outputs: Outputs | None = None,
    outbound: tuple[NodeId, ...] = (),
) -> None:
    """End a node for good."""
    run.emit(
        NodeDone(
            at=run.at,
            node=node.id,
            phase=cast(Phase, phase),
            message=message,
            outputs=outputs,
            outbound=outbound,
        )
    )


def kill(run: Run, node: Node, phase: str, message: str, at: float | None = None) -> None:
    """End a node now (or as of `at`; 0.0 leaves its end unsaid), and its job soon."""
    has_job = node.id in run.state.jobs
    run.emit(
        NodeDone(
            at=run.at if at is None else at,
            node=node.id,
            phase=cast(Phase, phase),
            message=message,
            settled=not has_job,
        )
    )
    if has_job:
        run.command(StopJob(job=node.id, grace=GRACE_SECONDS))
    if node.kind == "Suspend":
        run.command(ClearTimer(timer=f"suspend:{node.id}"))


def end_within(run: Run, boundary: Node) -> None:
    """End what still lives in a Steps or DAG node that ended without waiting for it.

    That is what waits: for locks, for a person, for its next attempt. Differs: in Argo a
    template's failFast leaves it as it is, Running in a workflow that has ended.
    """
    for node in reversed(_within(run, boundary)):
        if not node.fulfilled and node.kind != "Container":
            kill(run, node, "Failed", boundary.message or FAIL_FAST)


def end_attempts(run: Run, node: Node) -> None:
    """End what was to go on of a Retry node that waited for its locks once more, after a retry."""
    for key in node.frame.attempts if node.frame is not None else ():
        attempt = run.node(key)
        if not attempt.fulfilled:
            kill(run, attempt, "Failed", node.message)


def _within(run: Run, boundary: Node) -> list[Node]:
    """Return the nodes inside a Steps or DAG node, however deep; none of its hooks or followers."""
    inside = {boundary.id: boundary}
    work = [boundary]
    for node in work:
        for key in node.children:
            child = run.node(key)
            if key not in inside and child.boundary in inside:
                inside[key] = child
                work.append(child)
    return work[1:]


def outbound_of(run: Run, node: Node) -> tuple[NodeId, ...]:
    """Return the nodes that what comes after `node` hangs on."""
    if node.kind == "Pod" and run.template(node).containers:
        return _last_containers(run, node)
    if node.kind in {"Skipped", "Suspend", "Pod", "HTTP", "Plugin"}:
        return (node.id,)
    if node.kind in {"Steps", "DAG"}:
        return node.outbound or (node.id,)
    children = node.children
    if not children:
        return (node.id,)
    if node.kind == "Retry":
        return outbound_of(run, run.node(children[-1]))
    found: dict[NodeId, bool] = {}
    for child in children:
        for key in outbound_of(run, run.node(child)):
            found[key] = True
    return tuple(found)


def _last_containers(run: Run, node: Node) -> tuple[NodeId, ...]:
    """Return the last containers of a Pod node, or below a Container node.

    A container that something else already follows stands for itself.
    """
    found: dict[NodeId, bool] = {}
    pod = node.id if node.kind == "Pod" else node.boundary
    for key in node.children:
        child = run.node(key)
        if child.kind != "Container" or child.boundary != pod:
            if not child.hooked:
                return (node.id,)
            continue
        for last in _last_containers(run, child):
            found[last] = True
    return tuple(found) or (node.id,)
