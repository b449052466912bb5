"""Parallelism inside a run: which frames may add nodes, and which wait for room.

A frame that finds no room is remembered here, and touched again when a node that counted ends.
That it waits, and why, is an event, said once for each wait; who is remembered follows from it.

Source: reference/engine.md 2.7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiphys.engine.evolve_nodes import has_hooks
from tiphys.engine.state import Node
from tiphys.messages import DaemonReady, Event, NodeDone, WaitStarted
from tiphys.model.ids import NodeId

if TYPE_CHECKING:
    from tiphys.engine.run import Run

_ENDS = (NodeDone, DaemonReady)


class Gates:
    """The frames of one run that wait for room."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._for_workflow: dict[NodeId, bool] = {}
        self._for_boundary: dict[NodeId, dict[NodeId, bool]] = {}
        self._freed: list[NodeId] = []
        self._held_back: dict[NodeId, list[NodeId]] = {}

    def has_room(self, run: Run, frame: Node, boundary: Node, hook: str = "") -> bool:
        """Return whether `frame` may add a node now; if not, it is touched when it may.

        `hook` is the hook of `frame` that the room is for. Where a template failed fast there is
        none any more.
        """
        if boundary is not frame and has_failed_fast(run, boundary):
            return False
        if not _workflow_has_room(run):
            _wait(run, frame, hook, "the workflow's parallelism")
            self._for_workflow[frame.id] = True
            return False
        limit = run.template(boundary).parallelism if boundary.template else None
        if limit is not None and boundary.active >= limit:
            _wait(run, frame, hook, f"the parallelism of {boundary.display_name}")
            self._for_boundary.setdefault(boundary.id, {})[frame.id] = True
            return False
        return True

    def note(self, run: Run, event: Event) -> None:
        """Remember that a node ended, which may have made room."""
        if self._for_boundary and isinstance(event, _ENDS):
            boundary = run.state.nodes[event.node].boundary
            if boundary is not None and boundary in self._for_boundary:
                self._freed.append(boundary)

    def release(self, run: Run) -> bool:
        """Touch frames that may have room now; return whether there were any."""
        found = False
        for boundary in self._freed:
            for frame in self._for_boundary.pop(boundary, {}):
                run.touch(frame)
                found = True
        self._freed.clear()
        if self._for_workflow and _workflow_has_room(run):
            longest = next(iter(self._for_workflow))
            del self._for_workflow[longest]
            run.touch(longest)
            found = True
        return found

    def let_on(self, run: Run, key: NodeId) -> None:
        """Touch what a node that waited for room after a retry held back."""
        work = [key]
        while work:
            for held in self._held_back.pop(work.pop(), ()):
                run.touch(held)
                work.append(held)

    def recover(self, run: Run) -> None:
        """Find who waits, after the state was folded from events."""
        self._held_back = _held_back(run) if run.state.parked else {}
        self._for_workflow.clear()
        self._for_boundary.clear()
        for node in run.state.nodes.values():
            places = _waited_for(run, node)
            for place in places:
                self._for_boundary.setdefault(place, {})[node.id] = True
            if places:
                self._for_workflow[node.id] = True


def has_failed_fast(run: Run, boundary: Node) -> bool:
    """Return whether a template's failFast lets nothing more start in a Steps or DAG node."""
    return bool(boundary.failed_children) and run.template(boundary).fail_fast


def _waited_for(run: Run, node: Node) -> list[NodeId]:
    """Return the boundaries in which a node, or a hook of it, may wait for room.

    A node that may wait is touched once too often rather than never.
    """
    found: list[NodeId] = []
    if node.stage and not node.fulfilled:
        found.append(node.boundary or node.id)
    elif node.id in run.state.waits:
        is_inner = node.kind in {"StepGroup", "TaskGroup", "Retry"}
        found.append((node.boundary if is_inner else None) or node.id)
    if not node.settled and node.boundary is not None and has_hooks(run.program, run.state, node):
        found.append(node.boundary)
    return found


def _held_back(run: Run) -> dict[NodeId, list[NodeId]]:
    """Return the nodes that are not over, by their owner."""
    found: dict[NodeId, list[NodeId]] = {}
    for node in run.state.nodes.values():
        if node.owner is not None and not (node.fulfilled and node.settled):
            found.setdefault(node.owner, []).append(node.id)
    return found


def _wait(run: Run, node: Node, hook: str, place: str) -> None:
    known = run.state.hook_waits if hook else run.state.waits
    if node.id not in known:
        reason = f"waiting for room under {place}"
        run.emit(WaitStarted(node=node.id, reason=reason, hook=hook, at=run.at))


def _workflow_has_room(run: Run) -> bool:
    limit = run.program.parallelism
    return limit is None or run.state.active_pods < limit
