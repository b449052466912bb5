"""What Argo's controller counts, under Argo's names: workflows, pods, locks, schedules, time.

`EngineMetrics` is an Observer. A run that is taken up again is told as it stands: that sets the
gauges and counts nothing. Source: reference/rest-api.md 20.1; argo workflow/metrics.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tiphys.controller.tally import Kind, Tally
from tiphys.engine.phases import FULFILLED
from tiphys.messages import (
    DaemonReady,
    Event,
    LockAwaited,
    LocksReleased,
    LocksWanted,
    NodeAdded,
    NodeAdvanced,
    NodeDone,
    NodePhaseChanged,
    QuestionAsked,
    QuestionSettled,
    RunAdmitted,
    RunDone,
    RunStarted,
)
from tiphys.model.base import JsonObject
from tiphys.model.ids import NodeId, RunId, node_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from tiphys.compile.triggers.outcome import Outcome
    from tiphys.model.cron import CronWorkflow

_LOCK: Final = ("type", "storage", "lock_name", "namespace")
_CRON: Final = ("name", "namespace")
_TEMPLATE: Final = ("name", "namespace", "cluster_scope")
KINDS: Final = {
    "total_count": Kind("counter", "Workflows that entered a phase", ("phase", "namespace")),
    "error_count": Kind("counter", "Errors by their cause", ("cause",)),
    "pods_total_count": Kind("counter", "Pods that entered a phase", ("phase", "namespace")),
    "pods_gauge": Kind("gauge", "Pods in each phase", ("phase",)),
    "pod_pending_count": Kind("counter", "Pods that could not start", ("reason", "namespace")),
    "locks_held": Kind("gauge", "Locks that are held", _LOCK),
    "locks_pending": Kind("gauge", "Locks that are waited for", _LOCK),
    "locks_taken_total": Kind("counter", "Locks that were taken", _LOCK),
    "cronworkflows_triggered_total": Kind("counter", "Workflows made by schedules", _CRON),
    "cronworkflows_concurrencypolicy_triggered": Kind(
        "counter", "Due times at which a concurrencyPolicy counted", (*_CRON, "concurrency_policy")
    ),
    "workflowtemplate_triggered_total": Kind(
        "counter", "Phases of workflows made from templates", (*_TEMPLATE, "phase")
    ),
    "workflowtemplate_runtime": Kind(
        "histogram", "Seconds that workflows made from templates took", _TEMPLATE,
        (1.0, 5.0, 20.0, 60.0, 180.0, 600.0, 3600.0),
    ),
    "workflow_condition": Kind("gauge", "Workflows by their conditions", ("type", "status")),
    "operation_duration_seconds": Kind(
        "histogram", "Seconds between what happened to a workflow and what followed", (),
        (5.0, 10.0, 15.0, 20.0, 25.0, 30.0),
    ),
    "log_messages": Kind("counter", "Messages in the log", ("level",)),
}  # fmt: skip
_NO_REASON: Final = "PodInitializing"
_DEFECT: Final = "defect of the engine: "


@dataclass(slots=True)
class _Known:
    """A run that goes on: what of it is in the gauges. `locks` says which are held."""

    name: str
    namespace: str
    template: tuple[str, str, str] | None
    started_at: float = 0.0
    pods: dict[NodeId, str] = field(default_factory=dict)
    staged: dict[NodeId, bool] = field(default_factory=dict)
    locks: dict[str, tuple[LocksWanted, bool]] = field(default_factory=dict)


class EngineMetrics:
    """The metrics of the engine of this process."""

    def __init__(self) -> None:
        self._tally = Tally(KINDS)
        self._runs: dict[RunId, _Known] = {}

    # ------------------------------------------------------------------------------- hearing

    def committed(self, run: RunId, events: Sequence[Event]) -> None:
        """Count what a commit says."""
        is_new = bool(events) and isinstance(events[0], RunAdmitted)
        if is_new:
            self._forget(run)
            self._admit(run, events)
        known = self._runs.get(run)
        if known is None:
            return
        for event in events[is_new:]:
            self._take(known, event, counts=not is_new)
            if isinstance(event, RunDone):
                self._end(run, known, event)

    def turned(self, seconds: float) -> None:
        """Take how long one operation on a run took."""
        self._tally.observe("operation_duration_seconds", seconds)

    def decided(self, cron: CronWorkflow, outcome: Outcome) -> None:
        """Count a decision about a due time."""
        own = cron.metadata.name, cron.metadata.namespace
        if outcome.kind == "Submitted":
            self._tally.add("cronworkflows_triggered_total", own)
        if outcome.policy:
            self._tally.add("cronworkflows_concurrencypolicy_triggered", (*own, outcome.policy))
        if outcome.condition:
            self._tally.add("error_count", (f"CronWorkflow{outcome.condition}",))

    def logged(self, level: str) -> None:
        """Count a message in the log: `error`, `warn` or `info`."""
        self._tally.add("log_messages", (level,))

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it stands now."""
        standing = Counter(_has_running_pod(known) for known in self._runs.values())
        for status, count in standing.items():
            self._tally.add("workflow_condition", ("PodRunning", status), count)
        yield from self._tally.collect()
        for status, count in standing.items():
            self._tally.add("workflow_condition", ("PodRunning", status), -count)

    # --------------------------------------------------------------------------------- runs

    def _admit(self, run: RunId, events: Sequence[Event]) -> None:
        first = events[0]
        document = first.workflow if isinstance(first, RunAdmitted) else None
        own = _part(document, "metadata")
        name, namespace = str(own.get("name", "")), str(own.get("namespace", ""))
        self._runs[run] = _Known(name, namespace, _template(_part(document, "spec"), namespace))
        if len(events) == 1:
            self._enter(self._runs[run], "New")

    def _enter(self, known: _Known, phase: str) -> None:
        self._tally.add("total_count", (phase, known.namespace))
        if known.template is not None and phase != "New":
            self._tally.add("workflowtemplate_triggered_total", (*known.template, phase))

    def _end(self, run: RunId, known: _Known, event: RunDone) -> None:
        self._enter(known, event.phase)
        if event.message.startswith(_DEFECT):
            self._tally.add("error_count", ("OperationPanic",))
        if known.template is not None and known.started_at:
            seconds = max(0.0, event.at - known.started_at)
            self._tally.observe("workflowtemplate_runtime", seconds, known.template)
        self._forget(run)

    def _forget(self, run: RunId) -> None:
        known = self._runs.pop(run, None)
        if known is None:
            return
        for key in [*known.pods]:
            self._pod(known, key, "", counts=False)
        for question in [*known.locks]:
            self._release(known, question)

    def _take(self, known: _Known, event: Event, *, counts: bool) -> None:
        match event:
            case RunStarted():
                known.started_at = event.at
                if counts:
                    self._enter(known, "Running")
            case QuestionAsked() | QuestionSettled() | LockAwaited() | LocksReleased():
                self._lock(known, event, counts)
            case NodeAdded() if event.kind == "Pod":
                self._added(known, event, counts)
            case NodePhaseChanged() | NodeAdvanced() | NodeDone() | DaemonReady():
                self._changed(known, event)
            case _:
                pass

    # --------------------------------------------------------------------------------- pods

    def _added(self, known: _Known, event: NodeAdded, counts: bool) -> None:
        key = node_id(known.name, event.name)
        if event.stage:  # it has no pod before it has its locks
            known.staged[key] = True
        elif event.phase not in FULFILLED:
            self._pod(known, key, event.phase, counts=counts)

    def _changed(
        self, known: _Known, event: NodePhaseChanged | NodeAdvanced | NodeDone | DaemonReady
    ) -> None:
        key = event.node
        if key in known.staged:
            if isinstance(event, NodeAdvanced) and event.stage:
                return
            del known.staged[key]
            if not isinstance(event, NodeDone):
                self._pod(known, key, "Pending", counts=True)
        elif key not in known.pods:
            return
        elif isinstance(event, NodeDone):
            phase = "Failed" if event.phase == "Error" else event.phase
            self._pod(known, key, phase, counts=True)
            self._pod(known, key, "", counts=False)
        elif isinstance(event, NodePhaseChanged):
            self._pod(known, key, event.phase, counts=True)
            reason = event.message.partition(":")[0]
            if event.phase == "Pending" and reason and reason != _NO_REASON:
                self._tally.add("pod_pending_count", (reason, known.namespace))

    def _pod(self, known: _Known, key: NodeId, phase: str, *, counts: bool) -> None:
        """Have a pod enter a phase, "" for none."""
        before = known.pods.pop(key, "")
        if before:
            self._tally.add("pods_gauge", (before,), -1)
        if not phase:
            return
        known.pods[key] = phase
        self._tally.add("pods_gauge", (phase,))
        if counts and phase != before:
            self._tally.add("pods_total_count", (phase, known.namespace))

    # -------------------------------------------------------------------------------- locks

    def _lock(
        self,
        known: _Known,
        event: QuestionAsked | QuestionSettled | LockAwaited | LocksReleased,
        counts: bool,
    ) -> None:
        match event:
            case QuestionAsked(question=LocksWanted() as question):
                known.locks[question.question] = question, False
                self._move(question, "locks_pending", 1)
            case QuestionSettled(held=True) if event.question in known.locks:
                question, _ = known.locks[event.question]
                known.locks[event.question] = question, True
                self._move(question, "locks_pending", -1)
                self._move(question, "locks_held", 1)
                if counts:
                    self._move(question, "locks_taken_total", 1)
            case LocksReleased() | QuestionSettled():
                self._release(known, event.question)
            case LockAwaited() if event.node is None and counts:
                self._enter(known, "Pending")
            case _:
                pass

    def _release(self, known: _Known, name: str) -> None:
        question, is_held = known.locks.pop(name, (None, False))
        if question is not None:
            self._move(question, "locks_held" if is_held else "locks_pending", -1)

    def _move(self, question: LocksWanted, name: str, value: int) -> None:
        for lock in question.locks:
            namespace, _, rest = lock.key.partition("/")
            storage = "database" if lock.database else "configmap"
            labels = lock.kind, storage, rest.partition("/")[2], namespace
            self._tally.add(name, labels, value)


class LogCount(logging.Handler):
    """Counts the messages of the log by their levels, as Argo names those."""

    def __init__(self, metrics: EngineMetrics) -> None:
        super().__init__(logging.INFO)
        self._metrics = metrics

    def emit(self, record: logging.LogRecord) -> None:
        """Count one message."""
        is_worse = record.levelno >= logging.ERROR
        level = "error" if is_worse else "warn" if record.levelno >= logging.WARNING else "info"
        self._metrics.logged(level)


def _has_running_pod(known: _Known) -> str:
    return "True" if "Running" in known.pods.values() else "False"


def _part(value: object, key: str) -> JsonObject:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _template(spec: JsonObject, namespace: str) -> tuple[str, str, str] | None:
    """Return name, namespace and scope of the template a workflow was made from."""
    reference = _part(spec, "workflowTemplateRef")
    if not reference:
        return None
    is_cluster = bool(reference.get("clusterScope"))
    return str(reference.get("name", "")), namespace, "true" if is_cluster else "false"
