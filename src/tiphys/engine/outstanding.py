"""What a state wants of the world and may not have: the whole of recovery's commands.

Derived from the state, never stored: start the jobs that should run, stop those that should not,
set the timers that should ring. All are idempotent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiphys.engine import cleanup
from tiphys.engine.ending import GRACE_SECONDS
from tiphys.engine.jobs import job_spec, pending_limits
from tiphys.engine.nodes.suspend import ends_at
from tiphys.engine.resolving import CallError
from tiphys.engine.state import Node
from tiphys.engine.verdict import deadline_at
from tiphys.messages import Ask, Command, DropJobs, SetTimer, StartJob, StopJob

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def outstanding(run: Run) -> list[Command]:
    """Return the commands that a run without memory of its commands must send again."""
    state = run.state
    if state.done:
        return []
    found: list[Command] = [Ask(question=asked.question) for asked in state.questions.values()]
    if state.dropping:
        found.insert(0, DropJobs(jobs=tuple(state.dropping)))
    if not state.started_at:
        return found
    at = deadline_at(run)
    if at is not None and not state.deadline_passed:
        found.append(SetTimer(timer="deadline", at=at))
    for key, wanted in state.jobs.items():
        if wanted:
            found.extend(_job(run, state.nodes[key]))
        else:
            found.append(StopJob(job=key, grace=GRACE_SECONDS))
    return [*found, *live_timers(run), *cleanup.outstanding_drops(run)]


def live_timers(run: Run) -> list[Command]:
    """Return the timers of the nodes that are not fulfilled."""
    return [timer for key in run.state.live for timer in _timers(run, run.state.nodes[key])]


def _job(run: Run, node: Node) -> list[Command]:
    try:
        return [StartJob(job=job_spec(run, node))]
    except CallError:
        return []  # the node became Error when it was first touched, or will when it is


def _timers(run: Run, node: Node) -> list[Command]:
    try:
        if node.stage:
            return []
        if node.kind == "Suspend":
            at = ends_at(run, node)
            return [] if at is None else [SetTimer(timer=f"suspend:{node.id}", at=at)]
        if node.kind == "Retry" and node.frame is not None and node.frame.until:
            return [SetTimer(timer=f"retry:{node.id}", at=node.frame.until)]
        if node.id in run.state.jobs and node.phase == "Pending":
            at = pending_limits(run, node)
            return [] if at is None else [SetTimer(timer=f"pending:{node.id}", at=at)]
    except CallError:
        return []
    return []
