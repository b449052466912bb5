"""What is shown of artifacts that were deleted, or could not be."""

from __future__ import annotations

from typing import Any

from tiphys.model.artifact_gc import FINALIZER, Deletion
from tiphys.model.artifacts import Artifact
from tiphys.model.ids import RunId
from tiphys.ports import DeletionRow
from tiphys.service.deleted import show_deletions


def shown(*rows: DeletionRow, strategy: str = "OnWorkflowCompletion", **status: Any) -> Any:
    workflow: dict[str, Any] = {
        "metadata": {"name": "w", "finalizers": ["mine", FINALIZER]},
        "spec": {"artifactGC": {"strategy": strategy}},
        "status": {"finishedAt": "then", "conditions": [], "artifactGCStatus": {}, **status},
    }
    artifacts = [{"name": "a"}, {"name": "b", "artifactGC": {"strategy": "Never"}}]
    nodes: dict[str, Any] = {
        "n": {"type": "Pod", "outputs": {"artifacts": artifacts}},
        "group": {"type": "Steps", "outputs": {"artifacts": [{"name": "a"}]}},
    }
    show_deletions(workflow, nodes, rows)
    return workflow, artifacts


def row(state: Any, error: str = "") -> DeletionRow:
    deletion = Deletion("n", "OnWorkflowCompletion", "task", Artifact(name="a"))
    return DeletionRow(RunId("r"), "work", deletion, state=state, error=error)


def test_a_deleted_artifact_is_marked_and_the_finalizer_goes_with_the_last() -> None:
    workflow, artifacts = shown(row("deleted"))
    assert artifacts[0]["deleted"] is True
    assert "deleted" not in artifacts[1]
    assert workflow["metadata"]["finalizers"] == ["mine"]
    processed = {"OnWorkflowCompletion": True}
    assert workflow["status"]["artifactGCStatus"] == {"strategiesProcessed": processed}


def test_a_failure_is_a_condition_and_keeps_the_finalizer() -> None:
    workflow, artifacts = shown(row("failed", "no such bucket"))
    assert "deleted" not in artifacts[0]
    assert FINALIZER in workflow["metadata"]["finalizers"]
    assert workflow["status"]["conditions"] == [
        {
            "type": "ArtifactGCError",
            "status": "True",
            "message": "no such bucket (artifactGCTask: task)",
        }
    ]


def test_what_is_deleted_with_the_workflow_keeps_the_finalizer() -> None:
    workflow, _ = shown(strategy="OnWorkflowDeletion")
    assert FINALIZER in workflow["metadata"]["finalizers"]
    assert workflow["status"]["artifactGCStatus"] == {}


def test_a_workflow_at_work_keeps_the_finalizer_and_one_of_a_template_has_its_rule() -> None:
    workflow, _ = shown(strategy="Never", finishedAt=None)
    assert FINALIZER in workflow["metadata"]["finalizers"]
    stored = {"artifactGC": {"strategy": "OnWorkflowDeletion"}}
    workflow, _ = shown(strategy="", storedWorkflowTemplateSpec=stored)
    assert FINALIZER in workflow["metadata"]["finalizers"]
