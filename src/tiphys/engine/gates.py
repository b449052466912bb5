"""Parallelism inside a run: which frames may add nodes, and which wait for room.

A frame that finds no room is remembered here, and touched again when a node that counted ends.
What is remembered follows from the state (a frame with slots left waits), so it is not stored.

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


class Gates:
    """The frames of one run that wait for room."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._for_workflow: dict[NodeId, bool] = {}
        self._for_boundary: dict[NodeId, dict[NodeId, bool]] = {}
        self._freed: list[NodeId] = []

    def has_room(self, run: Run, frame: Node, boundary: Node) -> bool:
        """Return whether `frame` may add a node now; if not, it is touched when it may."""
        if not _workflow_has_room(run):
            self._wait(run, frame, "the workflow's parallelism")
            self._for_workflow[frame.id] = True
            return False
        limit = run.template(boundary).parallelism if boundary.template else None
        if limit is not None and boundary.active >= limit:
            self._wait(run, frame, f"the parallelism of {boundary.display_name}")
            self._for_boundary.setdefault(boundary.id, {})[frame.id] = True
            return False
        return True

    def _wait(self, run: Run, frame: Node, reason: str) -> None:
        if frame.frame is not None and not frame.frame.waiting:
            run.emit(WaitStarted(node=frame.id, reason=f"waiting for room under {reason}"))

    def note(self, run: Run, event: Event) -> None:
        """Remember that a node ended, which may have made room."""
        if isinstance(event, NodeDone | DaemonReady):
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

    def recover(self, run: Run) -> None:
        """Find who waits, after the state was folded from events."""
        self._for_workflow.clear()
        self._for_boundary.clear()
        for node in run.state.nodes.values():
            places = _waited_for(run, node)
            for place in places:
                self._for_boundary.setdefault(place, {})[node.id] = True
            if places:
                self._for_workflow[node.id] = True


def _waited_for(run: Run, node: Node) -> list[NodeId]:
    """Return the boundaries in which a node, or a hook of it, may wait for room.

    Whether a hook waits is not stored: its node is touched once too often rather than never.
    """
    found: list[NodeId] = []
    if node.stage and not node.fulfilled:
        found.append(node.boundary or node.id)
    if not node.fulfilled and node.frame is not None and node.frame.waiting:
        is_inner = node.kind in {"StepGroup", "TaskGroup", "Retry"}
        found.append((node.boundary if is_inner else None) or node.id)
    if not node.settled and node.boundary is not None and has_hooks(run.program, run.state, node):
        found.append(node.boundary)
    return found


def _workflow_has_room(run: Run) -> bool:
    limit = run.program.parallelism
    return limit is None or run.state.active_pods < limit
