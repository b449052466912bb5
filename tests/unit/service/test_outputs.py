"""Artifacts of a workflow, and what the ledger of deletions says of them."""

from __future__ import annotations

from typing import Literal

import pytest

from tiphys.errors import NotFound, UserError
from tiphys.model.artifact_gc import Deletion
from tiphys.model.artifacts import Artifact, ItemsArtifact, LocalArtifact
from tiphys.model.ids import RunId
from tiphys.model.status import NodeStatus
from tiphys.ports import DeletionRow
from tiphys.service.outputs import Output, placed, with_deletions

_NODE = NodeStatus(id="n", name="w.a", display_name="a")


def at(key: str, name: str = "x") -> Artifact:
    return Artifact(name=name, local=LocalArtifact(key=key))


def row(key: str, state: Literal["wanted", "deleted", "failed"]) -> DeletionRow:
    wanted = Deletion("n", "OnWorkflowCompletion", "t", at(key))
    return DeletionRow(RunId("r"), "default", wanted, state=state)


def test_an_artifact_is_gone_where_its_place_was_deleted_whoever_names_it() -> None:
    given = [Output(_NODE, at("k/a", "made")), Output(_NODE, at("k/b")), Output(_NODE, at("k/c"))]
    found = with_deletions(given, [row("k/a", "deleted"), row("k/b", "failed")])
    assert [item.is_gone for item in found] == [True, False, False]
    assert [item.deletion_state for item in found] == ["deleted", "failed", ""]
    with pytest.raises(NotFound, match=r"artifact made of node w\.a .*OnWorkflowCompletion"):
        found[0].check_is_there()
    found[1].check_is_there()


def test_of_a_loops_items_those_that_are_gone_are_left_out() -> None:
    items = Artifact(name="x", items=ItemsArtifact(artifacts=(at("k/0"), at("k/1"))))
    [some] = with_deletions([Output(_NODE, items)], [row("k/0", "deleted")])
    assert some.artifact.items is not None
    assert some.artifact.items.artifacts == (at("k/1"),)
    assert not some.is_gone
    rows = [row("k/0", "deleted"), row("k/1", "deleted")]
    [none] = with_deletions([Output(_NODE, items)], rows)
    assert none.is_gone


def test_what_a_server_marks_as_deleted_is_gone() -> None:
    gone = Artifact(name="x", local=LocalArtifact(key="k"), deleted=True)
    assert Output(_NODE, gone).is_gone


def test_no_artifact_is_written_over_another() -> None:
    other = NodeStatus(id="m", name="w.b", display_name="b")
    made = [Output(_NODE, at("k/a/x.tgz")), Output(other, at("k/b/x.tgz"))]
    places = [place for _, place in placed(made, "ns", "w", "")]
    assert places == ["ns/w/n/outputs/x/x.tgz", "ns/w/m/outputs/x/x.tgz"]
    assert [place for _, place in placed(made, "ns", "w", "{nodeId}")] == ["n/x.tgz", "m/x.tgz"]
    with pytest.raises(UserError, match=r"x of node w\.a and x of node w\.b would both be all/x\."):
        placed(made, "ns", "w", "all")
    gone = with_deletions(made, [row("k/b/x.tgz", "deleted")])
    assert len(placed(gone, "ns", "w", "all")) == 2
