"""Inputs that come early, late, twice or for nobody."""

from __future__ import annotations

import json

import pytest
from tests.engine import scenario

from tiphys.messages import (
    Input,
    JobFinished,
    JobLost,
    JobReported,
    JobStarted,
    ResumeRequested,
    Step,
    TimerFired,
)
from tiphys.model.arguments import Outputs
from tiphys.model.ids import NodeId, node_id
from tiphys.runtime.simulated import Outcome
from tiphys.testing.drive import BEGINNING, Driver, admitted

NEVER = 1e6


def driver_of(main: dict, **spec) -> Driver:
    templates = [*scenario.COMMON, {"name": "main", **main}]
    document = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "w"},
        "spec": {"entrypoint": "main", "templates": templates, **spec},
    }
    driver = Driver(admitted(json.dumps(document)), lambda _: Outcome(seconds=NEVER))
    driver.begin()
    return driver


@pytest.mark.parametrize(
    ("main", "timer"),
    [
        ({"suspend": {"duration": "60"}}, "suspend:w"),
        ({"container": {"image": "x"}, "timeout": "60s"}, "pending:w"),
    ],
)
def test_a_timer_that_rings_early_does_nothing_and_on_time_it_does(main, timer):
    driver = driver_of(main)
    assert driver.run.handle(TimerFired(at=BEGINNING + 59, timer=timer)) == Step()
    assert driver.run.handle(TimerFired(at=BEGINNING + 60, timer=timer)).events
    assert driver.run.state.nodes[NodeId("w")].fulfilled


def test_the_deadline_does_nothing_before_its_time():
    driver = driver_of({"container": {"image": "x"}}, activeDeadlineSeconds=9)
    assert driver.run.handle(TimerFired(at=BEGINNING + 8, timer="deadline")) == Step()
    assert driver.run.handle(TimerFired(at=BEGINNING + 9, timer="deadline")).events


@pytest.mark.parametrize(
    "item",
    [
        TimerFired(at=BEGINNING, timer="suspend:nobody"),
        TimerFired(at=BEGINNING, timer="what is this"),
        TimerFired(at=BEGINNING, timer="deadline"),
        ResumeRequested(at=BEGINNING),
        JobReported(at=BEGINNING, report=JobStarted(NodeId("nobody"), BEGINNING)),
        JobReported(at=BEGINNING, report=JobLost(NodeId("w"), BEGINNING)),
    ],
)
def test_what_concerns_nobody_changes_nothing(item: Input):
    driver = driver_of({"steps": [[{"name": "a", "template": "ok"}]]})
    step = driver.run.handle(item)
    assert not step.events


def test_a_start_that_is_heard_after_the_end_changes_nothing():
    driver = driver_of(
        {"steps": [[{"name": "a", "template": "ok"}], [{"name": "b", "template": "ok"}]]}
    )
    job = NodeId(node_id("w", "w[0].a"))
    end = JobFinished(job=job, phase="Succeeded", outputs=Outputs())
    driver.take(JobReported(at=BEGINNING, report=end))
    for report in (JobStarted(job, BEGINNING), end, JobLost(job, BEGINNING)):
        assert driver.run.handle(JobReported(at=BEGINNING, report=report)) == Step()


def test_a_stopped_workflow_ends_only_when_its_jobs_have_ended():
    driver = driver_of({"steps": [[{"name": "a", "template": "ok"}]]})
    driver.run.handle(scenario._request({"op": "stop"}))
    assert not driver.run.state.done
    job = NodeId(node_id("w", "w[0].a"))
    end = JobFinished(job=job, phase="Failed", message="killed", outputs=Outputs())
    driver.run.handle(JobReported(at=BEGINNING + 1, report=end))
    assert driver.run.state.done
    assert driver.run.state.nodes[job].message == "workflow shutdown with strategy:  Stop"


def test_nothing_is_taken_any_more_when_the_run_is_done():
    driver = driver_of({"container": {"image": "x"}})
    job = NodeId("w")
    end = JobFinished(job=job, phase="Succeeded", outputs=Outputs())
    driver.take(JobReported(at=BEGINNING, report=end))
    assert driver.run.state.done
    for op in ("stop", "terminate", "suspend", "resume"):
        assert driver.run.handle(scenario._request({"op": op})) == Step()
