"""The harness of the conformance corpus judges as the corpus's README says."""

from pathlib import Path
from typing import Any

import pytest
from tests.conformance.workflows import linted, outcome
from tests.conformance.workflows.compare import differences
from tests.conformance.workflows.corpus import Row, prepare
from tests.conformance.workflows.expect import fill, matches, node_id

EXPECTED: dict[str, Any] = {
    "kind": "Workflow",
    "name": "a-",
    "generated": True,
    "phase": ["Failed", "Succeeded"],
    "message": "child '$ID($WF[0].x(0:1))' failed",
    "nodesComplete": True,
    "nodes": [
        {"name": "$WF", "type": "Steps", "phase": "Succeeded", "children": ["$WF[0]"]},
        {
            "name": "$WF[0]",
            "boundary": "$WF",
            "inputs": {"n": "re:[0-9]+"},
            "outputs": {"exitCode": "0", "artifacts": ["main-logs"]},
        },
    ],
}


def finished() -> dict[str, Any]:
    inner = node_id("a-1", "a-1[0]")
    return {
        "metadata": {"name": "a-1"},
        "status": {
            "phase": "Succeeded",
            "message": f"child '{node_id('a-1', 'a-1[0].x(0:1)')}' failed",
            "nodes": {
                "a-1": {"id": "a-1", "name": "a-1", "type": "Steps", "phase": "Succeeded",
                        "children": [inner]},
                inner: {"id": inner, "name": "a-1[0]", "boundaryID": "a-1",
                        "inputs": {"parameters": [{"name": "n", "value": "42"}]},
                        "outputs": {"exitCode": "0", "parameters": [{"name": "more"}]}},
            },
        },
    }  # fmt: skip


def test_ids_follow_from_names() -> None:
    assert node_id("demo", "demo[0].say") == "demo-383039133"
    assert fill("child '$ID($WF.A(0:x))' failed", "demo") == "child 'demo-976645720' failed"


def test_regular_expressions_hold_for_the_whole_value() -> None:
    assert matches("re:$WF-[0-9]+", "a.b-12", "a.b")
    assert not matches("re:$WF-[0-9]+", "axb-12", "a.b")
    assert not matches("re:[0-9]", "12", "a")


def test_what_is_as_expected_has_no_differences() -> None:
    assert differences(EXPECTED, finished()) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("phase",), "Error", "phase: wanted"),
        (("message",), "", "message: wanted"),
        (("nodes", "a-1", "message"), "oops", "node $WF: message: wanted None, got 'oops'"),
        (("nodes", "a-1", "children"), [], "node $WF: children: wanted"),
        (("nodes", "a-1", "id"), "b", "node $WF: id: wanted"),
        (("nodes", "z"), {"id": "z", "name": "z"}, "node z should not exist"),
    ],
)
def test_a_difference_is_named(path: tuple[str, ...], value: object, said: str) -> None:
    workflow = finished()
    holder = workflow["status"]
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    assert differences(EXPECTED, workflow)[0].startswith(said)


def test_a_missing_node_is_named() -> None:
    workflow = finished()
    workflow["status"]["nodes"].popitem()
    assert "node $WF[0] is missing" in differences(EXPECTED, workflow)


def test_refusals_are_told_apart() -> None:
    row = Row(Path("x"), {"file": "f"})
    unsupported = outcome.judge_refusal(row, "f:1:2: templates[0].http is not supported yet")
    assert unsupported.verdict == "refused"
    assert outcome.judge_refusal(row, "no such template").verdict == "failed"
    invalid = Row(Path("x"), {"file": "f", "message": "invalid spec: a is missing"})
    assert outcome.judge_refusal(invalid, "Error: a is missing").verdict == "passed"


def test_templates_are_run_by_reference_and_schedules_as_one_child(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(
        "# about\nkind: ClusterWorkflowTemplate\nmetadata: {name: t}\nspec: {}\n---\n\n---\n"
        "kind: CronWorkflow\nmetadata: {name: c}\n"
        "spec: {workflowSpec: {entrypoint: e}, workflowMetadata: {labels: {a: b}}}\n"
    )
    template = Row(tmp_path, {"file": "t.yaml", "runs": "submitted with workflowTemplateRef"})
    assert '{"name": "t", "clusterScope": true}' in prepare(template, 7).workflow
    assert len(prepare(template, 7).helpers) == 1
    cron = Row(tmp_path, {"file": "t.yaml", "doc": 1, "runs": "one child, as if ..."})
    assert '"metadata": {"labels": {"a": "b"}, "name": "c-7"}' in prepare(cron, 7).workflow


def test_only_the_row_s_own_lint_errors_count() -> None:
    printed = 'm.yaml: in "a" (Workflow): bad x\no.yaml: in "b" (Workflow): worse\n'
    assert linted._errors(printed, "m.yaml") == ["bad x"]
