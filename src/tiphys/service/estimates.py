"""How long a workflow will take: as long as the last one of its template that succeeded.

Source: reference/engine.md 1.13.5; argo workflow/estimation/estimator.go.
"""

from __future__ import annotations

import msgspec

from tiphys.messages import Estimates
from tiphys.model.times import time_seconds
from tiphys.ports import Queries, RunRow

_LABELS = ("workflow-template", "cluster-workflow-template", "cron-workflow")


class _Times(msgspec.Struct, rename="camel", frozen=True):
    name: str = ""
    started_at: str | None = None
    finished_at: str | None = None

    @property
    def seconds(self) -> int:
        """How long it took, in whole seconds; 0 if that is not known."""
        if not self.started_at or not self.finished_at:
            return 0
        return max(0, int(time_seconds(self.finished_at) - time_seconds(self.started_at)))


class _Summary(msgspec.Struct, frozen=True):
    status: _Times = _Times()


class _Metadata(msgspec.Struct, frozen=True):
    labels: dict[str, str] = {}


class _Workflow(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()


_WORKFLOW = msgspec.json.Decoder(_Workflow)
_SUMMARY = msgspec.json.Decoder(_Summary)
_NODE = msgspec.json.Decoder(_Times)


async def estimates(history: Queries, row: RunRow) -> Estimates | None:
    """Return what an earlier run tells of a new one, None if there was none like it."""
    labels = _WORKFLOW.decode(row.document).metadata.labels
    keys = [f"workflows.argoproj.io/{name}" for name in _LABELS]
    key = next((key for key in keys if key in labels), None)
    if key is None:
        return None
    earlier = await history.last_success(row.namespace, key, labels[key])
    if earlier is None:
        return None
    nodes = [_NODE.decode(data) for data in await history.nodes(earlier.run)]
    return Estimates(
        workflow=earlier.name,
        seconds=_SUMMARY.decode(earlier.summary).status.seconds,
        nodes={node.name: node.seconds for node in nodes if node.seconds},
    )
