"""A run made of its status document alone is retried as one whose journal is there."""

from __future__ import annotations

from typing import Any

import msgspec
from tests.properties.programs import make
from tests.properties.test_operations import mend, mending
from tests.properties.watched import WatchedDriver, drive_watched, go_to_end, result

from tiphys.engine.importing import ended
from tiphys.engine.retrying import plan
from tiphys.engine.run import Run
from tiphys.engine.status import node_status, summary
from tiphys.messages import Event, RetryRequested, RunAdmitted
from tiphys.model.codec import convert
from tiphys.model.status import WorkflowStatus

SEEDS = range(120)
_OF_THE_JOB = ("resourcesDuration", "usage", "progress", "podIP", "daemoned", "waitingReason")
"""What is not taken over: nobody goes on from it."""


def status_of(run: Run) -> WorkflowStatus:
    """Return the status as an archive has it: through JSON, nodes in no order of theirs."""
    nodes = {key: shown(run, key) for key in sorted(run.state.nodes)}
    text = msgspec.json.encode({**summary(run)["status"], "nodes": nodes})
    return convert(msgspec.json.decode(text), WorkflowStatus)


def shown(run: Run, key: str) -> Any:
    return msgspec.to_builtins(node_status(run, run.state.nodes[key]))


def first_of(driver: WatchedDriver) -> RunAdmitted:
    first = driver.log[0]
    assert isinstance(first, RunAdmitted)
    return first


def made_of_its_document(driver: WatchedDriver) -> tuple[Run, list[Event]]:
    first = first_of(driver)
    events = [first, *ended(driver.run.program, first, status_of(driver.run))]
    run = Run(driver.run.program, first)
    run.fold(events)
    return run, events


def kept_parts(run: Run) -> dict[str, Any]:
    """Return what a document says of each node, without what ends with its job."""
    found = {}
    for key in run.state.nodes:
        node = shown(run, key)
        found[key] = {name: node[name] for name in node if name not in _OF_THE_JOB}
        found[key]["children"] = sorted(node.get("children") or ())
    return found


def test_a_document_tells_all_that_a_retry_needs(seed):
    program = make(seed)
    driver = drive_watched(program)
    native = driver.run
    if not native.state.done:
        return
    run, _ = made_of_its_document(driver)
    assert run.state.phase == native.state.phase
    assert run.state.message == native.state.message
    assert run.state.outputs == native.state.outputs
    assert kept_parts(run) == kept_parts(native)
    for anew in (False, True):
        ours = plan(run.state, run.program, anew=anew)
        theirs = plan(native.state, native.program, anew=anew)
        assert {*ours.deleted} == {*theirs.deleted}
        assert {*ours.reset} == {*theirs.reset}
        assert {*ours.parked} == {*theirs.parked}


def test_what_is_retried_comes_to_the_same_end(seed):
    program = mending(seed)
    ends = []
    for from_document in (False, True):
        object.__setattr__(program, "is_mended", False)
        driver = drive_watched(program)
        if driver.run.state.phase not in {"Failed", "Error"}:
            return
        if from_document:
            driver.run, driver.log[:] = made_of_its_document(driver)
            driver.fulfilled.clear()
        mend(program)
        driver.retry(RetryRequested(at=driver.world.now))
        go_to_end(driver)
        ends.append(result(driver.run))
    assert ends[0] == ends[1]
