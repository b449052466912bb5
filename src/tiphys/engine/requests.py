"""What people and clocks ask of a run: stop, suspend, resume, set, time is up.

Source: reference/engine.md 2.8, 7.1; engine-operations.md 12.3, 12.5, 12.6.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from tiphys.engine import asking, cleanup
from tiphys.engine import outputs as globals_
from tiphys.engine.ending import finish, kill
from tiphys.engine.jobs import pending_limits
from tiphys.engine.nodes.suspend import ends_at, with_defaults
from tiphys.engine.resolving import CallError
from tiphys.engine.state import Node
from tiphys.engine.verdict import deadline_at
from tiphys.messages import (
    DeadlinePassed,
    Labels,
    LabelsSet,
    NodePhaseChanged,
    NodeSet,
    OutputsSupplied,
    ResumeRequested,
    RunDone,
    ShutdownSet,
    StopRequested,
    Strategy,
    SuspendRequested,
    SuspendSet,
)
from tiphys.model.arguments import Outputs
from tiphys.model.ids import NodeId

if TYPE_CHECKING:
    from tiphys.engine.run import Run


_ENDS_AT_DEADLINE = frozenset({"Pod", "HTTP", "Plugin", "Suspend"})


def accept(run: Run, item: StopRequested | SuspendRequested | ResumeRequested | NodeSet) -> None:
    """Do as a person asks of a run that has not ended, and note who it was."""
    note_actor(run, item.labels)
    match item:
        case StopRequested():
            stop(run, item.strategy)
        case SuspendRequested():
            suspend(run)
        case ResumeRequested():
            resume(run, item.by)
        case NodeSet():
            node_set(run, item)


def note_actor(run: Run, labels: Labels) -> None:
    """Note the labels that say who acted last."""
    if labels != run.state.labels:
        run.emit(LabelsSet(labels=labels))


def stop(run: Run, strategy: Strategy) -> None:
    """End the workflow. Stop may become Terminate, never the other way.

    Differs: a suspended workflow ends at once; in Argo it stays suspended until resumed.
    """
    state = run.state
    if state.shutdown in {strategy, "Terminate"}:
        return
    run.emit(ShutdownSet(at=run.at, strategy=strategy))
    if strategy == "Terminate" and asking.is_waiting(run):
        for node in _live(run):  # it is retried, and nothing of it runs yet
            finish(run, node, "Failed", "Stopped with strategy 'Terminate'")
        asking.release_all(run)
        run.emit(RunDone(at=run.at, phase="Failed", message="Stopped with strategy 'Terminate'"))
        return
    if state.suspend:
        run.emit(SuspendSet(at=run.at, suspend=False))
    for node in _live(run):
        if node.on_exit and strategy == "Stop":
            continue
        if node.stage or node.kind in {"Suspend", "HTTP", "Plugin"}:
            kill(run, node, "Failed", f"Stopped with strategy '{strategy}'")
        elif node.kind == "Pod":
            kill(run, node, "Failed", f"workflow shutdown with strategy:  {strategy}")
    run.touch_live()


def _live(run: Run) -> Iterator[Node]:
    """Yield each node that lives; the end of one may be that of others that were to come."""
    for key in [*run.state.live]:
        if not run.state.nodes[key].fulfilled:
            yield run.state.nodes[key]


def suspend(run: Run) -> None:
    """Start nothing new until resumed; what runs goes on."""
    if not run.state.suspend:
        run.emit(SuspendSet(at=run.at, suspend=True))


def resume(run: Run, by: str = "") -> None:
    """Go on: the workflow, and every suspend node that waits.

    A suspend node that needs a value nobody supplied stays as it is.
    """
    if run.state.suspend:
        run.emit(SuspendSet(at=run.at, suspend=False))
    for node in _live(run):
        if node.kind == "Suspend" and not node.stage:
            _resume_node(run, node, by)
    run.touch_live()


def _resume_node(run: Run, node: Node, by: str) -> None:
    try:
        yielded = with_defaults(node.outputs)
    except CallError:
        return
    globals_.export(run, yielded)
    said = f"Resumed by: {by}" if by else ""
    message = f"{node.message}; {said}" if said and node.message else said
    finish(run, node, "Succeeded", message, outputs=yielded)


def node_set(run: Run, item: NodeSet) -> None:
    """Answer suspend nodes. Nodes that do not wait are left alone."""
    for key in item.nodes:
        node = run.state.nodes.get(key)
        if node is None or node.fulfilled or node.kind != "Suspend" or node.stage:
            continue
        if item.outputs:
            _supply(run, node, item.outputs)
        if item.phase:
            globals_.export(run, node.outputs)
            finish(run, node, item.phase, item.message, outputs=node.outputs)
        elif item.message and item.message != node.message:
            run.emit(
                NodePhaseChanged(at=run.at, node=node.id, phase="Running", message=item.message)
            )


def _supply(run: Run, node: Node, values: dict[str, str]) -> None:
    outputs = node.outputs or Outputs()
    parameters = tuple(
        msgspec.structs.replace(item, value=values[item.name], value_from=None)
        if item.name in values
        else item
        for item in outputs.parameters
    )
    supplied = msgspec.structs.replace(outputs, parameters=parameters)
    if supplied != node.outputs:
        run.emit(OutputsSupplied(node=node.id, outputs=supplied, at=run.at))


def timer_fired(run: Run, timer: str) -> None:
    """A timer rang; what it was for may be over long since, or not be due yet."""
    kind, _, key = timer.partition(":")
    if kind == "deadline":
        if _is_due(run, deadline_at(run)):
            _deadline(run)
        return
    node = run.state.nodes.get(NodeId(key))
    if kind == "drop" and node is not None:
        cleanup.drop(run, node)
    if node is None or node.fulfilled:
        return
    if kind == "suspend" and _is_due(run, ends_at(run, node)):
        _auto_resume(run, node)
    elif kind == "retry":
        run.touch(node.id)
    elif kind == "pending" and node.phase == "Pending" and _is_due(run, pending_limits(run, node)):
        kill(run, node, "Failed", "timeout")


def _is_due(run: Run, at: float | None) -> bool:
    return at is not None and run.at >= at


def _auto_resume(run: Run, node: Node) -> None:
    try:
        yielded = with_defaults(node.outputs)
    except CallError as exc:
        finish(run, node, "Error", exc.message)
        return
    globals_.export(run, yielded)
    finish(run, node, "Succeeded", outputs=yielded)


def _deadline(run: Run) -> None:
    if run.state.deadline_passed:
        return
    run.emit(DeadlinePassed(at=run.at))
    for node in _live(run):
        if not node.on_exit and (node.stage or node.kind in _ENDS_AT_DEADLINE):
            kill(run, node, "Failed", "Step exceeded its deadline")
    run.touch_live()
