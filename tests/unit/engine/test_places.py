"""Where artifacts and logs go: to the template's place, else the repository, else this disk."""

from __future__ import annotations

import pytest

from tiphys.executor.capture import log_artifact
from tiphys.messages import JobSpec
from tiphys.model.artifacts import (
    Artifact,
    ArtifactoryArtifact,
    AzureArtifact,
    HDFSArtifact,
    LocalArtifact,
    S3Artifact,
)
from tiphys.model.locations import complete, has_location
from tiphys.runtime.simulated import Outcome
from tiphys.testing.drive import Driver, admitted

TEXT = """
kind: Workflow
metadata: {name: w}
spec:
  entrypoint: main
  arguments: {parameters: [{name: p, value: x}]}
  SPEC
  templates:
  - name: main
    container: {image: x}
    TEMPLATE
    outputs:
      artifacts:
      - {name: a, path: /a}
      - {name: keyed, path: /b, s3: {key: mine}}
---
kind: ConfigMap
metadata:
  name: artifact-repositories
  annotations: {workflows.argoproj.io/default-artifact-repository: main}
data: {main: "REPOSITORY"}
"""


def played(repository: str, template: str = "", spec: str = "") -> Driver:
    text = TEXT.replace("REPOSITORY", repository).replace("TEMPLATE", template)
    driver = Driver(admitted(text.replace("SPEC", spec)), lambda _job: Outcome())
    driver.begin()
    driver.to_end()
    return driver


def job(repository: str, template: str = "", spec: str = "") -> JobSpec:
    [found] = played(repository, template, spec).world.jobs.values()
    return found.spec


def places(spec: JobSpec) -> tuple[Artifact, ...]:
    """Return where the first artifact and the log are said to be."""
    return (spec.template.outputs.artifacts[0], log_artifact(spec))


@pytest.mark.parametrize(
    ("repository", "field", "location"),
    [
        ("s3: {endpoint: e, bucket: b}", "s3", S3Artifact(key="w/w/a.tgz")),
        ("s3: {bucket: b, endpoint: e, keyFormat: 'k/{{workflow.parameters.p}}/{{pod.name}}'}",
         "s3", S3Artifact(key="k/x/w/a.tgz")),
        ("azure: {container: c, endpoint: e, blobNameFormat: f}", "azure",
         AzureArtifact(blob="f/a.tgz")),
        ("hdfs: {addresses: [node], pathFormat: /f}", "hdfs", HDFSArtifact(path="/f/a.tgz")),
        ("artifactory: {repoURL: 'http://h/repo'}", "artifactory",
         ArtifactoryArtifact(url="http://h/repo/w/w/a.tgz")),
        ("{}", "local", LocalArtifact(key="w/w/a.tgz")),
    ],
)  # fmt: skip
def test_artifacts_and_logs_go_to_the_place_of_their_pod(repository, field, location):
    spec = job(repository)
    artifact, log = places(spec)
    assert getattr(artifact, field) == location
    for item in (artifact, log):
        assert has_location(complete(item, spec.template.archive_location)) or field in (
            "artifactory",
        )
    name = {"azure": "blob", "hdfs": "path", "artifactory": "url"}.get(field, "key")
    where = getattr(getattr(artifact, field), name)
    assert getattr(getattr(log, field), name) == where.replace("a.tgz", "main.log")


def test_a_key_of_its_own_is_kept_and_completed_by_the_repository():
    spec = job("s3: {endpoint: e, bucket: b}")
    keyed = spec.template.outputs.artifacts[1]
    assert keyed.s3 == S3Artifact(key="mine")
    found = complete(keyed, spec.template.archive_location)
    assert found.s3 == S3Artifact(key="mine", bucket="b", endpoint="e")


def test_a_complete_archive_location_goes_before_the_repository():
    own = "archiveLocation: {s3: {endpoint: e, bucket: own, key: 'o/{{pod.name}}'}}"
    spec = job("gcs: {bucket: b}", own)
    assert places(spec)[0].s3 == S3Artifact(key="o/w/a.tgz")
    assert spec.template.archive_location.s3.bucket == "own"
    bare = job("gcs: {bucket: b}", "archiveLocation: {s3: {key: o}}")
    assert bare.template.archive_location.gcs.bucket == "b"


def test_a_tag_of_a_key_that_means_nothing_is_an_error():
    driver = played("s3: {endpoint: e, bucket: b, keyFormat: '{{inputs.parameters.none}}'}")
    assert driver.run.state.phase == "Error"
    assert "inputs.parameters.none" in driver.run.state.message


@pytest.mark.parametrize(
    ("repository", "template", "spec", "kept"),
    [
        ("archiveLogs: true", "archiveLocation: {archiveLogs: false}", "archiveLogs: false", True),
        ("archiveLogs: false", "archiveLocation: {archiveLogs: false}", "archiveLogs: true", False),
        ("{}", "", "archiveLogs: true", True),
        ("archiveLogs: false", "", "", False),
    ],
)
def test_logs_are_kept_if_the_repository_says_so_else_as_the_template_says(
    repository, template, spec, kept
):
    assert job(repository, template, spec).archive_logs is kept
