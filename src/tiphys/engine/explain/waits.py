"""What a run waits for now: every unfulfilled node with the reason it goes no further."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from tiphys.engine.asking import LOCK, ROOM, is_held_back
from tiphys.engine.explain import words
from tiphys.engine.jobs import job_spec, pending_limits
from tiphys.engine.nodes.suspend import ends_at, with_defaults
from tiphys.engine.resolving import CallError
from tiphys.engine.state import Asked, Node
from tiphys.engine.verdict import deadline_at
from tiphys.messages import KeepWanted, LocksWanted
from tiphys.model.ids import NodeId

if TYPE_CHECKING:
    from tiphys.engine.run import Run

Cause: TypeAlias = Literal[
    "admission", "suspended", "room", "lock", "cache", "person", "time", "backoff", "job",
    "running", "nodes", "stopping", "deadline",
]  # fmt: skip
"""What is waited for, for programs to tell apart; `running` is a job that does its work."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that goes no further for now. `node` is None for the workflow itself.

    `names` are those it waits for: who takes the places, who holds the locks. `until` is when it
    goes on by itself, None if that is not a matter of time.
    """

    cause: Cause
    reason: str
    node: NodeId | None = None
    names: tuple[str, ...] = ()
    until: float | None = None


def waits(run: Run) -> Iterator[Wait]:
    """Yield what the workflow waits for, then what each of its nodes does, in order of age."""
    if run.state.done:
        return
    yield from _of_workflow(run)
    rooms: Rooms = {}
    for key in run.state.live:
        yield from _of_live(run, run.state.nodes[key], rooms)
    for key in run.state.hook_waits:
        yield _hook(run, run.state.nodes[key])
    for asked in run.state.questions.values():
        if isinstance(asked.question, KeepWanted):
            reason = f"its outputs are not yet kept in cache {asked.question.cache}"
            yield Wait("cache", reason, asked.node)
    for key, wanted in run.state.jobs.items():
        if not wanted:
            yield Wait("stopping", "its job was told to end and has not ended yet", key)


def of_node(run: Run, node: Node) -> Iterator[Wait]:
    """Yield what a node waits for; frames whose children tell it better say nothing."""
    if not node.fulfilled:
        yield from _of_live(run, node, {})


def _of_live(run: Run, node: Node, rooms: Rooms) -> Iterator[Wait]:
    if node.stage:
        yield _parked(run, node, rooms)
    elif run.state.parked and is_held_back(run, node):
        yield Wait("nodes", "goes on when what it lies in does", node.id)
    elif node.id in run.state.waits:
        yield _room(run, node, f"{node.display_name} has more to start and", rooms)
    elif node.kind == "Suspend":
        yield _suspend(run, node)
    elif node.kind == "Retry" and node.frame is not None and node.frame.until:
        yield _backoff(node, node.frame.until)
    elif node.id in run.state.jobs:
        yield _pending(run, node) if node.phase == "Pending" else _running(run, node)


def of_children(run: Run, node: Node) -> Iterator[Wait]:
    """Yield that a node waits for others of the run, if it does."""
    live = (run.state.nodes[key] for key in run.state.live)
    going = [item for item in live if node.id in {item.owner, item.boundary}]
    if node.id in run.state.hook_waits:
        yield _hook(run, node)
    if going and node.frame is not None:
        names = tuple(item.display_name for item in going)
        said = words.listed(words.result(item) for item in going)
        yield Wait("nodes", f"waits for what it started: {said}", node.id, names)
    elif node.fulfilled and node.hooks_open:
        yield Wait("nodes", "is over; its hooks are not", node.id)


# ----------------------------------------------------------------------------------- workflow


def _of_workflow(run: Run) -> Iterator[Wait]:
    state = run.state
    room, lock = state.questions.get(ROOM), state.questions.get(LOCK)
    if room is not None and not room.held:
        said = f": {words.short(state.message)}" if state.message else ""
        yield Wait("admission", f"waits for leave to begin{said}")
    elif lock is not None and not lock.held:
        yield _locks(lock)
    elif not state.started_at:
        yield Wait("admission", _not_begun(run))
    if state.suspend:
        reason = f"is suspended: nothing new starts until `tiphys resume {state.name}`"
        yield Wait("suspended", reason)
    at = deadline_at(run)
    if state.started_at and at is not None and not state.deadline_passed:
        reason = f"its activeDeadlineSeconds is over at {words.when(at)}"
        yield Wait("deadline", reason, until=at)


def _not_begun(run: Run) -> str:
    if run.state.dropping:
        return "waits until nothing is left of the jobs that are to run again"
    return "waits for an engine to begin it"


# --------------------------------------------------------------------------------------- room


@dataclass(frozen=True, slots=True)
class Taken:
    """A parallelism of which no place is free, and the nodes that have the places."""

    limit: int
    place: str
    names: tuple[str, ...]


Rooms: TypeAlias = dict[NodeId, "Taken | None"]
"""By boundary, so that the live nodes are looked through once for all who wait in it."""


def _room(run: Run, node: Node, subject: str, rooms: Rooms) -> Wait:
    boundary = _boundary(run, node)
    if boundary.id not in rooms:
        rooms[boundary.id] = _taken(run, boundary)
    taken = rooms[boundary.id]
    if taken is None:
        waited = run.state.waits.get(node.id, "waiting for room")
        return Wait("room", f"{subject} is {waited}", node.id)
    by = f": {words.listed(taken.names)}" if taken.names else ""
    places = words.counted(taken.limit, "place")
    reason = f"{subject} waits for room under {taken.place} ({places}{by})"
    return Wait("room", reason, node.id, taken.names)


def _boundary(run: Run, node: Node) -> Node:
    """Return the node under whose parallelism a node, or what it would add, takes a place."""
    adds_inside = node.kind in {"Steps", "DAG"} and not node.stage
    return node if adds_inside or node.boundary is None else run.node(node.boundary)


def _taken(run: Run, boundary: Node) -> Taken | None:
    """Return the limit that leaves no room now, None if there is room."""
    placed = [run.state.nodes[key] for key in run.state.live if run.state.nodes[key].placed]
    limit = run.program.parallelism
    if limit is not None and run.state.active_pods >= limit:
        names = tuple(item.display_name for item in placed if _is_pod(run, item))
        return Taken(limit, "the workflow's parallelism", names)
    own = run.template(boundary).parallelism if boundary.template else None
    if own is not None and boundary.active >= own:
        names = tuple(item.display_name for item in placed if item.boundary == boundary.id)
        return Taken(own, f"the parallelism of {boundary.display_name}", names)
    return None


def _is_pod(run: Run, node: Node) -> bool:
    return node.kind == "Pod" or (node.kind == "Retry" and run.template(node).kind == "Pod")


def _hook(run: Run, node: Node) -> Wait:
    reason = f"a hook of {node.display_name} is {run.state.hook_waits[node.id]}"
    return Wait("room", reason, node.id)


# ---------------------------------------------------------------------------------- questions


def _parked(run: Run, node: Node, rooms: Rooms) -> Wait:
    asked = run.state.questions.get(f"{node.stage}:{node.id}")
    if asked is None:
        if run.state.suspend:
            return Wait("suspended", "starts when the workflow is resumed", node.id)
        if node.stage == "room":
            return _room(run, node, "it goes on after a retry when there is a place; it", rooms)
        return _room(run, node, "it has not asked for what it needs yet, since it", rooms)
    if isinstance(asked.question, LocksWanted):
        return _locks(asked, node)
    return Wait("cache", "waits to hear what its cache knows", node.id)


def _locks(asked: Asked, node: Node | None = None) -> Wait:
    key = None if node is None else node.id
    question = asked.question
    wanted = [lock.key for lock in question.locks] if isinstance(question, LocksWanted) else []
    parts = [
        f"{lock.kind} {lock.key}"
        + (f", held by {words.listed(lock.holders)}" if lock.holders else ", which others wait for")
        for lock in asked.blocked
    ]
    names = tuple(holder for lock in asked.blocked for holder in lock.holders)
    if not parts:
        return Wait("lock", f"has asked for {words.listed(wanted)}; no answer yet", key)
    return Wait("lock", f"waits for {'; '.join(parts)}", key, names)


# --------------------------------------------------------------------------------- by its kind


def _suspend(run: Run, node: Node) -> Wait:
    unset = _unset(node)
    needs = f", who must set {words.listed(unset)}" if unset else ""
    try:
        until = ends_at(run, node)
    except CallError as exc:
        return Wait("person", exc.message, node.id)
    said = f": {words.short(node.message)}" if node.message else ""
    if until is None:
        how = f"`tiphys resume {run.state.name}`"
        return Wait("person", f"waits for a person{needs} ({how}){said}", node.id)
    reason = f"goes on by itself at {words.when(until)}, or when a person resumes it{said}"
    return Wait("time", reason, node.id, until=until)


def _unset(node: Node) -> list[str]:
    """Return the output parameters without which a suspend node cannot go on."""
    try:
        with_defaults(node.outputs)
    except CallError:
        items = node.outputs.parameters if node.outputs is not None else ()
        return [
            item.name
            for item in items
            if item.value is None
            and item.value_from is not None
            and item.value_from.default is None
        ]
    return []


def _backoff(node: Node, until: float) -> Wait:
    count = len(node.frame.attempts) if node.frame is not None else 0
    reason = f"{node.message} after attempt {count}; the next one is due at {words.when(until)}"
    return Wait("backoff", reason, node.id, until=until)


def _pending(run: Run, node: Node) -> Wait:
    said = f": {words.short(node.message)}" if node.message else ", which has not started it yet"
    try:
        limit = pending_limits(run, node)
    except CallError:
        limit = None
    until = f"; it fails if it is still Pending at {words.when(limit)}" if limit else ""
    return Wait("job", f"its job is with the runtime{said}{until}", node.id, until=limit)


def _running(run: Run, node: Node) -> Wait:
    host = f" on {node.host}" if node.host else ""
    progress = f", {node.progress} done" if node.progress not in {"", "0/1"} else ""
    end = _ends_at_latest(run, node)
    until = f"; it is ended at {words.when(end)} at the latest" if end is not None else ""
    return Wait("running", f"its job runs{host}{progress}{until}", node.id, until=end)


def _ends_at_latest(run: Run, node: Node) -> float | None:
    """Return when a running job's deadline passes; one counts from a start known to the second."""
    try:
        job = job_spec(run, node)
    except CallError:
        return None
    own = None if job.deadline_seconds is None else node.started_at + job.deadline_seconds
    return min((at for at in (own, job.deadline_at) if at is not None), default=None)
