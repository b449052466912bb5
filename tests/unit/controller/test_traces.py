"""A run as a trace: its spans, in this process and across a change of engines."""

from __future__ import annotations

import asyncio

from tiphys.controller.engine import Engine
from tiphys.controller.loop import Ports
from tiphys.controller.traces import Span, Traces
from tiphys.ports import RunRow
from tiphys.runtime.simulated import ALL, Outcome, SimulatedRuntime
from tiphys.service.documents import Source, load
from tiphys.service.submit import Overrides, Submitter
from tiphys.store.memory import MemoryStore
from tiphys.testing.answers import answers_in_memory
from tiphys.testing.clock import JumpingClock, run

TEXT = """
kind: Workflow
metadata: {name: w, namespace: team}
spec:
  entrypoint: main
  templates:
  - name: main
    steps: [[{name: good, template: job}], [{name: bad, template: job}]]
  - name: job
    container: {image: busybox, command: [echo]}
"""


def outcome(name: str) -> Outcome:
    return Outcome(seconds=60, code=3) if name.endswith(".bad") else Outcome(seconds=60)


def traced(dies_after: float | None) -> list[Span]:
    """Return the spans of a run; its first engine is gone after some seconds."""
    spans: list[Span] = []

    async def play() -> None:
        clock, store = JumpingClock(), MemoryStore()
        submitter = Submitter(store, clock, lambda _: ALL)
        workflow = load([Source("w.yaml", TEXT.encode())]).workflows[0][0]
        row = await submitter.submit(workflow, [], Overrides(runtime="simulated"))
        if dies_after is not None:
            driving = asyncio.ensure_future(engine(store, clock).drive(row))
            await clock.sleep_until(clock.now() + dies_after)
            driving.cancel()
            await asyncio.wait({driving})
        await engine(store, clock).drive(row)

    def engine(store: MemoryStore, clock: JumpingClock) -> Engine:
        observers = [Traces(spans.append)]
        ports = Ports(
            store, store, answers_in_memory(clock), clock, store.owner, observers=observers
        )
        return Engine(ports, lambda row: runtime(row, clock))

    def runtime(_: RunRow, clock: JumpingClock) -> SimulatedRuntime:
        return SimulatedRuntime(clock, lambda job: outcome(job.node_name))

    run(play())
    return spans


def test_every_node_is_a_span_below_the_one_that_waits_for_it() -> None:
    spans = traced(None)
    by_name = {(span.attributes.get("node.type"), span.name): span for span in spans}
    root = by_name[None, "w"]
    steps = by_name["Steps", "w"]
    good, bad = by_name["Pod", "good"], by_name["Pod", "bad"]
    assert {span.trace for span in spans} == {root.trace}
    assert (root.parent, steps.parent) == (0, root.id)
    assert root.attributes["workflow.namespace"] == "team"
    assert (good.end - good.start, good.phase) == (60, "Succeeded")
    assert (bad.phase, bad.attributes["node.template"]) == ("Failed", "job")
    assert bad.message
    assert (root.phase, root.end - root.start) == ("Failed", 120)
    assert spans[-1] == root, "the run ends last"
    groups = {span.id for span in spans if span.attributes.get("node.type") == "StepGroup"}
    assert {good.parent, bad.parent} <= groups | {steps.id}


def test_a_run_that_another_engine_takes_over_stays_the_same_trace() -> None:
    def shape(spans: list[Span]) -> set[tuple[str, str, str]]:
        names = {span.id: span.name for span in spans}
        return {(span.name, names.get(span.parent, ""), span.phase) for span in spans}

    before, after = traced(None), traced(dies_after=90)
    assert shape(after) == shape(before)
    assert len(after) == len(before)
    starts = {span.name: span.start for span in after}
    assert starts["bad"] - starts["good"] == 60, "it began when the first engine still lived"
