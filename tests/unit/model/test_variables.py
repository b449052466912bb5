"""The catalogue, its page, and the engine say the same."""

from pathlib import Path

import pytest

from tiphys.model.variables import VARIABLES, find_variable, page
from tiphys.runtime.simulated import Outcome
from tiphys.testing.drive import drive

PAGE = Path(__file__).resolve().parents[3] / "docs" / "variables.md"
ROOTS = ("workflow", "inputs", "outputs", "steps", "tasks", "item", "node", "pod", "lastRetry")
WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata:
  name: all
  labels: {app.kubernetes.io/name: x}
  annotations: {note: hi, workflows.argoproj.io/scheduled-time: "2026-01-01T00:00:00Z"}
spec:
  entrypoint: main
  priority: 3
  arguments: {parameters: [{name: p, value: v}]}
  templates:
  - name: main
    steps:
    - - {name: one, template: leaf, arguments: {parameters: [{name: i, value: a}]}}
      - name: many
        template: leaf
        withItems: [{k: 1}, {k: 2}]
        arguments: {parameters: [{name: i, value: "{{item.k}}"}]}
    - - name: graph
        template: graph
        arguments:
          parameters:
          - name: i
            value: "{{steps.one.outputs.result}} {{steps.many.outputs.result}}"
  - name: graph
    inputs: {parameters: [{name: i}]}
    dag:
      tasks:
      - {name: a, template: leaf, arguments: {parameters: [{name: i, value: b}]}}
      - {name: b, template: leaf, depends: a, arguments: {parameters: [{name: i, value: c}]}}
      - name: c
        template: leaf
        depends: b
        withItems: [x]
        arguments: {parameters: [{name: i, value: "{{item}}{{tasks.a.outputs.result}}"}]}
      - {name: d, template: leaf, depends: c, arguments: {parameters: [{name: i, value: c}]}}
  - name: leaf
    inputs: {parameters: [{name: i}]}
    retryStrategy: {limit: 1}
    container: {image: alpine}
    outputs:
      parameters:
      - {name: o, valueFrom: {path: /tmp/o}, globalName: g}
      artifacts: [{name: f, path: /tmp/f, archive: {none: {}}}]
"""


def names_of(run, node):
    scopes = [run.own_scope(node)] if node.template else []
    if node.boundary is not None and node.call[:1] in (("step",), ("task",)):
        scopes.append(run.caller_scope(node))
    if node.kind in ("Steps", "DAG"):
        scopes.append(run.frame_scope(node))
    for scope in scopes:
        for root in ROOTS:
            yield from scope.names(root)


@pytest.fixture(scope="module")
def answered():
    run = drive(WORKFLOW, lambda _: Outcome(result="1")).run
    assert run.state.nodes
    return {name for node in run.state.nodes.values() for name in names_of(run, node)}


def test_what_the_engine_answers_is_in_the_catalogue(answered):
    assert [name for name in sorted(answered) if find_variable(name) is None] == []


def test_the_engine_answers_most_of_the_catalogue(answered):
    reached = {find_variable(name).name for name in answered}
    known = {item.name for item in VARIABLES}
    elsewhere = {
        *(name for name in known if name.startswith("cronworkflow.")),
        *(
            name
            for name in known
            if ".artifacts." in name or name.endswith((".ip", ".hostNodeName"))
        ),
        *("status", "duration", "exitCode", "resourcesDuration.<resource>", "outputs.result"),
        *("outputs.parameters.<name>", "inputs.parameters", "retries"),
        "workflow.parameters",
    }
    assert sorted(known - reached - elsewhere) == []


def test_the_page_is_made_of_the_catalogue():
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tools.variables"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("workflow.labels.app.kubernetes.io/name", "workflow.labels.<key>"),
        ("workflow.labels.json", "workflow.labels.json"),
        ("steps.a.outputs.parameters.x", "steps.<step>.outputs.parameters.<name>"),
        ("item.k", "item.<key>"),
        ("steps.a.nothing", None),
    ],
)
def test_a_name_is_found(name, found):
    variable = find_variable(name)
    assert (variable.name if variable else None) == found


def test_every_variable_has_a_scope_a_type_and_a_place():
    for item in VARIABLES:
        assert item.scope
        assert item.type
        assert item.where
        assert item.meaning
