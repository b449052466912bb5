"""Retry: which nodes of an ended run are deleted, and which wait again.

A node that failed is deleted with all that was done after it; whoever owns a deleted node is
reset. Everything else is kept as it is, so that what succeeded is not done twice.

Source: reference/engine-operations.md 12.4; argo workflow/util/util.go, FormulateRetryWorkflow.
Differs: Argo walks up from a failed node through its parents, and so resets what ran before it as
well; here only those that wait for a deleted node are reset. In Argo all of them go on at once,
whatever the parallelism of the template around them. A node is not kept because a hook of
it succeeded. Of several failed attempts of a Steps or DAG template the last one goes on; in Argo
the others stay Running for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tiphys.engine.phases import BAD, FULFILLED
from tiphys.engine.requests import note_actor
from tiphys.engine.state import Node, State
from tiphys.errors import UserError
from tiphys.messages import DropJobs, RetryRequested, RunReopened
from tiphys.model.ids import NodeId
from tiphys.program import Program

if TYPE_CHECKING:
    from tiphys.engine.run import Run

_WORK = frozenset({"Pod", "Container", "HTTP", "Plugin"})
_ROWS = frozenset({"StepGroup", "TaskGroup"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What a retry does to the nodes, each in the order of the node table."""

    deleted: tuple[NodeId, ...]
    reset: tuple[NodeId, ...]
    parked: tuple[NodeId, ...]
    """Those of `reset` that go on only when there is room under the parallelism around them."""


def retry(run: Run, item: RetryRequested) -> None:
    """Open a run that has ended; the shell has it started again. One that runs is left alone."""
    if not run.state.done:
        return
    found = plan(run.state, run.program, item.nodes, anew=bool(item.parameters))
    note_actor(run, item.labels)
    run.emit(
        RunReopened(
            at=run.at,
            deleted=found.deleted,
            reset=found.reset,
            parked=found.parked,
            parameters=item.parameters,
        )
    )
    if run.state.dropping:
        run.command(DropJobs(jobs=tuple(run.state.dropping)))


def plan(state: State, program: Program, selected: Iterable[NodeId] = (), *, anew: bool) -> Plan:
    """Return what a retry deletes and resets. With `anew` loops are expanded again.

    Raises UserError if a node hangs on nothing.
    """
    planner = _Planner(state, program)
    planner.delete(planner.exit_nodes())
    chosen = {key for key in selected if key in state.nodes}
    planner.delete([key for key in state.nodes if key in chosen])
    leads = planner.leading(chosen)
    failed = [node.id for node in state.nodes.values() if planner.is_failed(node, leads)]
    planner.delete(failed)
    while planner.delete(planner.followers(anew)):
        pass
    reset = planner.reset()
    return Plan(
        deleted=tuple(key for key in state.nodes if key in planner.deleted),
        reset=tuple(key for key in state.nodes if key in reset),
        parked=tuple(key for key in state.nodes if key in reset and planner.needs_room(key)),
    )


class _Planner:
    """The nodes of an ended run, and those to be deleted so far."""

    def __init__(self, state: State, program: Program) -> None:
        self._state = state
        self._program = program
        self._nodes: Mapping[NodeId, Node] = state.nodes
        self._parents: dict[NodeId, list[NodeId]] = {}
        self._inside: dict[NodeId, list[NodeId]] = {}
        self._exit = state.id_of(f"{state.name}.onExit")
        self.deleted: dict[NodeId, bool] = {}
        for node in state.nodes.values():
            for child in node.children:
                self._parents.setdefault(child, []).append(node.id)
            for key in {node.owner, node.boundary, node.hook_of} - {None}:
                if key is not None:
                    self._inside.setdefault(key, []).append(node.id)
        for key in state.nodes:
            if key not in self._parents and key not in (NodeId(state.name), self._exit):
                raise UserError(f"couldn't find parent node for {key}")

    # ----------------------------------------------------------------------------- deleting

    def exit_nodes(self) -> list[NodeId]:
        """Return the node of the exit handler, if there is one."""
        return [self._exit] if self._exit in self._nodes else []

    def delete(self, keys: Iterable[NodeId]) -> bool:
        """Delete nodes and what cannot be without them; return whether anything was left to."""
        work = [*keys]
        before = len(self.deleted)
        while work:
            key = work.pop()
            if key in self.deleted:
                continue
            self.deleted[key] = True
            node = self._nodes[key]
            work += node.children
            work += self._inside.get(key, ())
            if node.attempt is not None:
                work += self._later_attempts(node)
            if node.kind == "Container" and node.boundary is not None:
                work.append(node.boundary)
        return len(self.deleted) > before

    def _later_attempts(self, node: Node) -> list[NodeId]:
        attempts = self._attempts(node)
        return attempts[attempts.index(node.id) + 1 :] if node.id in attempts else []

    def _attempts(self, node: Node) -> list[NodeId]:
        owner = self._nodes[node.owner] if node.owner is not None else node
        return owner.frame.attempts if owner.frame is not None else []

    # -------------------------------------------------------------------------------- seeds

    def leading(self, chosen: set[NodeId]) -> set[NodeId]:
        """Return the nodes after which something succeeded that is not chosen to run again.

        A hook does not count as a follower of its node, nor a container as one of its pod.
        """
        found: set[NodeId] = set()
        work = [
            node.id
            for node in self._nodes.values()
            if node.phase == "Succeeded" and node.kind != "Container" and node.id not in chosen
        ]
        while work:
            node = self._nodes[work.pop()]
            if node.hook_of is not None:
                continue
            for parent in self._parents.get(node.id, ()):
                if parent not in found:
                    found.add(parent)
                    work.append(parent)
        return found

    def is_failed(self, node: Node, leads: set[NodeId]) -> bool:
        """Return whether a node failed (or never ended) and nothing went on from it."""
        if node.kind not in _WORK or not _is_bad(node):
            return False
        judged = node
        if node.attempt is not None and node.owner is not None:
            judged = self._nodes[node.owner]
        return _is_bad(judged) and judged.id not in leads and not self._was_repeated(node)

    def _was_repeated(self, node: Node) -> bool:
        """Return whether a node lies in an attempt that was followed by another one."""
        while node.boundary is not None:
            node = self._nodes[node.boundary]
            if node.attempt is not None and self._later_attempts(node):
                return True
        return False

    # ---------------------------------------------------------------------------- resetting

    def reset(self) -> dict[NodeId, bool]:
        """Return the nodes that wait for a deleted one, directly or not."""
        found: dict[NodeId, bool] = {}
        for key in self.deleted:
            owner = self._nodes[key].owner
            while owner is not None and owner not in found:
                if owner not in self.deleted:
                    found[owner] = True
                owner = self._nodes[owner].owner
        return found

    def needs_room(self, key: NodeId) -> bool:
        """Return whether a node that is reset takes a place that others may have.

        One with locks asks for room before it asks for them; an attempt has its Retry node's.
        """
        node = self._nodes[key]
        if node.kind not in {"Steps", "DAG"} or node.boundary is None:
            return False
        around = self._program.templates[self._nodes[node.boundary].template]
        return around.parallelism is not None and not self._program.templates[node.template].locks

    def followers(self, anew: bool) -> list[NodeId]:
        """Return the nodes that would go on beside what they follow, and loops to expand anew."""
        reset = self.reset()
        found = [key for key in reset if anew and self._nodes[key].kind in _ROWS]
        for key in reset:
            node = self._nodes[key]
            if node.kind == "Steps":
                found += self._later_groups(node, reset)
            elif node.kind == "DAG":
                found += self._dependents(node, reset)
        return found

    def _later_groups(self, node: Node, reset: Mapping[NodeId, bool]) -> Iterator[NodeId]:
        groups = [key for key in self._inside[node.id] if self._nodes[key].kind == "StepGroup"]
        again = [key for key in groups if key in reset]
        yield from again[1:]

    def _dependents(self, node: Node, reset: Mapping[NodeId, bool]) -> Iterator[NodeId]:
        dag = self._program.templates[node.template].dag
        for index, call in enumerate(dag.tasks if dag is not None else ()):
            key = self._state.id_of(f"{node.name}.{call.name}")
            if dag is not None and key in reset:
                names = (dag.tasks[need].name for need in dag.needs[index])
                needs = (self._state.id_of(f"{node.name}.{name}") for name in names)
                if any(need in reset or need in self.deleted for need in needs):
                    yield key


def _is_bad(node: Node) -> bool:
    return node.phase in BAD or node.phase not in FULFILLED
