"""`fromExpression`: an expression that yields one of the artifacts it names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tiphys.messages import JobSpec
from tiphys.runtime.simulated import Outcome
from tiphys.testing.drive import Driver, admitted

MADE = {"artifacts": [{"name": "made-it", "path": "/r"}]}
SIDES = ("heads-up", "tails")


def side(name: str) -> dict[str, Any]:
    return {"name": name, "container": {"image": "x", "command": ["x"]}, "outputs": MADE}


def chosen(prefix: str) -> str:
    heads, tails = (f"{prefix}['{name}'].outputs.artifacts['made-it']" for name in SIDES)
    return f"{prefix}.flip.outputs.result == 'heads-up' ? {heads} : {tails}"


def calls(kind: str) -> dict[str, Any]:
    """Return the body of a template that flips a coin and has one side make an artifact."""
    flip = {"name": "flip", "template": "flip"}
    prefix = "steps" if kind == "steps" else "tasks"
    sides = [
        {
            "name": name,
            "template": name,
            "when": f"'{{{{{prefix}.flip.outputs.result}}}}' == '{name}'",
            **({} if kind == "steps" else {"depends": "flip"}),
        }
        for name in SIDES
    ]
    return {"steps": [[flip], sides]} if kind == "steps" else {"dag": {"tasks": [flip, *sides]}}


def ended(kind: str, expression: str, result: str, **more: Any) -> dict[str, Any]:
    main = {
        "name": "main",
        **calls(kind),
        "outputs": {"artifacts": [{"name": "result", "fromExpression": expression, **more}]},
    }
    flip = {"name": "flip", "script": {"image": "x", "command": ["sh"], "source": "flip"}}
    document = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "w"},
        "spec": {"entrypoint": "main", "templates": [main, flip, *map(side, SIDES)]},
    }

    def say(job: JobSpec) -> Outcome:
        return Outcome(result=result) if job.template.name == "flip" else Outcome()

    driver = Driver(admitted(json.dumps(document)), say)
    driver.to_end()
    nodes = driver.document()["status"]["nodes"]
    assert isinstance(nodes, dict)
    root = nodes["w"]
    assert isinstance(root, dict)
    return root


@pytest.mark.parametrize("kind", ["steps", "dag"])
@pytest.mark.parametrize("result", SIDES)
def test_the_artifact_of_the_side_that_ran_is_taken(kind, result):
    root = ended(kind, chosen("steps" if kind == "steps" else "tasks"), result)
    assert root["phase"] == "Succeeded", root.get("message")
    (artifact,) = root["outputs"]["artifacts"]
    assert artifact["name"] == "result"
    assert f"w-{result}-" in artifact["local"]["key"]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("steps.flip.outputs.result", "is not an artifact"),
        ("steps.tails.outputs.artifacts['made-it']", "cannot fetch"),
        ("steps['heads-up'].outputs.artifacts.nothing", "cannot fetch"),
    ],
)
def test_what_yields_none_is_an_error_unless_it_is_optional(expression, said):
    root = ended("steps", expression, "heads-up")
    assert root["phase"] == "Error"
    assert said in root["message"]
    root = ended("steps", expression, "heads-up", optional=True)
    assert root["phase"] == "Succeeded"
    assert not root.get("outputs", {}).get("artifacts")
