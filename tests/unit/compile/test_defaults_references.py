"""Defaults and referenced templates lie under what the user wrote."""

import pytest

from tiphys.compile.defaults import apply_template_defaults, apply_workflow_defaults
from tiphys.compile.references import find_document, has_location, join_specs, template_store
from tiphys.errors import InvalidDocument
from tiphys.model.codec import load
from tiphys.model.spec import WorkflowTemplateRef


def workflow(text, metadata="{name: wf}"):
    body = "\n".join("  " + line for line in text.strip().splitlines())
    return load(f"kind: Workflow\nmetadata: {metadata}\nspec:\n{body}")[0]


def spec(text):
    return workflow(text).spec


def test_the_higher_document_wins_and_parameters_with_a_value_come_whole():
    joined = join_specs(
        spec('arguments: {parameters: [{name: a, value: "2"}]}'),
        spec(
            'arguments: {parameters: [{name: a, value: "1", enum: ["1", "2"]}, '
            "{name: b, value: x}]}\nparallelism: 3"
        ),
        spec("parallelism: 9\npriority: 5"),
    )
    a, b = joined.arguments.parameters
    assert (a.name, a.value, a.enum) == ("a", "2", None)
    assert (b.name, b.value) == ("b", "x")
    assert (joined.parallelism, joined.priority) == (3, 5)


def test_suspend_is_always_the_workflows_own():
    assert join_specs(spec("entrypoint: a"), spec("suspend: true")).suspend is None
    assert join_specs(spec("suspend: false"), spec("suspend: true")).suspend is False


def test_hooks_come_whole():
    joined = join_specs(
        spec("hooks: {exit: {template: q}}"),
        spec("hooks: {exit: {template: z, expression: e}, run: {template: r, expression: f}}"),
    )
    assert joined.hooks["exit"].expression == ""
    assert joined.hooks["run"].template == "r"


def test_a_key_keeps_the_bucket_of_the_artifact_below():
    joined = join_specs(
        spec("arguments: {artifacts: [{name: i, s3: {key: new}}]}"),
        spec("arguments: {artifacts: [{name: i, s3: {bucket: b, endpoint: e, key: old}}]}"),
    )
    artifact = joined.arguments.artifacts[0]
    assert (artifact.s3.bucket, artifact.s3.key) == ("b", "new")
    replaced = join_specs(
        spec("arguments: {artifacts: [{name: i, raw: {data: x}}]}"),
        spec("arguments: {artifacts: [{name: i, s3: {bucket: b, key: old}}]}"),
    )
    assert replaced.arguments.artifacts[0].s3 is None


def test_only_the_default_of_the_templates_own_kind_counts():
    given = spec(
        "templates: [{name: a, container: {args: [x]}}]\n"
        "templateDefaults: {name: d, container: {image: q}, script: {image: z}, steps: [], "
        "retryStrategy: {limit: 1}}"
    )
    made = apply_template_defaults(given.templates[0], given.template_defaults)
    assert (made.name, made.container.image, made.container.args) == ("a", "q", ("x",))
    assert made.script is None
    assert made.steps is None
    assert made.retry_strategy.limit == 1


def test_workflow_defaults_add_what_is_missing():
    defaults = {"metadata": {"labels": {"a": "1", "b": "2"}, "name": "no"}, "spec": {"priority": 3}}
    made = apply_workflow_defaults(
        workflow("entrypoint: x", "{name: wf, labels: {b: own}}"), defaults
    )
    assert made.metadata.labels == {"a": "1", "b": "own"}
    assert made.metadata.name == "wf"
    assert made.spec.priority == 3


def test_a_missing_document_is_named_with_its_neighbour():
    store = template_store(load("kind: ClusterWorkflowTemplate\nmetadata: {name: build}"))
    with pytest.raises(InvalidDocument) as caught:
        find_document(store, WorkflowTemplateRef(name="bild", cluster_scope=True))
    finding = caught.value.findings[0]
    assert finding.reason == 'couldn\'t find cluster workflow template "bild"'
    assert finding.hint == "did you mean `build`?"


@pytest.mark.parametrize(
    ("artifact", "expected"),
    [
        ("{name: a}", False),
        ("{name: a, s3: {bucket: b}}", False),
        ("{name: a, s3: {key: k}}", True),
        ("{name: a, raw: {data: ''}}", True),
        ("{name: a, git: {repo: r}}", True),
        ("{name: a, local: {key: k}}", True),
    ],
)
def test_a_location_is_a_place_or_a_key(artifact, expected):
    assert (
        has_location(spec(f"arguments: {{artifacts: [{artifact}]}}").arguments.artifacts[0])
        == expected
    )
