"""Steps nodes and their groups: rows run one after another, the steps of a row at once.

Source: reference/engine.md 3; argo workflow/controller/steps.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiphys.engine import outputs
from tiphys.engine.calls import TOO_DEEP, Place
from tiphys.engine.ending import FAIL_FAST, finish, outbound_of
from tiphys.engine.gates import has_failed_fast
from tiphys.engine.nodes import hooks, loop
from tiphys.engine.phases import BAD
from tiphys.engine.resolving import CallError
from tiphys.engine.state import Node
from tiphys.expr.when import is_when_fault
from tiphys.messages import NodeAdded
from tiphys.model.ids import NodeId
from tiphys.program import Call

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def react(run: Run, node: Node) -> None:
    """Start the next group, or finish."""
    frame = node.frame
    if frame is None or frame.open:
        return
    groups = run.template(node).groups
    for index in (*(slot[0] for slot in frame.queue), frame.cursor):
        group = run.state.find(f"{node.name}[{index}]")
        if group is not None and group.phase in BAD:
            _end(run, node, "Failed", group.message)
            return
    if frame.cursor + 1 < len(groups):
        _add_group(run, node, frame.cursor + 1)
        return
    try:
        yielded = outputs.of_frame(run, node)
    except CallError as exc:
        _end(run, node, "Error", exc.message)
        return
    finish(run, node, "Succeeded", outputs=yielded, outbound=_last_outbound(run, node))


def _end(run: Run, node: Node, phase: str, message: str) -> None:
    finish(run, node, phase, message, outbound=_last_outbound(run, node))


def _last_outbound(run: Run, node: Node) -> tuple[NodeId, ...]:
    cursor = node.frame.cursor if node.frame else -1
    if cursor < 0:
        return ()
    return _after_group(run, run.node(run.state.id_of(f"{node.name}[{cursor}]")))


def _after_group(run: Run, group: Node) -> tuple[NodeId, ...]:
    """Return the nodes that followers of a group hang on."""
    if not group.children:
        return (group.id,)
    found: dict[NodeId, bool] = {}
    for child in group.children:
        for key in outbound_of(run, run.node(child)):
            found[key] = True
    return tuple(found)


def _add_group(run: Run, node: Node, index: int) -> None:
    parents: tuple[NodeId, ...] = (node.id,)
    if index:
        parents = _after_group(run, run.node(run.state.id_of(f"{node.name}[{index - 1}]")))
    run.emit(
        NodeAdded(
            at=run.at,
            name=f"{node.name}[{index}]",
            kind="StepGroup",
            phase="Running",
            owner=node.id,
            boundary=node.id,
            parents=parents,
            call=("group", index),
            on_exit=node.on_exit,
            display_name=f"[{index}]",
        )
    )


def react_group(run: Run, group: Node) -> None:
    """Add the steps there is room for; give the verdict when all are settled.

    Differs: a group without steps succeeds at once; in Argo its workflow never ends.
    """
    frame = group.frame
    if frame is None:
        return
    node = run.node(group.boundary)
    calls = run.template(node).groups[int(group.call[1])]
    if has_failed_fast(run, node):
        if not node.active:
            finish(run, group, "Failed", FAIL_FAST)
        return
    if not group.children and not frame.items:
        message = _fault(run, node, group, calls)
        if message:
            finish(run, group, "Error", message)
            return
    while (slot := frame.next_slot()) is not None:
        if not loop.fill(run, group, _slot(run, node, group, calls[slot[0]], slot)):
            return
    if not frame.open:
        _verdict(run, group, calls)


def _fault(run: Run, node: Node, group: Node, calls: tuple[Call, ...]) -> str:
    """Return why the group cannot start: one step that cannot be prepared is enough."""
    for index, call in enumerate(calls):
        found = loop.fault(run, _slot(run, node, group, call, (index, -1)))
        if found:
            return found
    return ""


def _slot(run: Run, node: Node, group: Node, call: Call, index: tuple[int, int]) -> loop.Slot:
    place = Place(
        name=f"{group.name}.{call.name}",
        call=("step", int(group.call[1]), index[0]),
        owner=group.id,
        boundary=node.id,
        parents=(group.id,),
        on_exit=group.on_exit,
    )
    scope = run.frame_scope(node, int(group.call[1]))
    return loop.Slot(call, place, scope, index)


def _verdict(run: Run, group: Node, calls: tuple[Call, ...]) -> None:
    children = [run.node(key) for key in group.children]
    for child in children:
        if _was_not_made(child):
            said = child.message
            if not is_when_fault(said):
                said = f"step group deemed errored due to child {child.name} error: {said}"
            finish(run, group, "Error", said)
            return
    for child in children:
        if found := hooks.fault(run, child):
            finish(run, group, "Error", found)
            return
    for child in children:
        if child.hooked or child.phase not in BAD:
            continue
        if not continues(calls[int(child.call[2])], child):
            finish(run, group, "Failed", f"child '{child.id}' failed")
            return
    finish(run, group, "Succeeded")


def _was_not_made(child: Node) -> bool:
    """A call that could not be made breaks its group, whatever its continueOn says."""
    return child.kind == "Skipped" and child.phase == "Error" and child.message != TOO_DEEP


def continues(call: Call, node: Node) -> bool:
    """Return whether the call's continueOn covers how its node ended."""
    return (call.continue_failed and node.phase == "Failed") or (
        call.continue_error and node.phase == "Error"
    )
