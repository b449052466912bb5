"""Who made an object, and where it runs: notes that only this program writes."""

from __future__ import annotations

from tiphys.model.base import API_VERSION
from tiphys.model.makers import NOBODY, Maker, maker_of, marked, placed, runtime_of, without_notes

NAMED = {"name": "j", "annotations": {"a": "b"}}
JOB = {"apiVersion": "batch/v1", "kind": "Job", "metadata": NAMED}


def owned(**more):
    owner = {"apiVersion": API_VERSION, "kind": "Workflow", "name": "w", "uid": "u", **more}
    return {"metadata": {"ownerReferences": [owner]}}


def test_an_object_says_who_made_it_beside_what_it_says_already():
    made = marked(JOB, Maker("w", "u"))
    assert maker_of(made) == Maker("w", "u")
    assert made["metadata"]["annotations"]["a"] == "b"
    assert "tiphys.io/made-by" not in JOB["metadata"]["annotations"]
    assert without_notes(made) == JOB
    assert marked(JOB, NOBODY) is JOB


def test_an_owner_goes_before_what_is_written():
    assert maker_of(marked(owned(), Maker("other", "o"))) == Maker("w", "u", owns=True)
    for document in (JOB, {}, owned(kind="Job"), owned(apiVersion="v1"), {"metadata": 3}):
        assert maker_of(document) == NOBODY


def test_where_an_object_runs_is_said_anew_or_taken_away():
    forged = placed(JOB, "process")
    assert runtime_of(placed(forged, "sandbox")) == "sandbox"
    assert placed(forged, "") == JOB
    alone = placed({"metadata": {"name": "x"}}, "process")
    assert without_notes(alone) == {"metadata": {"name": "x"}}
