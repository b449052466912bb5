"""Metrics: what a workflow and its nodes show of themselves, as events.

A template's are observed when its node is over (real-time ones also when it comes into the world),
the workflow's when it is over (real-time ones also when it begins). What goes wrong is a condition
of the workflow and never its failure.

Source: reference/engine.md 2.10, language.md 5.6, rest-api.md 20.2; argo
workflow/controller/operator.go, computeMetrics.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from tiphys.engine.resolving import CallError, resolve_body
from tiphys.engine.scope import Names, touches
from tiphys.engine.state import Node
from tiphys.engine.totals import resources_below
from tiphys.errors import UserError
from tiphys.expr.errors import WhenError
from tiphys.expr.template import STRICT
from tiphys.expr.values import Missing
from tiphys.expr.when import evaluate_when
from tiphys.messages import MetricFailed, MetricObserved
from tiphys.model.artifacts import Artifact
from tiphys.model.base import Json, JsonObject
from tiphys.program import MetricPlan

if TYPE_CHECKING:
    from tiphys.engine.run import Run

MEASURED: Final = frozenset({"Pod", "HTTP", "Plugin", "Steps", "DAG", "Suspend", "Retry"})
"""The kinds of nodes that stand for their template."""
_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
_NUMBER: Final = re.compile(
    r"[+-]?(?:inf(?:inity)?|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)\Z|nan\Z", re.IGNORECASE
)
_TAG: Final = re.compile(r"\{\{([^{}]*)\}\}\Z")
_MOST_FAULTS: Final = 50


class _Fault(UserError):
    """A metric that has no value."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


class MetricScope:
    """The variables of metrics over those of their template, or over the workflow's."""

    def __init__(self, own: Mapping[str, str], below: Names) -> None:
        self._own = own
        self._below = below

    def get(self, name: str) -> object | Missing:
        """Return a variable of metrics, else what the scope below says."""
        return self._own[name] if name in self._own else self._below.get(name)

    def names(self, path: str) -> Iterator[str]:
        """Return the names that touch a path; outputs are values here, no longer paths."""
        yield from (name for name in self._own if touches(name, path))
        below = self._below.names(path)
        yield from (name for name in below if not name.startswith("outputs."))

    def artifact(self, name: str) -> Artifact | None:
        """Return what the scope below says."""
        return self._below.artifact(name)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where metrics are evaluated: for whom, in which scope, and since when its clocks run.

    `over` says that the clocks have stopped, at the present instant or the node's end.
    """

    name: str
    scope: Names
    clocks: Mapping[str, float]
    over: float | None = None


# ------------------------------------------------------------------------------- the occasions


def run_begun(run: Run) -> None:
    """Show the workflow's real-time gauges."""
    if run.program.metrics:
        own = {**_NOTHING_USED, "duration": "0", "status": "Pending"}
        clocks = {"workflow.duration": run.state.started_at}
        place = _Place(run.state.name, MetricScope(own, run.globals()), clocks)
        _observe(run, (plan for plan in run.program.metrics if plan.realtime), place)


def run_ending(run: Run, root: Node) -> None:
    """Observe the workflow's metrics, in the scope of its root node; its verdict is clear."""
    if run.program.metrics:
        reads = any(plan.reads_resources for plan in run.program.metrics)
        used = run.state.resources if reads else {}
        own = _variables(run, root, used)
        clocks = {"workflow.duration": run.state.started_at, "duration": root.started_at}
        place = _Place(run.state.name, MetricScope(own, run.globals()), clocks, run.at)
        _observe(run, run.program.metrics, place)


def node_added(run: Run, node: Node) -> None:
    """Show the real-time gauges of a node that begins."""
    plans = run.program.templates[node.template].metrics
    if any(plan.realtime for plan in plans):
        place = _place(run, node, {})
        _observe(run, (plan for plan in plans if plan.realtime), place)


def node_ended(run: Run, node: Node) -> None:
    """Observe the metrics of a node that is over.

    Differs: a node that stands for others has its resource duration by then.
    """
    plans = run.program.templates[node.template].metrics
    used: Mapping[str, int] = {}
    if any(plan.reads_resources for plan in plans):
        used = node.resources if node.kind == "Pod" else resources_below(run.state, node)
    _observe(run, plans, _place(run, node, used))


def _place(run: Run, node: Node, used: Mapping[str, int]) -> _Place:
    scope = MetricScope(_variables(run, node, used), run.own_scope(node))
    over = (node.finished_at or run.at) if node.fulfilled else None
    return _Place(node.name, scope, {"duration": node.started_at}, over)


_NOTHING_USED: Final = {"resourcesDuration.cpu": "0", "resourcesDuration.memory": "0"}


def _variables(run: Run, node: Node, used: Mapping[str, int]) -> dict[str, str]:
    """Return the variables of metrics of a node. Source: argo operator.go, prepareMetricScope."""
    end = (node.finished_at or run.at) if node.fulfilled else run.at
    found = {**_NOTHING_USED, "duration": f"{max(0.0, end - node.started_at):.6f}"}
    found["status"] = node.phase
    found |= {f"resourcesDuration.{name}": str(value) for name, value in used.items()}
    for item in node.inputs.parameters:
        if item.value is not None:
            found[f"inputs.parameters.{item.name}"] = item.value
    outputs = node.outputs
    if outputs is not None:
        for item in outputs.parameters:
            if item.value is not None:
                found[f"outputs.parameters.{item.name}"] = item.value
        found |= {} if outputs.result is None else {"outputs.result": outputs.result}
        found |= {} if outputs.exit_code is None else {"exitCode": outputs.exit_code}
    if node.children:
        found["retries"] = str(len(node.children) - 1)
    elif node.attempt is not None:
        found["retries"] = str(node.attempt)
    return found


# ------------------------------------------------------------------------------- one metric


def _observe(run: Run, plans: Iterable[MetricPlan], place: _Place) -> None:
    for plan in plans:
        try:
            observed = _observed(run, plan, place)
        except _Fault as exc:
            _complain(run, exc.message)
        else:
            if observed is not None:
                run.emit(observed)


def _complain(run: Run, message: str) -> None:
    """Keep what is wrong with a metric.

    Differs: the same thing is said once, and no more than so many things: the condition would grow
    with every node.
    """
    known = run.state.metric_faults
    if message not in known and len(known) < _MOST_FAULTS:
        run.emit(MetricFailed(message))


def _observed(run: Run, plan: MetricPlan, place: _Place) -> MetricObserved | None:
    """Return what a metric shows, None if its condition is false. Raises _Fault."""
    found = _resolved(run, plan, place)
    name, text = str(found["name"]), str(found["help"])
    if not text:
        raise _Fault(f"metric '{plan.name}' must contain a help string under 'help: ' field")
    try:
        if not evaluate_when(str(found["when"])):
            return None
    except WhenError as exc:
        said = f"unable to compute 'when' clause for metric '{plan.name}': {exc.message}"
        raise _Fault(said) from exc
    value, since = _value(plan, place, str(found["value"]))
    try:
        return MetricObserved(
            at=run.at,
            kind=_kind(plan),
            name=_named(name),
            help=text,
            labels=_labels(found["labels"]),
            value=value,
            operation=_operation(plan),
            buckets=plan.buckets,
            since=since,
        )
    except _Fault as exc:
        raise _Fault(f"could not construct metric '{name}': {exc.message}") from exc


def _resolved(run: Run, plan: MetricPlan, place: _Place) -> JsonObject:
    try:
        found = resolve_body(plan.body, place.scope, STRICT, run.context(place.name))
    except CallError as exc:
        said = f"unable to substitute parameters for metric '{plan.name}': {exc.message}"
        raise _Fault(said) from exc
    return found if isinstance(found, dict) else {}


def _value(plan: MetricPlan, place: _Place, text: str) -> tuple[float, float | None]:
    """Return a metric's value, or since when it counts the seconds. Raises _Fault."""
    if plan.realtime:
        tag = _TAG.match(plan.value)
        if tag is None:
            raise _Fault("real time metrics can only be used with metric variables")
        began = place.clocks.get(tag[1].strip())
        if began is None:
            raise _Fault(f"'{tag[1]}' is not available as a real time metric")
        return (0.0, began) if place.over is None else (max(0.0, place.over - began), None)
    if not _NUMBER.match(text):
        said = f'strconv.ParseFloat: parsing "{text}": invalid syntax'
        raise _Fault(f"could not construct metric '{plan.name}': {said}")
    value = float(text)
    if plan.kind == "counter" and (value < 0 or math.isnan(value)):
        raise _Fault(f"could not construct metric '{plan.name}': a counter cannot decrease")
    return value, None


def _kind(plan: MetricPlan) -> Literal["gauge", "counter", "histogram"]:
    if plan.kind == "":
        raise _Fault("it is no gauge, no counter and no histogram")
    return plan.kind


def _named(name: str) -> str:
    if not _NAME.match(name):
        raise _Fault(
            "metric name is invalid: names may only contain alphanumeric characters or '_'"
        )
    return name


def _labels(value: Json) -> tuple[tuple[str, str], ...]:
    """Return labels by key; of several with one key the last counts."""
    found: dict[str, str] = {}
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            key = str(item.get("key"))
            if not _NAME.match(key):
                raise _Fault(
                    f"metric label '{key}' is invalid: keys may only contain alphanumeric "
                    "characters or '_'"
                )
            found[key] = str(item.get("value"))
    return tuple(sorted(found.items()))


def _operation(plan: MetricPlan) -> Literal["Set", "Add", "Sub"]:
    match plan.operation:
        case "" | "Set":
            return "Set"
        case "Add" | "Sub":
            return plan.operation
        case _:
            raise _Fault(f"unsupported metric operation: {plan.operation}")
