"""What the ledger of deletions adds to a workflow that is shown: what is gone, what failed.

Source: reference/executor.md 11.7, 11.8, reference/engine-operations.md 11.7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from tiphys.model.artifact_gc import FINALIZER, ON_COMPLETION, ON_DELETION, failure_condition
from tiphys.model.base import Json, JsonObject
from tiphys.ports import DeletionRow


def show_deletions(
    workflow: JsonObject, nodes: Mapping[str, JsonObject], rows: Sequence[DeletionRow]
) -> None:
    """Write what became of a workflow's artifacts into its document and its nodes."""
    gone = {(row.deletion.node, row.deletion.artifact.name) for row in rows if _is_gone(row)}
    for key, artifact in _artifacts(nodes):
        if (key, artifact.get("name")) in gone:
            artifact["deleted"] = True
    status = workflow.get("status")
    if rows and isinstance(status, dict):
        processed = {row.deletion.strategy: True for row in rows}
        status["artifactGCStatus"] = {"strategiesProcessed": {**processed}}
        failed = ((row.error, row.deletion.task) for row in rows if row.state == "failed")
        condition = failure_condition(failed)
        known = status.get("conditions")
        if condition is not None:
            own = known if isinstance(known, list) else []
            status["conditions"] = [*own, msgspec.to_builtins(condition)]
    if _is_over(workflow) and not any(_stays(workflow, nodes)):
        _drop_finalizer(workflow)


def _is_gone(row: DeletionRow) -> bool:
    return row.state == "deleted"


def _artifacts(nodes: Mapping[str, JsonObject]) -> Iterator[tuple[str, JsonObject]]:
    for key, node in nodes.items():
        outputs = node.get("outputs") if node.get("type") == "Pod" else None
        found = outputs.get("artifacts") if isinstance(outputs, dict) else None
        for item in found if isinstance(found, list) else ():
            if isinstance(item, dict):
                yield key, item


def _is_over(workflow: JsonObject) -> bool:
    status = workflow.get("status")
    return isinstance(status, dict) and bool(status.get("finishedAt"))


def _stays(workflow: JsonObject, nodes: Mapping[str, JsonObject]) -> Iterator[bool]:
    """Yield for each artifact whether it is still to be deleted some day."""
    status = workflow.get("status")
    stored = status.get("storedWorkflowTemplateSpec") if isinstance(status, dict) else None
    whole = _strategy(stored if isinstance(stored, dict) else workflow.get("spec"))
    for _, artifact in _artifacts(nodes):
        strategy = _strategy(artifact) or whole
        yield strategy in (ON_COMPLETION, ON_DELETION) and not artifact.get("deleted")


def _strategy(holder: Json) -> str:
    rule = holder.get("artifactGC") if isinstance(holder, dict) else None
    return str(rule.get("strategy") or "") if isinstance(rule, dict) else ""


def _drop_finalizer(workflow: JsonObject) -> None:
    metadata = workflow.get("metadata")
    names = metadata.get("finalizers") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(names, list):
        return
    left = [name for name in names if name != FINALIZER]
    rest: Iterable[tuple[str, Json]] = ((k, v) for k, v in metadata.items() if k != "finalizers")
    workflow["metadata"] = {**dict(rest), **({"finalizers": left} if left else {})}
