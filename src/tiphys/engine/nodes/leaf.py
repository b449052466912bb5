"""Leaf nodes: one job each. What comes of the job arrives as reports (`reports.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiphys.engine.ending import finish
from tiphys.engine.jobs import job_spec, pending_limits
from tiphys.engine.nodes import containers
from tiphys.engine.resolving import CallError
from tiphys.engine.state import Node
from tiphys.messages import SetTimer, StartJob

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def react(run: Run, node: Node) -> None:
    """Have the job started; a job that cannot be described is an Error."""
    if node.phase != "Pending":
        return
    try:
        job = job_spec(run, node)
        limit = pending_limits(run, node)
    except CallError as exc:
        finish(run, node, "Error", exc.message)
        return
    containers.add(run, node)
    if limit is not None:
        run.command(SetTimer(timer=f"pending:{node.id}", at=limit))
    run.command(StartJob(job=job))


def react_never(run: Run, node: Node) -> None:
    """A node that will not run has nothing to do."""
