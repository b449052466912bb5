"""Container nodes: one for each container of a container set, below its Pod node.

They start nothing themselves: what becomes of them is reported with the pod's job.
Source: reference/engine.md 1.14.8, 10.1; argo workflow/controller/container_set_template.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiphys.engine.ending import finish
from tiphys.engine.phases import FULFILLED
from tiphys.engine.state import Node
from tiphys.messages import ContainerReported, NodeAdded, NodePhaseChanged

if TYPE_CHECKING:
    from tiphys.engine.run import Run

_ORDER = {"Pending": 0, "Running": 1}


def add(run: Run, node: Node) -> None:
    """Add the Container nodes of a Pod node that is about to start."""
    for plan in run.template(node).containers:
        parents = tuple(run.state.id_of(f"{node.name}.{need}") for need in plan.needs)
        if run.state.find(f"{node.name}.{plan.name}") is not None:
            continue
        run.emit(
            NodeAdded(
                at=run.at,
                name=f"{node.name}.{plan.name}",
                kind="Container",
                phase="Pending",
                boundary=node.id,
                parents=parents or (node.id,),
                call=("container",),
                container=plan.name,
                on_exit=node.on_exit,
                display_name=plan.name,
            )
        )


def nodes(run: Run, node: Node) -> list[Node]:
    """Return the Container nodes of a Pod node."""
    plans = run.template(node).containers
    found = (run.state.find(f"{node.name}.{plan.name}") for plan in plans)
    return [item for item in found if item is not None]


def report(run: Run, node: Node, said: ContainerReported) -> None:
    """Apply what a runtime says of one container; late and repeated news change nothing."""
    item = run.state.find(f"{node.name}.{said.container}")
    if item is None or item.kind != "Container" or item.fulfilled:
        return
    if said.phase in FULFILLED:
        finish(run, item, said.phase, said.message)
    elif _ORDER.get(said.phase, 0) > _ORDER.get(item.phase, 0):
        run.emit(NodePhaseChanged(at=run.at, node=item.id, phase=said.phase, message=said.message))


def end(run: Run, node: Node, phase: str, message: str) -> None:
    """End the containers that nobody said the end of: their pod is over."""
    for item in nodes(run, node):
        if not item.fulfilled:
            finish(run, item, phase, message)


def react(run: Run, node: Node) -> None:
    """A container has nothing to decide."""
