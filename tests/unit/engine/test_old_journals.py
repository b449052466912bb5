"""Journals and snapshots from before go on: what they lack has a value that was true then."""

from __future__ import annotations

import json

import msgspec

from tiphys.compile.admit import recompile
from tiphys.engine.run import Run
from tiphys.engine.state import State
from tiphys.engine.status import node_status, summary
from tiphys.messages import Event, JobReported, JobStarted, RunAdmitted
from tiphys.model.ids import NodeId
from tiphys.testing.drive import BEGINNING, Driver, admitted

TEXT = """
kind: Workflow
metadata: {name: w}
spec:
  entrypoint: main
  templates: [{name: main, container: {image: x}}]
"""
OLD = [
    {"type": "RunStarted", "at": BEGINNING},
    {
        "type": "NodeAdded", "at": BEGINNING, "name": "w", "kind": "Pod", "phase": "Pending",
        "call": ["entry"], "template": "local/w main", "display_name": "w",
    },
    {"type": "NodePhaseChanged", "at": BEGINNING, "node": "w", "phase": "Running"},
    {
        "type": "NodeDone", "at": BEGINNING + 30, "node": "w", "phase": "Succeeded",
        "usage": {"wall_seconds": 30.0},
    },
    {"type": "RunDone", "at": BEGINNING + 30, "phase": "Succeeded"},
]  # fmt: skip


def test_events_without_resources_and_estimates_are_read() -> None:
    first = admitted(TEXT).event
    old = {
        "type": "RunAdmitted",
        "run": first.run,
        "created_at": first.created_at,
        "workflow": first.workflow,
    }
    events = msgspec.json.decode(json.dumps([old, *OLD]), type=list[Event])
    assert isinstance(events[0], RunAdmitted)
    run = Run(recompile(events[0]), events[0])
    run.fold(events)
    assert node_status(run, run.state.nodes[NodeId("w")]).resources_duration == {
        "cpu": 3,
        "memory": 30,
    }
    status = summary(run)["status"]
    assert isinstance(status, dict)
    assert status["resourcesDuration"] == {"cpu": 3, "memory": 30}
    assert "estimatedDuration" not in status


def test_a_snapshot_without_the_newer_counters_goes_on() -> None:
    # given: a pod runs, and a snapshot that knows nothing of running pods
    driver = Driver(admitted(TEXT))
    driver.begin()
    driver.take(JobReported(BEGINNING, JobStarted(NodeId("w"), BEGINNING)))
    state = msgspec.json.decode(msgspec.json.encode(driver.run.state))
    assert state.pop("running_pods") == 1
    # when
    run = Run(
        driver.admitted.program,
        driver.admitted.event,
        msgspec.json.decode(json.dumps(state), type=State),
    )
    run.fold([driver.admitted.event])
    # then
    assert run.state == driver.run.state
