"""What runtimes report of jobs, turned into the phases of nodes.

Reports are idempotent: what a node has decided already is late news, and only settles its job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from tiphys.engine import daemons, outputs
from tiphys.engine.ending import finish
from tiphys.engine.nodes import containers
from tiphys.engine.resources import asked_for
from tiphys.engine.state import Node
from tiphys.messages import (
    ContainerReported,
    JobFinished,
    JobLost,
    JobProgressed,
    JobReady,
    JobReport,
    JobSettled,
    JobStarted,
    JobWaiting,
    NodeDone,
    NodePhaseChanged,
    NodeProgressed,
)

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def accept(run: Run, report: JobReport) -> None:
    """Apply one report. Of an unknown node or a settled job nothing follows."""
    node = run.state.nodes.get(report.job)
    if node is None or node.id not in run.state.jobs:
        return
    if node.fulfilled and not node.daemoned:
        _late(run, node, report)
        return
    match report:
        case JobFinished():
            _finished(run, node, report)
        case JobLost():
            containers.end(run, node, "Error", "container deleted")
            finish(run, node, "Error", report.message)
        case JobProgressed():
            if valid_progress(report.progress) and report.progress != node.progress:
                run.emit(NodeProgressed(node=node.id, progress=report.progress))
        case ContainerReported():
            containers.report(run, node, report)
        case JobWaiting() | JobStarted() | JobReady():
            _under_way(run, node, report)
        case _:
            assert_never(report)


def _under_way(run: Run, node: Node, report: JobWaiting | JobStarted | JobReady) -> None:
    """A job waits, runs or serves. A daemon that does not serve yet is Pending; so is a request."""
    daemon = run.template(node).daemon
    if isinstance(report, JobReady):
        if daemon:
            daemons.ready(run, node, report.ip)
    elif node.phase != "Pending" or node.kind == "HTTP":
        return
    elif isinstance(report, JobWaiting):
        if node.kind == "Pod" and report.message != node.message:
            run.emit(
                NodePhaseChanged(at=run.at, node=node.id, phase="Pending", message=report.message)
            )
    elif not daemon:
        run.emit(NodePhaseChanged(at=run.at, node=node.id, phase="Running", host=report.host))


def _finished(run: Run, node: Node, report: JobFinished) -> None:
    phase = report.phase
    if run.template(node).daemon and phase == "Succeeded":
        phase = "Failed"  # a daemon is not meant to end by itself
    for item in report.containers:
        containers.report(run, node, item)
    left = "" if phase == "Succeeded" else "Pod Failed whilst container running"
    containers.end(run, node, phase, left)
    outputs.export(run, report.outputs)
    run.emit(
        NodeDone(
            at=run.at,
            node=node.id,
            phase=phase,
            message=report.message,
            outputs=report.outputs,
            usage=report.usage,
            resources=asked_for(run, node, report.usage),
        )
    )


def _late(run: Run, node: Node, report: JobReport) -> None:
    if isinstance(report, JobFinished):
        resources = asked_for(run, node, report.usage)
        run.emit(JobSettled(at=run.at, node=node.id, usage=report.usage, resources=resources))
    elif isinstance(report, JobLost):
        run.emit(JobSettled(at=run.at, node=node.id))


def valid_progress(text: str) -> bool:
    """Return whether a text is "N/M" with 0 <= N <= M and M > 0."""
    done, _, total = text.partition("/")
    return done.isdecimal() and total.isdecimal() and int(total) > 0 and int(done) <= int(total)
