"""The artifact repository is found when a workflow is admitted, and stays what it was then."""

from __future__ import annotations

from typing import Any

import pytest

from tiphys.compile.admit import admit, documents_of, recompile
from tiphys.compile.needs import Runtime
from tiphys.compile.site import Site
from tiphys.errors import InvalidDocument, Unsupported
from tiphys.model.codec import convert
from tiphys.model.repositories import ArtifactRepository
from tiphys.model.workflow import Workflow
from tiphys.runtime.simulated import ALL

DEFAULT = "workflows.argoproj.io/default-artifact-repository"
S3 = "s3: {endpoint: e, bucket: %s}"


def workflow(**spec: Any) -> Workflow:
    main = {"name": "main", "container": {"image": "x", "command": ["x"]}}
    document = {
        "metadata": {"name": "w", "namespace": "work", "uid": "u"},
        "spec": {"entrypoint": "main", "templates": [main], **spec},
    }
    return convert(document, Workflow)


def config_map(bucket: str, name: str = "artifact-repositories", **metadata: Any) -> object:
    return {
        "kind": "ConfigMap",
        "metadata": {"name": name, "annotations": {DEFAULT: "main"}, **metadata},
        "data": {"main": S3 % bucket, "other": S3 % f"{bucket}-other"},
    }


def repository(
    documents: list[object], default: ArtifactRepository | None = None, **spec: Any
) -> dict[str, Any] | None:
    site = Site(repository=default)
    made = admit(workflow(**spec), documents, 0.0, runtime=Runtime("r", ALL), site=site)
    again = recompile(made.event)
    assert again.repository == made.program.repository
    return made.event.repository  # type: ignore[return-value]  # JSON


def test_of_two_config_maps_the_one_beside_the_workflow_counts() -> None:
    found = repository([config_map("stored", namespace="work"), config_map("beside")])
    assert found == {
        "namespace": "work",
        "configMap": "artifact-repositories",
        "key": "main",
        "artifactRepository": {"s3": {"endpoint": "e", "bucket": "beside"}},
    }


def test_the_reference_of_the_workflow_goes_before_the_default() -> None:
    reference = {"configMap": "mine", "key": "other"}
    maps = [config_map("a"), config_map("b", name="mine")]
    found = repository(maps, artifactRepositoryRef=reference)
    assert found is not None
    assert found["artifactRepository"]["s3"]["bucket"] == "b-other"


def test_the_setting_counts_where_the_namespace_has_no_config_map() -> None:
    default = convert({"gcs": {"bucket": "b"}}, ArtifactRepository)
    found = repository([config_map("elsewhere", namespace="other")], default)
    assert found == {"default": True, "artifactRepository": {"gcs": {"bucket": "b"}}}
    assert repository([]) is None


def test_the_config_map_stays_with_the_workflow_whatever_its_labels_are() -> None:
    labels = {"workflows.argoproj.io/configmap-type": "Cache"}
    kept = config_map("b", labels=labels)
    made = admit(workflow(), [kept, config_map("x", name="other", labels=labels)], 0.0)
    assert made.event.documents == [kept]
    again = admit(workflow(), documents_of(made.event), 0.0)
    assert again.event.repository == made.event.repository


def test_a_reference_behind_which_nothing_stands_is_refused() -> None:
    with pytest.raises(InvalidDocument, match=r'artifact repository ref "none#"') as caught:
        repository([config_map("a")], artifactRepositoryRef={"configMap": "none"})
    assert caught.value.findings[0].path == "spec.artifactRepositoryRef"


def test_a_store_whose_package_is_missing_is_refused_with_the_command_that_installs_it() -> None:
    runtime = Runtime("sandbox", ALL - {"artifacts.s3"})
    with pytest.raises(Unsupported, match=r"pip install 'tiphys\[s3\]'"):
        admit(workflow(), [config_map("a")], 0.0, runtime=runtime)
    argument = {"name": "a", "s3": {"endpoint": "e", "bucket": "b", "key": "k"}}
    with pytest.raises(Unsupported, match=r"pip install 'tiphys\[s3\]'"):
        admit(workflow(arguments={"artifacts": [argument]}), [], 0.0, runtime=runtime)
