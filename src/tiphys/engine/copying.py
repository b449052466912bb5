"""The nodes of an ended run, as a memoized resubmit hands them to the next run.

What a retry would keep is copied under the new workflow's name: pods that succeeded as Skipped
nodes that have their outputs, everything else as it stands. What a retry would delete is left out,
and who waited for it goes on.

Source: reference/engine-operations.md 12.2; argo workflow/util/util.go, FormulateResubmitWorkflow.
Differs: in Argo a failed pod is copied and runs again in its place, whatever was done after it; so
do requests and approvals that succeeded. Here a resubmit repeats what a retry repeats.
"""

from __future__ import annotations

from dataclasses import dataclass

from tiphys.engine.phases import FULFILLED
from tiphys.engine.retrying import plan
from tiphys.engine.run import Run
from tiphys.engine.state import Node, State
from tiphys.messages import CopiedNode, NodeAdded, RunImported
from tiphys.model.ids import NodeId, RunId


def copied(run: Run, name: str, at: float, *, rebind: bool) -> RunImported:
    """Return what of an ended run the run `name` takes over.

    `rebind`: it has other parameters; loops that were expanded keep their items all the same.
    Raises UserError if a node of the ended run hangs on nothing.
    """
    found = plan(run.state, run.program, anew=False)
    deleted, reset, parked = set(found.deleted), set(found.reset), set(found.parked)
    kept = [node for key, node in run.state.nodes.items() if key not in deleted]
    ids = _new_ids(kept, run.state, name)
    parents: dict[NodeId, list[NodeId]] = {}
    for node in kept:
        for child in node.children:
            parents.setdefault(child, []).append(ids[node.id])
    place = _Place(ids, parents, run.state.name, name, at)
    nodes = tuple(_copy(node, _Again(node.id in reset, node.id in parked), place) for node in kept)
    return RunImported(
        at=at,
        nodes=nodes,
        outputs=dict(run.state.outputs),
        output_artifacts=dict(run.state.output_artifacts),
        rebind=rebind,
    )


def _new_ids(kept: list[Node], old: State, name: str) -> dict[NodeId, NodeId]:
    """Return each kept node's id in the new run, which is made of its name there."""
    fresh = State(run=RunId(""), name=name, created_at=0.0)
    ids: dict[NodeId, NodeId] = {}
    for node in kept:
        renamed = _renamed(node.name, old.name, name)
        ids[node.id] = fresh.id_of(renamed)
        fresh.nodes[ids[node.id]] = Node(
            id=ids[node.id], name=renamed, kind=node.kind, phase=node.phase, started_at=0.0
        )
    return ids


def _renamed(text: str, old: str, new: str) -> str:
    return new + text.removeprefix(old)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where copies go: their ids, whose children they are, their names, the present time."""

    ids: dict[NodeId, NodeId]
    parents: dict[NodeId, list[NodeId]]
    old: str
    new: str
    at: float

    def name(self, text: str) -> str:
        """Return a node's name in the new run."""
        return _renamed(text, self.old, self.new)

    def template(self, key: str) -> str:
        """Return a template's key in the new run: the workflow's own are under its name."""
        own = f"local/{self.old} "
        return f"local/{self.new} {key.removeprefix(own)}" if key.startswith(own) else key

    def id(self, key: NodeId | None) -> NodeId | None:
        """Return a node's id in the new run."""
        return None if key is None else self.ids.get(key)


@dataclass(frozen=True, slots=True)
class _Again:
    """Whether a node goes on in the new run, and whether it waits for room before it does."""

    is_reset: bool
    is_parked: bool


def _copy(node: Node, again: _Again, place: _Place) -> CopiedNode:
    is_reset = again.is_reset
    was_done = node.kind == "Pod" and node.phase == "Succeeded"
    phase = "Running" if is_reset else node.phase
    added = NodeAdded(
        at=place.at,
        name=place.name(node.name),
        kind="Skipped" if was_done else node.kind,
        phase="Skipped" if was_done else phase,
        owner=place.id(node.owner),
        boundary=place.id(node.boundary),
        parents=tuple(place.parents.get(node.id, ())),
        call=node.call,
        item=node.item,
        attempt=node.attempt,
        template=place.template(node.template),
        inputs=node.inputs,
        values=node.values,
        outputs=node.outputs,
        message=f"original pod: {node.id}" if was_done else _message(node, is_reset),
        hooked=node.hooked,
        hook_of=place.id(node.hook_of),
        on_exit=node.on_exit,
        display_name=place.new if node.display_name == place.old else node.display_name,
        stage="room" if again.is_parked else "",
        container=node.container,
    )
    hooks_left = node.hooks_open or not node.settled
    return CopiedNode(
        node=added,
        outbound=tuple(place.ids[key] for key in node.outbound if key in place.ids),
        items=dict(node.frame.items) if node.frame is not None else {},
        memo=node.memo,
        settled=node.phase in FULFILLED and not is_reset and not hooks_left,
    )


def _message(node: Node, is_reset: bool) -> str:
    return "" if is_reset else node.message
