"""The options of a submit."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tiphys.errors import UserError
from tiphys.model.arguments import Arguments
from tiphys.model.artifacts import Artifact, S3Artifact
from tiphys.model.meta import ObjectMeta, OwnerReference
from tiphys.model.spec import WorkflowSpec
from tiphys.model.workflow import Workflow, WorkflowTemplate
from tiphys.service.artifact_keys import parse_artifacts
from tiphys.service.submit import Overrides, apply_options, from_template, parse_pairs

PLACED = Artifact(name="a", s3=S3Artifact(bucket="b", key="old"))


def with_artifacts(*artifacts: Artifact) -> Workflow:
    return Workflow(spec=WorkflowSpec(arguments=Arguments(artifacts=artifacts)))


def test_labels_and_annotations_are_put_over_those_there_are():
    known = ObjectMeta(name="w", labels={"a": "1", "b": "1"}, annotations={"x": "1"})
    options = Overrides(labels=[("b", "2")], annotations=[("x", "2"), ("y", "3")])
    found = apply_options(Workflow(metadata=known), options).metadata
    assert found.labels == {"a": "1", "b": "2"}
    assert found.annotations == {"x": "2", "y": "3"}


def test_an_owner_and_a_priority_class_are_set():
    owner = OwnerReference(kind="Job", name="j", uid="u")
    found = apply_options(
        Workflow(), Overrides(owner_reference=owner, pod_priority_class_name="high")
    )
    assert found.metadata.owner_references == (owner,)
    assert found.spec.pod_priority_class_name == "high"


def test_the_key_of_an_artifact_is_overridden_and_its_place_kept():
    options = Overrides(artifacts=[("a", "new")])
    (found,) = apply_options(with_artifacts(PLACED), options).spec.arguments.artifacts
    assert found.s3 == S3Artifact(bucket="b", key="new")


def test_an_artifact_without_a_place_lies_in_the_local_repository():
    options = Overrides(artifacts=[("a", "new")])
    (found,) = apply_options(with_artifacts(Artifact(name="a")), options).spec.arguments.artifacts
    assert found.local is not None
    assert found.local.key == "new"


def test_an_artifact_of_the_template_is_copied_first():
    spec = WorkflowSpec(arguments=Arguments(artifacts=(PLACED,)))
    template = WorkflowTemplate(metadata=ObjectMeta(name="t"), spec=spec)
    options = Overrides(artifacts=[("a", "new")])
    found = apply_options(from_template(template), options, [template]).spec.arguments.artifacts
    assert found == (replace(PLACED, s3=S3Artifact(bucket="b", key="new")),)


def test_an_artifact_that_there_is_not_is_named():
    options = Overrides(artifacts=[("x", "1"), ("a", "2"), ("y", "3")])
    with pytest.raises(UserError, match=r"^artifact override\(s\) matched no artifact: x, y$"):
        apply_options(with_artifacts(PLACED), options)


def test_malformed_pairs_are_quoted():
    with pytest.raises(UserError, match=r"expected artifact of the form: NAME=KEY\. Received: a$"):
        parse_artifacts(["a"])
    with pytest.raises(UserError, match=r"expected labels of the form: .*Received: a=1,b$"):
        parse_pairs("a=1,b")
    with pytest.raises(UserError, match=r"expected Annotations of the form: .*Received: b$"):
        parse_pairs("b", "Annotations")
