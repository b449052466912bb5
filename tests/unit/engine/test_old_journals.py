"""Journals and snapshots from before go on: what they lack has a value that was true then."""

from __future__ import annotations

import json

import msgspec

from tiphys.compile.admit import recompile
from tiphys.engine.reviving import revive
from tiphys.engine.run import Run
from tiphys.engine.state import State
from tiphys.engine.status import node_status, summary
from tiphys.messages import Event, JobReported, JobStarted, RetryRequested, RunAdmitted
from tiphys.model.ids import NodeId
from tiphys.runtime.simulated import Outcome
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


NESTED = """
kind: Workflow
metadata: {name: w}
spec:
  entrypoint: main
  templates:
  - {name: main, parallelism: 1, dag: {tasks: [{name: a, template: in}, {name: b, template: in}]}}
  - {name: in, steps: [[{name: s, template: job}]]}
  - {name: job, container: {image: x}}
"""


def test_a_retry_from_before_nodes_waited_for_room_goes_on_as_it_did() -> None:
    # given: a journal whose retry knows nothing of room
    driver = Driver(admitted(NESTED), lambda _: Outcome(code=1))
    driver.to_end()
    driver.take(RetryRequested(at=driver.world.now))
    first, *rest = (json.loads(msgspec.json.encode(event)) for event in driver.log)
    reopened = rest[-1]
    assert (reopened["type"], len(reopened.pop("parked"))) == ("RunReopened", 2)
    # when
    events = msgspec.json.decode(json.dumps([first, *rest]), type=list[Event])
    run = revive(None, events, recompile)
    # then
    nodes = [run.state.find(name) for name in ("w.a", "w.b")]
    assert [(node.phase, node.stage) for node in nodes if node] == [("Running", "")] * 2


def test_a_journal_says_who_acted() -> None:
    driver = Driver(admitted(TEXT))
    driver.begin()
    labels: dict[str, str | None] = {"who": "ann", "how": None}
    stored = [{"type": "LabelsSet", "labels": labels}]
    driver.run.fold(msgspec.json.decode(json.dumps(stored), type=list[Event]))
    assert driver.run.state.labels == labels
    shown = summary(driver.run)["labels"]
    assert isinstance(shown, dict)
    assert shown["who"] == "ann"
