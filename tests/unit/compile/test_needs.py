"""What a runtime cannot do is refused by name and path; what it can do is not."""

from __future__ import annotations

import pytest

from tiphys.compile.needs import CONTAINER, SPEC, TEMPLATE, Runtime, unsupported
from tiphys.model.codec import convert
from tiphys.model.spec import WorkflowSpec
from tiphys.runtime.simulated import ALL

NOTHING = Runtime("bare", frozenset())
MAIN = {"name": "main", "container": {"image": "x"}}
CASES = [
    ({"artifactGC": {"strategy": "OnWorkflowDeletion"}}, "artifactGC", "spec.artifactGC"),
    ({"volumes": [{"name": "v", "secret": {}}]}, "volumes.secret", "spec.volumes[0]"),
    ({"templates": [{"name": "a", "http": {"url": "u"}}]}, "http", "spec.templates[0].http"),
    (
        {"templates": [{**MAIN, "sidecars": [{"name": "s"}]}]},
        "sidecars",
        "spec.templates[0].sidecars",
    ),
    (
        {"templates": [{"name": "a", "script": {"source": "", "envFrom": [{"prefix": "p"}]}}]},
        "envFrom",
        "spec.templates[0].script.envFrom",
    ),
    (
        {"arguments": {"artifacts": [{"name": "a", "http": {"url": "u"}}]}},
        "artifacts.http",
        "spec.arguments.artifacts[0].http",
    ),
    (
        {"templates": [{"name": "a", "steps": [[{"name": "s", "inline": {"data": {}}}]]}]},
        "data",
        "spec.templates[0].steps[0][0].inline.data",
    ),
]


@pytest.mark.parametrize(("spec", "feature", "path"), CASES)
def test_a_missing_feature_is_refused_at_its_path(spec, feature, path):
    found = unsupported(convert(spec, WorkflowSpec), NOTHING)
    assert [item.path for item in found] == [path]
    assert "the bare runtime does not have" in found[0].reason
    assert not unsupported(convert(spec, WorkflowSpec), Runtime("able", frozenset({feature})))


def test_a_volume_that_nobody_declares_is_refused_whatever_the_runtime():
    container = {"image": "x", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    spec = convert({"templates": [{"name": "a", "container": container}]}, WorkflowSpec)
    assert "'v' is not declared" in unsupported(spec, Runtime("able", ALL))[0].reason


def test_the_simulated_runtime_can_do_everything_one_can_ask_for():
    tables = (SPEC, TEMPLATE, CONTAINER)
    assert {feature for table in tables for feature, _ in table.values()} <= ALL


def test_a_look_up_in_the_network_is_refused_wherever_it_stands():
    call = "{{=sprig.getHostByName('a')}}"
    spec = convert(
        {"templates": [{"name": "a", "container": {"image": "x", "args": ["b", call]}}]},
        WorkflowSpec,
    )
    (found,) = unsupported(spec, Runtime("all", ALL))
    assert found.path == "spec.templates[0].container.args[1]"
    assert "sprig.getHostByName is not supported" in found.reason


def test_a_plugin_that_the_settings_do_not_name_is_refused_by_its_name():
    def found(name, *features):
        plugin = {"name": name, "configuration": "c", "key": "k"}
        artifact = {"name": "a", "path": "/a", "plugin": plugin}
        spec = {"templates": [{**MAIN, "outputs": {"artifacts": [artifact]}}]}
        able = Runtime("able", frozenset({"artifacts.plugin", *features}))
        return [item.reason for item in unsupported(convert(spec, WorkflowSpec), able)]

    said = "artifact driver x not found (spec.templates[0].outputs.artifacts[0].plugin.name)"
    assert found("x", "artifacts.plugin.y") == [said]
    assert found("x", "artifacts.plugin.x") == found("x", "artifacts.plugin.*") == []
    assert found("{{inputs.parameters.p}}") == []


@pytest.mark.parametrize(
    ("store", "field", "value"),
    [
        ("hdfs", "krbKeytabSecret", {"name": "s", "key": "k"}),
        ("hdfs", "krbCCacheSecret", {"name": "s", "key": "k"}),
        ("hdfs", "dataTransferProtection", "privacy"),
        ("oss", "useSDKCreds", True),
        ("s3", "encryptionOptions.kmsEncryptionContext", "c"),
    ],
)
def test_what_no_driver_heeds_is_refused_at_its_field_before_anything_runs(store, field, value):
    outer, _, inner = field.partition(".")
    location = {outer: {inner: value} if inner else value}
    artifact = {"name": "a", "path": "/a", store: location}
    spec = {"templates": [{**MAIN, "outputs": {"artifacts": [artifact]}}]}
    (found,) = unsupported(
        convert(spec, WorkflowSpec), Runtime("able", ALL - {f"artifacts.{store}.{field}"})
    )
    assert found.path == f"spec.templates[0].outputs.artifacts[0].{store}.{field}"
    assert f"{store}.{field} is not supported by this version" in found.reason
    assert found.hint
    assert not unsupported(convert(spec, WorkflowSpec), Runtime("all", ALL))
