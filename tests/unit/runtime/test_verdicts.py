"""Why objects failed, and when a step need not wait any longer."""

from __future__ import annotations

import pytest

from tiphys.expr.selectors import parse_conditions
from tiphys.runtime.verdicts import is_hopeless, owned_by, reason_of

FAILED = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "often"}
COMPLETE = {"type": "Complete", "status": "True"}


def job(*conditions):
    status = {"conditions": [*conditions]}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"uid": "u"}, "status": status}


def gang(phase, **state):
    document = {"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job"}
    return {**document, "status": {"state": {"phase": phase, **state}}}


def pod(name, phase="Failed", uid="u", **status):
    metadata = {"name": name, "ownerReferences": [{"uid": uid}]}
    return {"metadata": metadata, "status": {"phase": phase, **status}}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (job(FAILED), "BackoffLimitExceeded: often"),
        (job({**FAILED, "status": "False"}), ""),
        (job(), ""),
        (gang("Failed", message="too often"), "too often"),
        (gang("Failed"), ""),
        ({"kind": "Pod", "status": {"reason": "Evicted"}}, "Evicted"),
        ({"kind": "Workflow", "status": {"message": "child failed"}}, "child failed"),
        ({"kind": "Thing", "status": "bad"}, ""),
        ({"kind": "Thing", "status": {"message": {"not": "a text"}}}, ""),
    ],
)
def test_an_object_says_why_it_failed(document, said):
    assert reason_of(document) == said


def test_pods_that_failed_are_named_behind_it():
    pods = [pod("a", message="Error (exit code 3)"), pod("b"), pod("c", "Running", message="no")]
    assert reason_of(gang("Failed"), pods) == "pod a: Error (exit code 3); pod b failed"


def test_of_many_pods_a_few_are_named():
    said = reason_of(job(FAILED), [pod(f"p{n}") for n in range(9)])
    assert said.startswith("BackoffLimitExceeded: often; pod p0 failed; ")
    assert said.endswith("pod p2 failed; and 6 more")


def test_pods_of_others_are_left_out():
    assert owned_by(job(), [pod("a"), pod("b", uid="v"), {"metadata": {}}]) == [pod("a")]


@pytest.mark.parametrize(
    ("document", "success", "failure", "hopeless"),
    [
        (job(FAILED), "status.succeeded > 0", "status.failed > 3", True),
        (job(COMPLETE), "status.succeeded > 3", "", True),
        (job(), "status.succeeded > 0", "", False),
        (job(FAILED), "metadata.labels.x = y", "", False),
        (job(FAILED), "status.succeeded > 0, metadata.labels.x = y", "", False),
        (gang("Terminated"), "status.state.phase = Completed", "", True),
        (gang("Aborted"), "status.state.phase = Completed", "", False),
        ({"kind": "Thing", **{"status": {"phase": "Failed"}}}, "status.phase = Ok", "", False),
    ],
)
def test_a_job_that_is_over_is_not_waited_for(document, success, failure, hopeless):
    assert is_hopeless(document, parse_conditions(success, failure)) is hopeless
