"""What a retry and the nodes of an earlier run do to the state. Called by `evolve` alone."""

from __future__ import annotations

from tiphys.engine.evolve_nodes import EXECUTABLE, FRAMES, JOBS, depth_of
from tiphys.engine.phases import FULFILLED
from tiphys.engine.rebuilding import rebuild, rebuilt, remember
from tiphys.engine.state import Frame, Node, State
from tiphys.messages import CopiedNode, NodeRebound, RunImported, RunReopened
from tiphys.program import Program


def reopen(state: State, program: Program, event: RunReopened) -> None:
    """An ended run goes on: delete nodes, reset those that waited for them, count anew.

    Source: reference/engine-operations.md 12.4; argo workflow/util/util.go,
    FormulateRetryWorkflow.
    """
    gone = set(event.deleted)
    dropping = [key for key in event.deleted if state.nodes[key].kind in JOBS]
    state.dropping = [*state.dropping, *dropping]
    for key in event.deleted:
        hooked = state.nodes.pop(key).hook_of
        if hooked is not None and hooked in state.nodes:
            state.nodes[hooked].settled = False  # its hook has its time once more
    for node in state.nodes.values():
        if not gone.isdisjoint(node.children):
            node.children = [child for child in node.children if child not in gone]
        if not gone.isdisjoint(node.outbound):
            node.outbound = tuple(child for child in node.outbound if child not in gone)
    parked = set(event.parked)
    for key in event.reset:
        _reset(program, state.nodes[key], event.at, key in parked)
    rebuild(state, program)
    state.phase = state.message = state.shutdown = ""
    state.started_at = state.finished_at = 0.0
    state.deadline_passed, state.questions = False, {}
    state.waits, state.hook_waits = {}, {}
    state.reopened = True
    state.rebind = bool(event.parameters)
    state.parameters = {**state.parameters, **dict(event.parameters)}


def _reset(program: Program, node: Node, at: float, is_parked: bool) -> None:
    """A node that has ended waits again, for its locks or for room first if it needs any."""
    node.phase, node.message = "Running", ""
    node.started_at, node.finished_at = at, 0.0
    node.fulfilled = node.settled = node.keeps_place = False
    template = program.templates.get(node.template)
    entered = node.kind in {"Steps", "DAG", "Retry"} and node.attempt is None
    if entered and template is not None and template.locks:
        node.stage, node.phase = "lock", "Pending"
    elif is_parked:
        node.stage, node.phase = "room", "Pending"


def rebind(state: State, program: Program, event: NodeRebound) -> None:
    """A node that goes on has other inputs; a DAG with another target has other tasks to wait for.

    A task of the old target that goes on already is waited for all the same.
    """
    node = state.nodes[event.node]
    node.inputs = event.inputs
    if event.target is None:
        return
    node.values = {**node.values, "dag.target": event.target}
    if node.frame is not None:
        owned = [item for item in state.nodes.values() if item.owner == node.id]
        node.frame = rebuilt(state, program, node, owned)


def copy_in(state: State, program: Program, event: RunImported) -> None:
    """The nodes of an earlier run are there, before this one starts."""
    for copy in event.nodes:
        _add(state, copy, event.at)
    for node in [*state.nodes.values()]:
        if node.phase not in FULFILLED:
            _unsettle(program, node, event.at)
    rebuild(state, program)
    remember(state)
    state.outputs.update(event.outputs)
    state.output_artifacts.update(event.output_artifacts)
    state.rebind = event.rebind


def _unsettle(program: Program, node: Node, at: float) -> None:
    if node.kind in FRAMES:
        _reset(program, node, at, node.stage == "room")


def _add(state: State, copy: CopiedNode, at: float) -> None:
    added = copy.node
    key = state.id_of(added.name)
    is_over = added.phase in FULFILLED
    node = Node(
        id=key,
        name=added.name,
        kind=added.kind,
        phase=added.phase,
        started_at=added.at,
        finished_at=(copy.finished_at or at) if is_over else 0.0,
        host=copy.host,
        owner=added.owner,
        boundary=added.boundary,
        call=added.call,
        item=added.item,
        attempt=added.attempt,
        template=added.template,
        inputs=added.inputs,
        values=added.values,
        outputs=added.outputs,
        message=added.message,
        display_name=added.display_name,
        hooked=added.hooked,
        hook_of=added.hook_of,
        on_exit=added.on_exit,
        container=added.container,
        stage=added.stage,
        depth=depth_of(state, added),
        outbound=copy.outbound,
        memo=copy.memo,
        settled=copy.settled,
        fulfilled=is_over,
    )
    if node.kind in EXECUTABLE:
        node.progress = "1/1" if node.phase == "Succeeded" else "0/1"
    if node.kind in FRAMES:
        node.frame = Frame(items=copy.items)
    state.nodes[key] = node
    for parent in added.parents:
        state.nodes[parent].children.append(key)
    if added.template:
        state.used[added.template] = True
