"""Rows that need a person or a command are driven as the corpus says, through the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.workflows import real
from tests.conformance.workflows.corpus import Row

DOCUMENT = """
kind: Workflow
metadata: {generateName: ask-}
spec:
  templates:
    - name: ask
      suspend: {}
      outputs: {parameters: [{name: answer, valueFrom: {supplied: {}}}]}
"""


class Command:
    """Plays the command line: a workflow with one node that waits until it is answered."""

    def __init__(self, kind: str = "Suspend") -> None:
        self.said: list[list[str]] = []
        self.workflow: dict[str, Any] = {
            "metadata": {"name": "ask-1"},
            "spec": {"templates": [{"name": "ask", "suspend": {}}]},
            "status": {
                "phase": "Running",
                "nodes": {
                    "ask-1": {
                        "id": "ask-1",
                        "name": "ask-1",
                        "displayName": "ask-1",
                        "type": kind,
                        "phase": "Running",
                        "templateName": "ask",
                        "outputs": {
                            "parameters": [{"name": "answer", "valueFrom": {"supplied": {}}}]
                        },
                    }
                },
            },
        }

    def __call__(self, words: list[str], limit: float) -> tuple[int, str, str]:
        assert limit > 0
        self.said.append(words)
        if words[0] in ("resume", "stop", "terminate"):
            self._end("Succeeded" if words[0] == "resume" else "Failed")
        answers = {"submit": "ask-1\n", "get": json.dumps(self.workflow), "node": "set\n"}
        return 0, answers.get(words[0], "ok\n"), ""

    def _end(self, phase: str) -> None:
        self.workflow["status"] |= {"phase": phase, "finishedAt": "2026-01-31T09:05:00Z"}
        self.workflow["status"]["nodes"]["ask-1"]["phase"] = phase


def row(folder: Path, **data: Any) -> Row:
    (folder / "ask.yaml").write_text(DOCUMENT)
    base = {"file": "ask.yaml", "kind": "Workflow", "name": "ask-", "generated": True}
    return Row(folder, base | data)


def test_a_person_is_played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = Command()
    monkeypatch.setattr(real, "execute", command)
    outcome = real.run_row(row(tmp_path, resume=["$WF"], phase="Succeeded"))
    assert outcome.verdict == "passed"
    assert [words[0] for words in command.said] == [
        *("submit", "get", "node", "resume", "get", "wait", "get"),
    ]
    assert command.said[2][-4:-2] == ["-p", "answer=any text"]


def test_a_workflow_is_stopped_when_its_node_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = Command("Pod")
    monkeypatch.setattr(real, "execute", command)
    operations = [{"op": "terminate", "when": "the node is Running"}]
    outcome = real.run_row(row(tmp_path, operations=operations, phase="Failed"))
    assert outcome.verdict == "passed"
    assert [w[0] for w in command.said] == ["submit", "get", "terminate", "wait", "get"]


def test_parameters_are_passed_and_the_document_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = Command()
    monkeypatch.setattr(
        real,
        "execute",
        lambda words, limit: (
            (1, json.dumps(command.workflow), "")
            if words[0] == "run" and "day=1" in words and limit
            else (3, "", "?")
        ),
    )
    operations = [{"op": "submit", "parameters": {"day": "1"}}]
    assert real.run_row(row(tmp_path, operations=operations, phase="Running")).verdict == "passed"


@pytest.mark.parametrize(
    ("answer", "verdict", "text"),
    [
        ((2, "", "Error: a.yaml:3:5: http is not supported yet"), "refused", "not supported"),
        ((2, "", "Error: no such template"), "failed", "no such template"),
        ((1, "", "Traceback\nBoom"), "failed", "Boom"),
        ((0, "tree", ""), "failed", "no JSON"),
    ],
)
def test_what_is_not_run_is_told_apart(
    answer: tuple[int, str, str],
    verdict: str,
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(real, "execute", lambda words, limit: answer)
    outcome = real.run_row(row(tmp_path, phase="Succeeded"))
    assert outcome.verdict == verdict
    assert text in outcome.text
