"""Which artifacts are deleted when."""

from __future__ import annotations

import pytest

from tiphys.model.arguments import Outputs
from tiphys.model.artifact_gc import (
    Ending,
    failure_condition,
    failure_event,
    strategies_of,
    task_name,
    to_delete,
)
from tiphys.model.artifacts import Artifact, ArtifactLocation, S3Artifact
from tiphys.model.meta import Metadata
from tiphys.model.policies import ArtifactGC, WorkflowLevelArtifactGC
from tiphys.model.spec import WorkflowSpec
from tiphys.model.status import NodeStatus

BASE = ArtifactLocation(s3=S3Artifact(endpoint="e", bucket="b", key="wf/pod"))


def artifact(name, strategy=None, **more):
    rule = ArtifactGC(strategy=strategy) if strategy is not None else None
    return Artifact(name=name, s3=S3Artifact(key=f"k/{name}"), artifact_gc=rule, **more)


def node(*artifacts, kind="Pod"):
    return NodeStatus(id="n", type=kind, outputs=Outputs(artifacts=artifacts))


def spec(strategy=""):
    return WorkflowSpec(artifact_gc=WorkflowLevelArtifactGC(strategy=strategy))


def names(strategy, *artifacts, completed=True, deleted=False, kind="Pod"):
    ending = Ending("wf", completed, deleted)
    found = to_delete(spec(strategy), [node(*artifacts, kind=kind)], ending, lambda _: BASE)
    return [item.artifact.name for item in found]


@pytest.mark.parametrize(
    ("whole", "own", "completed", "deleted", "gone"),
    [
        ("OnWorkflowCompletion", None, True, False, True),
        ("OnWorkflowCompletion", None, False, False, False),
        ("OnWorkflowCompletion", None, False, True, True),
        ("OnWorkflowDeletion", None, True, False, False),
        ("OnWorkflowDeletion", None, True, True, True),
        ("OnWorkflowDeletion", "OnWorkflowCompletion", True, False, True),
        ("OnWorkflowCompletion", "Never", True, True, False),
        ("OnWorkflowCompletion", "", True, False, True),
        ("", "OnWorkflowCompletion", True, False, True),
        ("Never", None, True, True, False),
        ("", None, True, True, False),
    ],
)
def test_an_artifacts_own_rule_goes_before_the_workflows(whole, own, completed, deleted, gone):
    found = names(whole, artifact("a", own), completed=completed, deleted=deleted)
    assert found == (["a"] if gone else [])


def test_logs_are_deleted_by_the_workflows_rule_and_only_pods_have_artifacts():
    assert names("OnWorkflowCompletion", artifact("main-logs")) == ["main-logs"]
    assert names("OnWorkflowCompletion", artifact("a"), kind="Steps") == []
    assert names("OnWorkflowCompletion", artifact("a", deleted=True), artifact("b")) == ["b"]


def test_what_is_deleted_is_complete_and_belongs_to_a_task():
    ending = Ending("wf", completed=True)
    found = to_delete(spec("OnWorkflowCompletion"), [node(artifact("a"))], ending, lambda _: BASE)[
        0
    ]
    assert found.artifact.s3 == S3Artifact(endpoint="e", bucket="b", key="k/a")
    assert (found.node, found.task) == ("n", "wf-artgc-wfcomp-2166136261-0")


def test_each_service_account_and_metadata_has_its_task():
    plain = task_name("wf", "OnWorkflowDeletion", ArtifactGC())
    assert plain == "wf-artgc-wfdel-2166136261-0"
    labels = Metadata(labels={"b": "2", "a": "1"})
    other = ArtifactGC(service_account_name="sa", pod_metadata=labels)
    same = ArtifactGC(service_account_name="sa", pod_metadata=Metadata(labels={"a": "1", "b": "2"}))
    assert task_name("wf", "OnWorkflowDeletion", other) == task_name(
        "wf", "OnWorkflowDeletion", same
    )
    assert task_name("wf", "OnWorkflowDeletion", other) != plain


def test_a_workflow_gets_the_finalizer_when_any_output_is_to_be_deleted():
    outputs = Outputs(artifacts=(Artifact(name="a", path="/a"),))
    assert strategies_of(spec("OnWorkflowDeletion"), [outputs]) == {"OnWorkflowDeletion"}
    assert not strategies_of(spec("Never"), [outputs])
    assert not strategies_of(spec(), [outputs])
    assert not strategies_of(spec("OnWorkflowDeletion"), [Outputs()])


def test_failures_are_told_in_argos_words():
    found = failure_condition([("no bucket", "t-0"), ("no bucket", "t-0"), ("no key", "u-0")])
    assert (found.type, found.status) == ("ArtifactGCError", "True")
    assert found.message == "no bucket (artifactGCTask: t-0), no key (artifactGCTask: u-0)"
    assert failure_condition([]) is None
    assert failure_event("OnWorkflowDeletion", "x") == (
        "Artifact Garbage Collection failed for strategy OnWorkflowDeletion, err:x"
    )
