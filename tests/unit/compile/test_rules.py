"""Every rule of Argo's validation has its text, its number and its place."""

import re
from pathlib import Path

import pytest
from tests.unit.compile.rule_rows import ROWS, RULES, arguments

from tiphys.compile.references import template_store
from tiphys.compile.validate import Options, validate
from tiphys.model.codec import decode, split_documents

REFERENCE = Path(__file__).resolve().parents[4] / "shared/reference/validation.md"
LIBRARY = """kind: WorkflowTemplate
metadata: {name: lib}
spec:
  entrypoint: hello
  templates: [{name: hello, container: {image: x}}]
"""


def check(kind, spec, **options):
    kind, _, name = kind.partition(" ")
    text = f"kind: {kind}\nmetadata: {{name: {name or 'wf'}}}\nspec: {spec}\n---\n{LIBRARY}"
    document, library = split_documents(text, "wf.yaml")
    given = Options(offline=True, namespace="ns", sources={"": document}, **options)
    return validate(decode(document), template_store([decode(library)]), given)


@pytest.mark.parametrize(
    ("rule", "kind", "spec", "message"), ROWS, ids=[f"{row[0]}-{n}" for n, row in enumerate(ROWS)]
)
def test_each_rule_says_what_argo_says(rule, kind, spec, message):
    found = check(kind, spec)
    if message == "ok":
        assert found == []
        return
    assert [item.reason for item in found] == [message]
    assert found[0].rule == rule.rpartition(">")[2]
    assert found[0].severity == "error"
    assert found[0].line > 0


def test_no_rule_is_left_out():
    assert {row[0].partition(">")[0] for row in ROWS} == RULES


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference pages are not here")
def test_the_table_has_every_rule_of_the_reference():
    text = REFERENCE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([WAHTLSDOMC]\d+[a-z]?)(?:–[A-Z](\d+))? \|", text, re.MULTILINE)
    listed = set()
    for first, last in rows:
        number = int(re.sub(r"\D", "", first))
        numbers = range(number, int(last) + 1) if last else [number]
        listed |= {first[0] + str(n) + re.sub(r".\d+", "", first, count=1) for n in numbers}
    assert listed - RULES == {"A5"}


def test_lint_lets_spec_arguments_lack_a_value_and_then_looks_no_further():
    assert check("Workflow", arguments("parameters: [{name: m}]"), lint=True) == []  # A5
    block = "parameters: [{name: m, enum: [x]}, {name: k, value: z, enum: [x]}]"
    assert check("Workflow", arguments(block), lint=True) == []  # A8 under leniency
    assert check("WorkflowTemplate", arguments(block)) == []
    assert check("WorkflowTemplate", arguments(block), submit=True) != []


def order(spec, kind="Workflow", **options):
    return [item.rule for item in check(kind, spec, **options)]


def test_the_rules_of_a_workflow_are_asked_in_argos_order():
    spec = """{arguments: {parameters: [{name: m}]}, entrypoint: gone, onExit: away,
      hooks: {running: {template: main}}, podGC: {strategy: Never},
      podResources: {claims: [{name: c}]}, executorPlugins: [{metadata: {name: p}}],
      templates: [{name: a_b, container: {image: x}}, {name: main, container: {}}]}"""
    long_name = f"Workflow {'x' * 64}"
    rules = [item.rule for item in check(long_name, spec)]
    assert rules == ["W1", "W4", "W6", "A4", "H5", "H5", "W8", "W9", "W11", "L4"]


def test_the_rules_of_a_template_are_asked_in_argos_order():
    spec = """{entrypoint: main, templates: [{name: main, container: {},
      podResources: {claims: [{name: c}]}, inputs: {artifacts: [{name: i, raw: {data: x}}]},
      timeout: '1', parallelism: 1, sidecars: [{name: wait}], outputs: {parameters: [{name: o}]},
      archiveLocation: {git: {}}, metrics: {prometheus: [{name: m}]}}]}"""
    assert order(spec) == ["T3", "T6", "T15", "L4", "L8", "L16", "O8", "T18", "M3"]


@pytest.mark.parametrize(
    "tag",
    [
        "item", "foo", "retries", "lastRetry.x", "node.name", "=inputs.parameters.gone",
        "outputs.x", "workflow.creationTimestamp.Y", "workflow.scheduledTime", "workflow.duration",
        "tasks.name", "steps.name", "workflow.name", " workflow.uid ", "workflow.mainEntrypoint",
        "workflow.status", "pod.name", "workflow.labels.json", "workflow.annotations",
        "workflow.serviceAccountName",
    ],
)  # fmt: skip
def test_variables_that_validation_accepts(tag):
    spec = f"{{entrypoint: m, templates: [{{name: m, container: {{image: '{{{{{tag}}}}}'}}}}]}}"
    assert check("Workflow", spec) == []


@pytest.mark.parametrize(
    "tag",
    [
        "item.x", "inputs.parameters.x", "inputs.artifacts.x.path", "pod.ip", "workflow.priority",
        "workflow.failures", "workflow.parameters.x", "workflow.outputs.parameters.x",
        "workflow.labels.x", "steps.a.status", "tasks.a.outputs.result",
    ],
)  # fmt: skip
def test_variables_that_validation_refuses(tag):
    spec = f"{{entrypoint: m, templates: [{{name: m, container: {{image: '{{{{{tag}}}}}'}}}}]}}"
    (found,) = check("Workflow", spec)
    assert found.reason == f"templates.m: failed to resolve {{{{{tag}}}}}"


def test_a_template_document_may_use_any_parameter_of_the_workflow_and_onexit_its_failures():
    text = (
        "{entrypoint: m, templates: [{name: m, container: {image: '{{workflow.parameters.x}}'}}]}"
    )
    assert check("WorkflowTemplate", text) == []
    text = """{entrypoint: m, onExit: e, templates: [{name: m, container: {image: x}},
      {name: e, container: {image: '{{workflow.failures}}'}}]}"""
    assert check("Workflow", text) == []


def test_a_producer_with_a_tag_in_its_global_name_makes_every_global_output_known():
    text = """{entrypoint: m, templates: [{name: m, steps: [[{name: a, template: p}], [{name: b,
      template: c}]]}, {name: p, inputs: {parameters: [{name: g, value: x}]}, container: {image: x},
      outputs: {parameters: [{name: o, globalName: '{{inputs.parameters.g}}',
      valueFrom: {path: /o}}]}},
      {name: c, container: {image: '{{workflow.outputs.parameters.any}}'}}]}"""
    assert check("Workflow", text) == []
