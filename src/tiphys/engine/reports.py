"""What runtimes report of jobs, turned into the phases of nodes.

Reports are idempotent: what a node has decided already is late news, and only settles its job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from tiphys.engine import outputs
from tiphys.engine.ending import finish
from tiphys.engine.state import Node
from tiphys.messages import (
    JobFinished,
    JobLost,
    JobProgressed,
    JobReport,
    JobSettled,
    JobStarted,
    NodeDone,
    NodePhaseChanged,
    NodeProgressed,
)

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def accept(run: Run, report: JobReport) -> None:
    """Apply one report. Of an unknown node or a settled job nothing follows."""
    node = run.state.nodes.get(report.job)
    if node is None or node.kind != "Pod" or node.id not in run.state.jobs:
        return
    if node.fulfilled:
        _late(run, node, report)
        return
    match report:
        case JobStarted():
            if node.phase == "Pending":
                run.emit(
                    NodePhaseChanged(at=run.at, node=node.id, phase="Running", host=report.host)
                )
        case JobProgressed():
            if valid_progress(report.progress) and report.progress != node.progress:
                run.emit(NodeProgressed(node=node.id, progress=report.progress))
        case JobFinished():
            outputs.export(run, report.outputs)
            run.emit(
                NodeDone(
                    at=run.at,
                    node=node.id,
                    phase=report.phase,
                    message=report.message,
                    outputs=report.outputs,
                    usage=report.usage,
                )
            )
        case JobLost():
            finish(run, node, "Error", report.message)
        case _:
            assert_never(report)


def _late(run: Run, node: Node, report: JobReport) -> None:
    if isinstance(report, JobFinished):
        run.emit(JobSettled(at=run.at, node=node.id, usage=report.usage))
    elif isinstance(report, JobLost):
        run.emit(JobSettled(at=run.at, node=node.id))


def valid_progress(text: str) -> bool:
    """Return whether a text is "N/M" with 0 <= N <= M and M > 0."""
    done, _, total = text.partition("/")
    return done.isdecimal() and total.isdecimal() and int(total) > 0 and int(done) <= int(total)
