"""Users' metrics as Prometheus reads them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tiphys.controller.engine import Engine
from tiphys.controller.loop import Ports
from tiphys.controller.observers import CustomMetrics, exposition
from tiphys.messages import MetricObserved, RunDone
from tiphys.model.ids import RunId
from tiphys.ports import RunRow
from tiphys.runtime.simulated import ALL, Outcome, SimulatedRuntime
from tiphys.service.documents import Source, load
from tiphys.service.submit import Overrides, Submitter
from tiphys.store.memory import MemoryStore
from tiphys.testing.answers import answers_in_memory
from tiphys.testing.clock import JumpingClock, run

ONE, OTHER = RunId("one"), RunId("other")


class StoppedClock:
    """Tells the time it is told."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    async def sleep_until(self, at: float) -> None:
        self.time = at


def observed(name: str, value: float = 0.0, **more: Any) -> MetricObserved:
    given = {"kind": "gauge", "help": f"The {name}", **more}
    return MetricObserved(at=100.0, name=name, value=value, **given)


def lines(metrics: CustomMetrics) -> list[str]:
    return exposition(metrics.collect()).splitlines()


def test_counters_grow_gauges_move_and_histograms_count() -> None:
    metrics = CustomMetrics(StoppedClock())
    rows = {"kind": "counter", "labels": (("job", 'e"t\\l'),)}
    took = {"kind": "histogram", "buckets": (10.0, 5.0), "labels": (("a", "b"),)}
    metrics.committed(ONE, [observed("rows", 7, **rows), observed("took", 6, **took)])
    metrics.committed(OTHER, [observed("rows", 1.5, **rows), observed("took", 5, **took)])
    metrics.committed(ONE, [observed("took", 11, **took), observed("level", 3, help="a\nb")])
    metrics.committed(ONE, [observed("level", 2, help="a\nb", operation="Sub")])
    assert lines(metrics) == [
        "# HELP argo_workflows_level a\\nb",
        "# TYPE argo_workflows_level gauge",
        "argo_workflows_level 1",
        "# HELP argo_workflows_rows The rows",
        "# TYPE argo_workflows_rows counter",
        'argo_workflows_rows{job="e\\"t\\\\l"} 8.5',
        "# HELP argo_workflows_took The took",
        "# TYPE argo_workflows_took histogram",
        'argo_workflows_took_bucket{a="b",le="5"} 1',
        'argo_workflows_took_bucket{a="b",le="10"} 2',
        'argo_workflows_took_bucket{a="b",le="+Inf"} 3',
        'argo_workflows_took_sum{a="b"} 22',
        'argo_workflows_took_count{a="b"} 3',
    ]


def test_a_real_time_gauge_runs_until_it_is_observed_or_its_run_is_done() -> None:
    clock = StoppedClock()
    metrics = CustomMetrics(clock)
    metrics.committed(ONE, [observed("a", since=90.0), observed("b", since=95.0)])
    clock.time = 110.0
    assert [line for line in lines(metrics) if line[0] != "#"] == [
        "argo_workflows_a 20",
        "argo_workflows_b 15",
    ]
    metrics.committed(ONE, [observed("a", 25)])
    metrics.committed(ONE, [RunDone(at=120.0, phase="Failed")])
    clock.time = 500.0
    assert [line for line in lines(metrics) if line[0] != "#"] == [
        "argo_workflows_a 25",
        "argo_workflows_b 25",
    ]


def test_a_metric_that_is_defined_in_two_ways_stays_what_it_was(
    caplog: pytest.LogCaptureFixture,
) -> None:
    metrics = CustomMetrics(StoppedClock())
    metrics.committed(ONE, [observed("a", 1), observed("a", 2, help="else")])
    metrics.committed(ONE, [observed("a", 3, kind="counter")])
    assert "argo_workflows_a 1" in lines(metrics)
    assert caplog.text.count("defined in two ways") == 2


def test_metrics_nobody_touches_are_dropped_after_a_while() -> None:
    clock = StoppedClock()
    metrics = CustomMetrics(clock, ttl_seconds=60)
    metrics.committed(ONE, [observed("old", 1), observed("live", since=100.0)])
    clock.time = 159.0
    assert "argo_workflows_old 1" in lines(metrics)
    clock.time = 160.0
    assert [line for line in lines(metrics) if line[0] != "#"] == ["argo_workflows_live 60"]


TEXT = """
kind: Workflow
metadata: {name: w}
spec:
  entrypoint: main
  metrics:
    prometheus:
    - {name: whole, help: W, gauge: {realtime: true, value: "{{workflow.duration}}"}}
  templates:
  - name: main
    metrics: {prometheus: [{name: runs, help: R, counter: {value: "1"}}]}
    container: {image: busybox, command: [echo]}
"""


def test_an_engine_that_takes_a_run_up_again_shows_its_running_gauges() -> None:
    async def play() -> None:
        clock, store = JumpingClock(), MemoryStore()
        submitter = Submitter(store, clock, lambda _: ALL)
        workflow = load([Source("w.yaml", TEXT.encode())]).workflows[0][0]
        row = await submitter.submit(workflow, [], Overrides(runtime="simulated"))
        # given: an engine dies after ten seconds
        first = CustomMetrics(clock)
        driving = asyncio.ensure_future(engine(store, clock, first).drive(row))
        await clock.sleep_until(clock.now() + 10)
        assert "argo_workflows_whole 10" in lines(first)
        driving.cancel()
        await asyncio.wait({driving})
        # when: another one goes on
        second = CustomMetrics(clock)
        driving = asyncio.ensure_future(engine(store, clock, second).drive(row))
        await clock.sleep_until(clock.now() + 10)
        assert "argo_workflows_whole 20" in lines(second)
        # then: the end is seen, and stays
        await driving
        await clock.sleep_until(clock.now() + 100)
        assert [line for line in lines(second) if line[0] != "#"] == [
            "argo_workflows_runs 1",
            "argo_workflows_whole 70",
        ]

    def engine(store: MemoryStore, clock: JumpingClock, metrics: CustomMetrics) -> Engine:
        ports = Ports(
            store, store, answers_in_memory(clock), clock, store.owner, observers=[metrics]
        )
        return Engine(ports, lambda row: runtime(row, clock))

    def runtime(_: RunRow, clock: JumpingClock) -> SimulatedRuntime:
        return SimulatedRuntime(clock, lambda _: Outcome(seconds=60))

    run(play())
