"""What a status document must tell before a journal is made of it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tiphys.engine.importing import UNENDED, ended
from tiphys.engine.run import Run
from tiphys.errors import UserError
from tiphys.model.codec import convert
from tiphys.model.ids import node_id
from tiphys.model.status import WorkflowStatus
from tiphys.testing.drive import admitted

WORKFLOW = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"name": "w"},
    "spec": {
        "entrypoint": "main",
        "templates": [
            {"name": "main", "steps": [[{"name": "a", "template": "do", "withItems": ["x", "y"]}]]},
            {"name": "do", "container": {"image": "x"}},
        ],
    },
}
NAMES = ("w", "w[0]", "w[0].a(0:x)", "w[0].a(1:y)")
KINDS = ("Steps", "StepGroup", "Pod", "Pod")


def document(**changed: Any) -> WorkflowStatus:
    """Return how the workflow ended; `changed` are fields of its second pod."""
    ids = [node_id("w", name) for name in NAMES]
    nodes = {}
    for key, name, kind in zip(ids, NAMES, KINDS, strict=True):
        nodes[key] = {"id": key, "name": name, "type": kind, "phase": "Failed"}
    nodes[ids[0]]["children"] = [ids[1]]
    nodes[ids[1]]["children"] = [*ids[2:]]
    nodes[ids[3]] |= changed
    times = {"startedAt": "2026-01-31T09:05:00Z", "finishedAt": "2026-01-31T09:06:00Z"}
    return convert({"phase": "Failed", **times, "nodes": nodes}, WorkflowStatus)


def made(status: WorkflowStatus) -> Run:
    found = admitted(json.dumps(WORKFLOW))
    events = ended(found.program, found.event, status)
    run = Run(found.program, found.event)
    run.fold([found.event, *events])
    return run


def test_a_document_that_tells_all_becomes_a_run():
    run = made(document())
    assert run.state.phase == "Failed"
    assert [node.name for node in run.state.nodes.values()] == [*NAMES]
    group = run.state.find("w[0]")
    assert group is not None
    assert group.frame is not None
    assert group.frame.items == {0: ("x", "y")}


def test_what_had_not_ended_is_an_error_that_a_retry_repeats():
    node = made(document(phase="Running")).state.find("w[0].a(1:y)")
    assert node is not None
    assert (node.phase, node.message) == ("Error", UNENDED)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "w[0].b"}, "node w[0].b was made by nothing in its spec"),
        ({"name": "w[1].a"}, "node w[1].a was made by nothing in its spec"),
        ({"name": "w[0].a(1:z)"}, "has an id that is not made of its name, w-665381178"),
        ({"name": "w[0].a(2:y)"}, "has an id that is not made of its name, w-665381178"),
        ({"children": ["w-665381178"]}, "its nodes are each other's children"),
    ],
)
def test_what_does_not_fit_its_spec_is_refused(changed, said):
    with pytest.raises(UserError) as caught:
        made(document(**changed))
    assert said in str(caught.value)


def test_items_that_are_not_those_that_it_ran_with_are_refused():
    status = document()
    spec = json.loads(json.dumps(WORKFLOW))
    spec["spec"]["templates"][0]["steps"][0][0]["withItems"] = ["x", "other"]
    found = admitted(json.dumps(spec))
    with pytest.raises(UserError, match=r"the items of w\[0\]\.a are not those that it ran with"):
        ended(found.program, found.event, status)


def test_what_has_not_ended_or_has_no_nodes_is_refused():
    for changed, said in (
        ({"phase": "Running"}, "it has not ended: its phase is Running"),
        ({"nodes": {}}, "its document has no nodes"),
    ):
        with pytest.raises(UserError, match=said):
            made(msgspec.structs.replace(document(), **changed))
