"""The artifacts of a loop as one: which items are in it, under what names, in steps and in DAGs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tiphys.compile.admit import Admitted
from tiphys.model.ids import NodeId, node_id
from tiphys.runtime.simulated import Outcome
from tiphys.testing.drive import Driver, admitted

_IMAGE = {"image": "x", "command": ["x"]}
_MADE = {"name": "y", "path": "/y", "optional": True}
MAKE = {"name": "make", "outputs": {"artifacts": [_MADE]}, "container": _IMAGE}
TAKE = {
    "name": "take",
    "inputs": {"artifacts": [{"name": "in", "path": "/in"}]},
    "container": _IMAGE,
}
NONE = Outcome(missing=frozenset({"y"}))


def given(reference: str, **more: Any) -> dict[str, Any]:
    return {"artifacts": [{"name": "in", "from": "{{" + reference + "}}", **more}]}


def made(*templates: dict[str, Any], **spec: Any) -> Admitted:
    document = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "w"},
        "spec": {"entrypoint": "main", "templates": [*templates, MAKE, TAKE], **spec},
    }
    return admitted(json.dumps(document))


def steps(loop: dict[str, Any], **argument: Any) -> dict[str, Any]:
    arguments = given("steps.x.outputs.artifacts.y", **argument)
    use = {"name": "use", "template": "take", "arguments": arguments}
    return {"name": "main", "steps": [[{"name": "x", "template": "make", **loop}], [use]]}


def dag(loop: dict[str, Any], **use: Any) -> dict[str, Any]:
    task = {"name": "use", "template": "take", "depends": "x", **use}
    task["arguments"] = given("tasks.x.outputs.artifacts.y")
    tasks = [{"name": "x", "template": "make", **loop}, task]
    return {"name": "main", "dag": {"tasks": tasks}}


def ended(work: Admitted, jobs: dict[str, Outcome] | None = None) -> Driver:
    outcomes = jobs or {}
    driver = Driver(work, lambda job: outcomes.get(job.node_name, Outcome()))
    driver.to_end()
    return driver


def handed(driver: Driver, name: str) -> Any:
    """Return the only input artifact of a job."""
    (artifact,) = driver.world.jobs[NodeId(node_id("w", name))].spec.template.inputs.artifacts
    return artifact


def keys(artifact: Any) -> dict[str, Any]:
    """Return what lies where in a loop's artifact: keys of the repository, without the pod."""
    assert artifact.items is not None
    return {
        part.name: keys(part) if part.items is not None else part.local.key.rpartition("/")[2]
        for part in artifact.items.artifacts
    }


@pytest.mark.parametrize(
    "loop",
    [
        {"withItems": ["b", "a/../c", 7]},
        {"withParam": '["b", "a", {"k": 1}]'},
        {"withSequence": {"count": "3", "format": "n%d"}},
    ],
)
@pytest.mark.parametrize(("body", "name"), [(steps, "w[1].use"), (dag, "w.use")])
def test_the_next_one_gets_an_entry_for_each_item_by_its_index(loop, body, name):
    driver = ended(made(body(loop)))
    assert driver.document()["status"]["phase"] == "Succeeded"
    assert keys(handed(driver, name)) == {"0": "y.tgz", "1": "y.tgz", "2": "y.tgz"}


def test_each_entry_is_the_artifact_of_that_item():
    driver = ended(made(steps({"withItems": ["b", "a"]})))
    parts = handed(driver, "w[1].use").items.artifacts
    own = [driver.world.jobs[NodeId(node_id("w", f"w[0].x({n})"))].spec for n in ("0:b", "1:a")]
    assert [p.local for p in parts] == [s.template.outputs.artifacts[0].local for s in own]


def test_what_failed_was_skipped_or_made_nothing_is_missing():
    loop = {"withItems": [0, 1, 2, 3], "when": "{{item}} != 1", "continueOn": {"failed": True}}
    jobs = {"w[0].x(2:2)": Outcome(code=1), "w[0].x(3:3)": NONE}
    driver = ended(made(steps(loop)), jobs)
    assert keys(handed(driver, "w[1].use")) == {"0": "y.tgz"}


def test_a_task_after_failed_items_gets_the_others():
    loop, use = {"withItems": [0, 1]}, {"depends": "x.Succeeded || x.Failed"}
    driver = ended(made(dag(loop, **use)), {"w.x(0:0)": Outcome(code=1)})
    assert keys(handed(driver, "w.use")) == {"1": "y.tgz"}


@pytest.mark.parametrize("loop", [{"withParam": "[]"}, {"withItems": [1], "when": "false"}])
@pytest.mark.parametrize(("body", "name"), [(steps, "w[1].use"), (dag, "w.use")])
def test_a_loop_over_nothing_leaves_an_empty_directory(loop, body, name):
    driver = ended(made(body(loop)))
    assert driver.document()["status"]["phase"] == "Succeeded"
    assert keys(handed(driver, name)) == {}


def test_a_repeated_item_counts_by_its_last_attempt():
    again = {**MAKE, "name": "again", "retryStrategy": {"limit": 1}}
    loop = {"withItems": [0, 1], "template": "again"}
    driver = ended(made(steps(loop), again), {"w[0].x(0:0)(0)": Outcome(code=1)})
    parts = handed(driver, "w[1].use").items.artifacts
    second = driver.world.jobs[NodeId(node_id("w", "w[0].x(0:0)(1)"))].spec
    assert parts[0].local == second.template.outputs.artifacts[0].local
    assert [part.name for part in parts] == ["0", "1"]


def outer() -> dict[str, Any]:
    """Return a template whose own artifact is that of a loop in it."""
    made = {"name": "y", "from": "{{steps.z.outputs.artifacts.y}}"}
    call = {"name": "z", "template": "make", "withItems": [1, 2]}
    return {"name": "outer", "steps": [[call]], "outputs": {"artifacts": [made]}}


def test_loops_in_loops_are_directories_in_directories():
    driver = ended(made(steps({"withItems": [1, 2], "template": "outer"}), outer()))
    inner = {"0": "y.tgz", "1": "y.tgz"}
    assert keys(handed(driver, "w[1].use")) == {"0": inner, "1": inner}


def test_a_sub_path_names_an_item_and_what_lies_in_it():
    loop = {"withItems": [1, 2], "template": "outer"}
    driver = ended(made(steps(loop, subPath="1"), outer()))
    assert keys(handed(driver, "w[1].use")) == {"0": "y.tgz", "1": "y.tgz"}
    driver = ended(made(steps(loop, subPath="1/0/f"), outer()))
    assert handed(driver, "w[1].use").local.key.endswith("/y.tgz/f")
    driver = ended(made(steps(loop, subPath="7"), outer()))
    text = "artifact y: item '7' of the loop did not make it"
    assert text in driver.document()["status"]["message"]


def test_an_artifact_that_the_template_does_not_make_cannot_be_resolved():
    work = steps({"withItems": [1]})
    work["steps"][1][0]["arguments"] = {
        "artifacts": [{"name": "in", "fromExpression": "steps.x.outputs.artifacts.no", "raw": {}}]
    }
    driver = ended(made(work))
    assert driver.document()["status"]["phase"] != "Succeeded"


def test_a_journal_keeps_an_empty_one():
    driver = ended(made(steps({"withParam": "[]"})))
    (node,) = [n for n in driver.document()["status"]["nodes"].values() if n["name"] == "w[1].use"]
    assert [*node["inputs"]["artifacts"]] == [{"name": "in", "path": "/in", "items": {}}]
