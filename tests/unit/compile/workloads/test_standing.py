"""How objects stand, in a word, and whether they still do something."""

from __future__ import annotations

import pytest

from tiphys.compile.workloads.standing import Standing, is_made_by_a_job, standing
from tiphys.model.base import API_VERSION

BATCH, VOLCANO = "batch/v1", "batch.volcano.sh/v1alpha1"


def thing(version, kind, status, **spec):
    return {"apiVersion": version, "kind": kind, "metadata": {}, "spec": spec, "status": status}


def ended(kind, **more):
    return {"conditions": [{"type": kind, "status": "True", **more}]}


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        ({}, Standing("Pending", "0/3", "", True)),
        ({"active": 2, "succeeded": 1}, Standing("Running", "1/3", "", True)),
        ({"succeeded": 3, **ended("Complete")}, Standing("Complete", "3/3", "", False)),
        (ended("Suspended", message="Job suspended"), Standing("Suspended", "0/3", "", False)),
        (
            ended("Failed", reason="BackoffLimitExceeded", message="too often"),
            Standing("Failed", "0/3", "BackoffLimitExceeded: too often", False),
        ),
        (
            {"active": 1, "conditions": [{"type": "Suspended", "status": "False"}]},
            Standing("Running", "0/3", "", True),
        ),
    ],
)
def test_a_job(status, wanted):
    assert standing(thing(BATCH, "Job", status, completions=3)) == wanted


@pytest.mark.parametrize(
    ("phase", "works"),
    [("", True), ("Running", True), ("Restarting", True), ("Aborting", True)]
    + [(phase, False) for phase in ("Completed", "Failed", "Terminated", "Aborted")],
)
def test_a_gang(phase, works):
    status = {"state": {"phase": phase, "message": "m"} if phase else {}, "succeeded": 2}
    found = standing(thing(VOLCANO, "Job", status, tasks=[{"replicas": 2}, {}]))
    assert found == Standing(phase or "Pending", "2/3", "m" if phase else "", works)


def test_a_pod():
    again = {"name": "c", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    for status, wanted in (
        ({}, Standing("Pending", "", "", True)),
        ({"phase": "Running"}, Standing("Running", "", "", True)),
        (
            {"phase": "Running", "containerStatuses": [again]},
            Standing("CrashLoopBackOff", "", "", True),
        ),
        ({"phase": "Failed", "message": "exit 3"}, Standing("Failed", "", "exit 3", False)),
    ):
        assert standing(thing("v1", "Pod", status)) == wanted


def test_what_is_deleted_and_not_gone_yet():
    pod = thing("v1", "Pod", {"phase": "Running"})
    going = {**pod, "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
    assert standing(going) == Standing("Terminating", "", "", True)


def test_the_pod_of_a_step_is_its_workflow_s():
    pod = thing("v1", "Pod", {"phase": "Running"})
    notes = {"workflows.argoproj.io/node-id": "n"}
    assert not standing({**pod, "metadata": {"annotations": notes}}).is_at_work


def test_workflows_work_and_other_kinds_only_show_their_phase():
    for phase, works in (("", True), ("Running", True), ("Error", False), ("Succeeded", False)):
        status = {"phase": phase, "message": "m"}
        found = standing(thing(API_VERSION, "Workflow", status))
        assert (found.is_at_work, found.message) == (works, "m")
    assert standing(thing("example.com/v1", "Thing", {"phase": "Odd"})) == Standing("Odd")


def test_what_a_job_made():
    owner = {"kind": "Job", "apiVersion": BATCH}
    assert is_made_by_a_job({"metadata": {"ownerReferences": [owner]}})
    assert not is_made_by_a_job({"metadata": {"ownerReferences": [{"kind": "Workflow"}]}})
    assert not is_made_by_a_job({})
