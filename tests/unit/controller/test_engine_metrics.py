"""What the engine counts under Argo's names, as Prometheus reads it."""

from __future__ import annotations

import asyncio
import logging

from tiphys.compile.triggers.outcome import Outcome as Decision
from tiphys.controller.engine import Engine
from tiphys.controller.engine_metrics import EngineMetrics, LogCount
from tiphys.controller.loop import Ports
from tiphys.controller.observers import exposition
from tiphys.model.codec import convert
from tiphys.model.cron import CronWorkflow
from tiphys.ports import RunRow
from tiphys.runtime.simulated import ALL, Outcome, SimulatedRuntime
from tiphys.service.documents import Source, load
from tiphys.service.submit import Overrides, Submitter
from tiphys.store.memory import MemoryStore
from tiphys.testing.answers import answers_in_memory
from tiphys.testing.clock import JumpingClock, run

LOCKED = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: w, namespace: team}
spec:
  entrypoint: main
  templates:
  - {name: a, synchronization: {mutexes: [{name: m}]}, container: {image: x}}
  - {name: b, container: {image: x}}
  - {name: main, steps: [[{name: a, template: a}, {name: c, template: a}, {name: b, template: b}]]}
"""


class Scene:
    """Engines, one after the other, on one store."""

    def __init__(self) -> None:
        self.clock, self.store = JumpingClock(), MemoryStore()

    async def submitted(self, text: str) -> RunRow:
        submitter = Submitter(self.store, self.clock, lambda _: ALL)
        workflow = load([Source("w.yaml", text.encode())]).workflows[0][0]
        return await submitter.submit(workflow, [], Overrides(runtime="simulated"))

    def engine(self, metrics: EngineMetrics) -> Engine:
        store, clock = self.store, self.clock
        answers = answers_in_memory(clock)
        ports = Ports(
            store, store, answers, clock, store.owner, observers=[metrics], turned=metrics.turned
        )
        return Engine(ports, lambda _: SimulatedRuntime(clock, self.says))

    def says(self, job: object) -> Outcome:
        code = 1 if getattr(job, "node_name", "").endswith(".b") else 0
        return Outcome(seconds=60, code=code, waiting="ImagePullBackOff: x" if code else "")


def values(metrics: EngineMetrics) -> dict[str, str]:
    """Return what a scrape shows, without durations."""
    shown = (line.rpartition(" ") for line in exposition(metrics.collect()).splitlines())
    return {
        name.removeprefix("argo_workflows_"): value
        for name, _, value in shown
        if name[0] != "#" and "operation_duration" not in name
    }


def test_workflows_pods_and_locks_are_counted_as_they_go() -> None:
    async def play() -> None:
        scene, metrics = Scene(), EngineMetrics()
        row = await scene.submitted(LOCKED)
        driving = asyncio.ensure_future(scene.engine(metrics).drive(row))
        await scene.clock.sleep_until(scene.clock.now() + 10)
        lock = 'type="mutex",storage="configmap",lock_name="m",namespace="team"'
        assert values(metrics) == {
            'total_count{phase="New",namespace="team"}': "1",
            'total_count{phase="Running",namespace="team"}': "1",
            'pods_gauge{phase="Running"}': "2",
            'pods_total_count{phase="Pending",namespace="team"}': "2",
            'pods_total_count{phase="Running",namespace="team"}': "2",
            'pod_pending_count{reason="ImagePullBackOff",namespace="team"}': "1",
            'workflow_condition{type="PodRunning",status="True"}': "1",
            f"locks_held{{{lock}}}": "1",
            f"locks_pending{{{lock}}}": "1",
            f"locks_taken_total{{{lock}}}": "1",
        }
        await driving
        assert values(metrics) == {
            'total_count{phase="New",namespace="team"}': "1",
            'total_count{phase="Running",namespace="team"}': "1",
            'total_count{phase="Failed",namespace="team"}': "1",
            'pods_total_count{phase="Pending",namespace="team"}': "3",
            'pods_total_count{phase="Running",namespace="team"}': "3",
            'pods_total_count{phase="Succeeded",namespace="team"}': "2",
            'pods_total_count{phase="Failed",namespace="team"}': "1",
            'pod_pending_count{reason="ImagePullBackOff",namespace="team"}': "1",
            f"locks_taken_total{{{lock}}}": "2",
        }
        durations = exposition(metrics.collect())
        assert 'argo_workflows_operation_duration_seconds_bucket{le="5"}' in durations

    run(play())


def test_an_engine_that_takes_a_run_up_again_counts_only_what_is_new() -> None:
    async def play() -> None:
        scene, metrics = Scene(), EngineMetrics()
        row = await scene.submitted(LOCKED)
        driving = asyncio.ensure_future(scene.engine(EngineMetrics()).drive(row))
        await scene.clock.sleep_until(scene.clock.now() + 10)
        driving.cancel()
        await asyncio.wait({driving})
        driving = asyncio.ensure_future(scene.engine(metrics).drive(row))
        await scene.clock.sleep_until(scene.clock.now() + 10)
        found = values(metrics)
        assert found['pods_gauge{phase="Running"}'] == "2"
        assert not [name for name in found if "total" in name]
        await driving
        found = values(metrics)
        assert found['total_count{phase="Failed",namespace="team"}'] == "1"
        assert 'total_count{phase="Running",namespace="team"}' not in found
        assert not [name for name in found if "pods_gauge" in name or "locks_held" in name]

    run(play())


def test_a_workflow_of_a_template_is_counted_for_the_template() -> None:
    async def play() -> None:
        scene, metrics = Scene(), EngineMetrics()
        template = """
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: t, namespace: team}
spec: {entrypoint: main, templates: [{name: main, container: {image: x}}]}
"""
        text = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: w, namespace: team}
spec: {workflowTemplateRef: {name: t}}
"""
        submitter = Submitter(scene.store, scene.clock, lambda _: ALL)
        known = load([Source("t.yaml", template.encode()), Source("w.yaml", text.encode())])
        row = await submitter.submit(
            known.workflows[0][0], known.beside(), Overrides(runtime="simulated")
        )
        await scene.engine(metrics).drive(row)
        found = values(metrics)
        own = 'name="t",namespace="team",cluster_scope="false"'
        assert found[f'workflowtemplate_triggered_total{{{own},phase="Running"}}'] == "1"
        assert found[f'workflowtemplate_triggered_total{{{own},phase="Succeeded"}}'] == "1"
        assert found[f"workflowtemplate_runtime_sum{{{own}}}"] == "60"
        assert found[f'workflowtemplate_runtime_bucket{{{own},le="60"}}'] == "1"

    run(play())


def test_decisions_of_schedules_are_counted() -> None:
    metrics = EngineMetrics()
    cron = convert(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "CronWorkflow",
            "metadata": {"name": "c", "namespace": "team"},
            "spec": {"schedules": ["* * * * *"], "workflowSpec": {}},
        },
        CronWorkflow,
    )
    metrics.decided(cron, Decision(kind="Submitted", policy="Replace"))
    metrics.decided(cron, Decision(kind="Skipped", policy="Forbid"))
    metrics.decided(cron, Decision(kind="Refused", condition="SubmissionError"))
    own = 'name="c",namespace="team"'
    policy = f"cronworkflows_concurrencypolicy_triggered{{{own},concurrency_policy"
    assert values(metrics) == {
        f"cronworkflows_triggered_total{{{own}}}": "1",
        f'{policy}="Replace"}}': "1",
        f'{policy}="Forbid"}}': "1",
        'error_count{cause="CronWorkflowSubmissionError"}': "1",
    }


def test_messages_of_the_log_are_counted_by_argos_names_of_levels() -> None:
    metrics = EngineMetrics()
    handler = LogCount(metrics)
    log = logging.Logger("apart")
    log.addHandler(handler)
    log.warning("a")
    log.error("b")
    log.critical("c")
    log.debug("d")
    assert values(metrics) == {
        'log_messages{level="warn"}': "1",
        'log_messages{level="error"}': "2",
    }
