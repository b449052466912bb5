"""TaskGroup nodes: the items of one looped DAG task.

Source: reference/engine.md 4.3, 4.8; argo workflow/controller/dag.go, executeDAGTask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiphys.engine.calls import Place
from tiphys.engine.ending import finish
from tiphys.engine.nodes import loop
from tiphys.engine.phases import BAD
from tiphys.engine.state import Node

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def react(run: Run, group: Node) -> None:
    """Add the items there is room for; finish when all are settled."""
    frame = group.frame
    if frame is None or 0 not in frame.items:
        return
    node = run.node(group.boundary)
    task = int(group.call[1])
    call = run.call(group)
    scope = run.frame_scope(node, task)
    while (slot := frame.next_slot()) is not None:
        place = Place(
            name=group.name,
            call=("task", task),
            owner=group.id,
            boundary=node.id,
            parents=(group.id,),
            on_exit=group.on_exit,
        )
        if not loop.fill(run, group, loop.Slot(call, place, scope, slot)):
            return
    if not frame.open:
        _verdict(run, group)


def _verdict(run: Run, group: Node) -> None:
    phase = "Succeeded"
    for key in group.children:
        child = run.node(key)
        if not child.hooked and child.phase in BAD:
            phase = child.phase
    finish(run, group, phase)
