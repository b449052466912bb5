"""A run made of a status document: how it stood when it ended, as its journal would tell.

For workflows that Argo ran and archived: there is a document and no journal. What the document does
not say, where each node was called and the items of loops, follows from the Program.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from tiphys.engine.calls import Place
from tiphys.engine.nodes.loop import Slot, loop_items
from tiphys.engine.nodes.retry import last_values
from tiphys.engine.phases import FULFILLED
from tiphys.engine.placing import Spot, items_of, spots
from tiphys.engine.resolving import CallError, resolve_text
from tiphys.engine.run import Run
from tiphys.engine.scope import NodeScope
from tiphys.engine.state import Node
from tiphys.errors import UserError
from tiphys.expr.numbers import item_suffix
from tiphys.expr.template import LENIENT
from tiphys.messages import (
    CopiedNode,
    Event,
    Memo,
    NodeAdded,
    RunAdmitted,
    RunDone,
    RunImported,
    RunStarted,
)
from tiphys.model.arguments import Inputs
from tiphys.model.base import Json
from tiphys.model.ids import NodeId, node_id
from tiphys.model.status import NodeStatus, WorkflowStatus
from tiphys.model.times import time_seconds
from tiphys.program import Call, Program

UNENDED = "it had not ended when the workflow was archived"
_Items = dict[int, tuple[Json, ...]]


def ended(program: Program, admitted: RunAdmitted, status: WorkflowStatus) -> list[Event]:
    """Return the events that lead from an admitted run to how a document says it ended.

    Raises UserError, with the reason, if the document does not tell enough.
    """
    began, over = _seconds(status.started_at), _seconds(status.finished_at)
    if status.phase not in {"Succeeded", "Failed", "Error"}:
        raise UserError(f"it has not ended: its phase is {status.phase or 'not known'}")
    nodes = _in_order([*status.nodes.values()])
    found = spots(program, program.name, nodes)
    _check(program.name, nodes, found)
    parents = _parents(program, nodes, found)
    first = _imported(status, over, [_copy(node, found[node.name], parents) for node in nodes])
    trial = Run(program, admitted)
    trial.fold([RunStarted(at=began), first])
    trial.at = over
    loops = items_of(nodes)
    copies = [_completed(trial, item, loops) for item in first.nodes]
    phase, message = status.phase, status.message
    done = RunDone(at=over, phase=phase, message=message)
    return [RunStarted(at=began), msgspec.structs.replace(first, nodes=tuple(copies)), done]


def _imported(status: WorkflowStatus, at: float, copies: Sequence[CopiedNode]) -> RunImported:
    outputs = status.outputs
    parameters = outputs.parameters if outputs is not None else ()
    artifacts = outputs.artifacts if outputs is not None else ()
    return RunImported(
        at=at,
        nodes=tuple(copies),
        outputs={item.name: item.value for item in parameters if item.value is not None},
        output_artifacts={item.name: item for item in artifacts},
    )


# ------------------------------------------------------------------------------------- checking


def _check(workflow: str, nodes: Sequence[NodeStatus], found: Mapping[str, Spot]) -> None:
    if not nodes:
        raise UserError("its document has no nodes")
    for node in nodes:
        if node.name not in found:
            raise UserError(f"node {node.name} was made by nothing in its spec")
        if node.id != node_id(workflow, node.name):
            raise UserError(f"node {node.name} has an id that is not made of its name, {node.id}")


def _in_order(nodes: Sequence[NodeStatus]) -> list[NodeStatus]:
    """Return nodes so that parents come before their children, else by when they started."""
    known = {node.id: node for node in nodes}
    waits = dict.fromkeys(known, 0)
    for node in nodes:
        for key in node.children:
            if key in waits:
                waits[key] += 1
    ready = [_age(node) for node in nodes if not waits[node.id]]
    heapq.heapify(ready)
    found = []
    while ready:
        first = known[heapq.heappop(ready)[2]]
        found.append(first)
        for key in first.children:
            if key in waits:
                waits[key] -= 1
                if not waits[key]:
                    heapq.heappush(ready, _age(known[key]))
    if len(found) < len(nodes):
        raise UserError("its nodes are each other's children")
    return found


def _age(node: NodeStatus) -> tuple[float, str, str]:
    return _seconds(node.started_at), node.name, node.id


def _parents(
    program: Program, nodes: Sequence[NodeStatus], found: Mapping[str, Spot]
) -> dict[str, list[NodeId]]:
    """Return whose children nodes are; hooks of the workflow hang on its first node."""
    parents: dict[str, list[NodeId]] = {}
    for node in nodes:
        for child in node.children:
            parents.setdefault(child, []).append(NodeId(node.id))
    for node in nodes:
        spot = found[node.name]
        if node.id not in parents and spot.call[0] == "hook":
            parents[node.id] = [spot.hook_of or NodeId(program.name)]
    return parents


def _seconds(text: str | None) -> float:
    return float(time_seconds(text)) if text else 0.0


# -------------------------------------------------------------------------------------- copying


def _copy(node: NodeStatus, spot: Spot, parents: Mapping[str, Sequence[NodeId]]) -> CopiedNode:
    is_over = node.phase in FULFILLED
    memo = node.memoization_status
    added = NodeAdded(
        at=_seconds(node.started_at),
        name=node.name,
        kind=node.type,
        phase=node.phase if is_over else "Error",
        parents=tuple(parents.get(node.id, ())),
        inputs=node.inputs or Inputs(),
        outputs=node.outputs,
        message=node.message if is_over else UNENDED,
        display_name=node.display_name,
        **{name: getattr(spot, name) for name in spot.__struct_fields__},
    )
    return CopiedNode(
        node=added,
        outbound=tuple(map(NodeId, node.outbound_nodes)),
        memo=None if memo is None else Memo(memo.hit, memo.key, memo.cache_name),
        settled=True,
        finished_at=_seconds(node.finished_at),
        host=node.host_node_name,
    )


def _completed(run: Run, copy: CopiedNode, loops: Mapping[str, Mapping[int, str]]) -> CopiedNode:
    """Return a copy with what is worked out from the nodes around it: items, and variables."""
    node = run.node(run.state.id_of(copy.node.name))
    values = _values(run, node)
    added = msgspec.structs.replace(copy.node, values=values) if values else copy.node
    return msgspec.structs.replace(copy, node=added, items=dict(_items(run, node, loops)))


def _values(run: Run, node: Node) -> dict[str, str | None]:
    """Return the variables that a Steps or DAG node keeps for what it makes later."""
    values: dict[str, str | None] = {}
    if node.kind not in {"Steps", "DAG"}:
        return values
    if node.attempt is not None:
        owner = run.node(node.owner)
        before = run.state.find(f"{owner.name}({node.attempt - 1})")
        values |= last_values(node.attempt, before)
    dag = run.template(node).dag
    if dag is not None and dag.target is not None:
        template = run.template(node)
        given = msgspec.structs.replace(node, values=values)
        names = NodeScope(run.state, given, template, run.globals())
        try:
            values["dag.target"] = resolve_text(dag.target, names, LENIENT, run.context(node.name))
        except CallError as exc:
            raise UserError(f"the target of {node.name} cannot be told: {exc.message}") from exc
    return values


def _items(
    run: Run, node: Node, loops: Mapping[str, Mapping[int, str]]
) -> Iterator[tuple[int, tuple[Json, ...]]]:
    """Yield the items of a node's loops, by slot. Raises UserError if they are not those named."""
    for index, call, name in _loops(run, node):
        if name not in loops:
            continue
        boundary = run.node(node.boundary)
        place = Place(name=name, call=node.call, owner=node.id, boundary=boundary.id)
        scope = run.frame_scope(boundary, int(node.call[1]))
        try:
            items = loop_items(run, Slot(call, place, scope, (index, -1))) or []
        except CallError as exc:
            raise UserError(f"the items of {name} cannot be told: {exc.message}") from exc
        for number, text in loops[name].items():
            if number >= len(items) or item_suffix(items[number]) != text:
                raise UserError(f"the items of {name} are not those that it ran with")
        yield index, tuple(items)


def _loops(run: Run, node: Node) -> Iterator[tuple[int, Call, str]]:
    """Yield the slot, call and name of each loop that a node may have opened."""
    if node.kind == "TaskGroup":
        yield 0, run.call(node), node.name
    elif node.kind == "StepGroup":
        calls = run.template(run.node(node.boundary)).groups[int(node.call[1])]
        for index, call in enumerate(calls):
            if call.loop is not None:
                yield index, call, f"{node.name}.{call.name}"
