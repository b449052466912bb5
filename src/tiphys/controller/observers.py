"""Users' metrics for Prometheus: made of the events of commits, read when somebody scrapes.

`CustomMetrics` is an Observer, and a collector of prometheus-client; `exposition` writes what
collectors hold. Counters begin at zero with each process, as in Argo.

Source: reference/rest-api.md 20.2, kubernetes.md 17; argo util/telemetry.
"""

from __future__ import annotations

import bisect
import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tiphys.expr.numbers import go_float
from tiphys.messages import Event, MetricObserved, RunDone
from tiphys.model.ids import RunId
from tiphys.ports import Clock

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_log = logging.getLogger(__name__)
PREFIX: Final = "argo_workflows_"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Series:
    """One line of a metric; with `since` its value is the seconds since then."""

    run: RunId
    touched: float
    value: float = 0.0
    since: float | None = None
    counts: list[int] = field(default_factory=list)
    observations: int = 0


@dataclass(slots=True)
class _Family:
    """A metric: what it is once and for all, and its lines."""

    kind: str
    help: str
    buckets: tuple[float, ...]
    series: dict[_Labels, _Series] = field(default_factory=dict)


class CustomMetrics:
    """The metrics that workflows define."""

    def __init__(self, clock: Clock, ttl_seconds: float = 0.0) -> None:
        """Begin without any; those not touched for `ttl_seconds` are dropped (0: never)."""
        self._clock = clock
        self._ttl = ttl_seconds
        self._families: dict[str, _Family] = {}
        self._live: dict[RunId, list[_Series]] = {}

    def committed(self, run: RunId, events: Sequence[Event]) -> None:
        """Take the metrics of a commit."""
        for event in events:
            if isinstance(event, MetricObserved):
                self._take(run, event)
            elif isinstance(event, RunDone):
                for series in self._live.pop(run, []):
                    _freeze(series, run, event.at)

    def _take(self, run: RunId, event: MetricObserved) -> None:
        limits = tuple(sorted({limit for limit in event.buckets if limit < math.inf}))
        family = self._families.setdefault(event.name, _Family(event.kind, event.help, limits))
        if (family.kind, family.help, family.buckets) != (event.kind, event.help, limits):
            _log.warning("metric %s is defined in two ways; the first one counts", event.name)
            return
        now = self._clock.now()
        series = family.series.setdefault(event.labels, _Series(run, now))
        series.run, series.touched = run, now
        if event.kind == "histogram":
            _observe(series, family.buckets, event.value)
        elif event.since is not None:
            series.since = event.since
            self._live.setdefault(run, []).append(series)
        else:
            series.since = None
            series.value = _moved(series.value, event)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it stands now."""
        from prometheus_client.metrics_core import Metric

        now = self._clock.now()
        self._expire(now)
        for name in sorted(self._families):
            family = self._families[name]
            metric = Metric(f"{PREFIX}{name}", family.help, family.kind)
            for labels, series in sorted(family.series.items()):
                _add(metric, family, dict(labels), series, now)
            yield metric

    def _expire(self, now: float) -> None:
        if not self._ttl:
            return
        for name, family in [*self._families.items()]:
            for labels, series in [*family.series.items()]:
                if series.since is None and series.touched + self._ttl <= now:
                    del family.series[labels]
            if not family.series:
                del self._families[name]


def _freeze(series: _Series, run: RunId, at: float) -> None:
    """Stop a clock whose run is over."""
    if series.since is not None and series.run == run:
        series.value, series.since = max(0.0, at - series.since), None


def _moved(value: float, event: MetricObserved) -> float:
    if event.kind == "counter" or event.operation == "Add":
        return value + event.value
    return value - event.value if event.operation == "Sub" else event.value


def _observe(series: _Series, limits: tuple[float, ...], value: float) -> None:
    series.counts = series.counts or [0] * (len(limits) + 1)
    series.counts[bisect.bisect_left(limits, value)] += 1
    series.value += value
    series.observations += 1


def _add(
    metric: Metric, family: _Family, labels: dict[str, str], series: _Series, now: float
) -> None:
    if family.kind != "histogram":
        value = series.value if series.since is None else max(0.0, now - series.since)
        metric.add_sample(metric.name, labels, value)
        return
    below = 0
    for limit, count in zip((*family.buckets, math.inf), series.counts, strict=True):
        below += count
        metric.add_sample(f"{metric.name}_bucket", {**labels, "le": _number(limit)}, below)
    metric.add_sample(f"{metric.name}_sum", labels, series.value)
    metric.add_sample(f"{metric.name}_count", labels, series.observations)


def exposition(metrics: Iterable[Metric]) -> str:
    """Return metrics in Prometheus' text format, of type CONTENT_TYPE.

    Names stay as they are: Argo's counters do not end in `_total` unless they are called so.
    """
    lines: list[str] = []
    for metric in metrics:
        lines.append(f"# HELP {metric.name} {_escaped(metric.documentation)}")
        lines.append(f"# TYPE {metric.name} {metric.type}")
        for sample in metric.samples:
            pairs = ",".join(
                f'{key}="{_escaped(value, quotes=True)}"' for key, value in sample.labels.items()
            )
            shown = f"{{{pairs}}}" if pairs else ""
            lines.append(f"{sample.name}{shown} {_number(float(sample.value))}")
    return "".join(f"{line}\n" for line in lines)


def _escaped(text: str, quotes: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text


def _number(value: float) -> str:
    return go_float(value)
