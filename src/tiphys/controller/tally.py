"""Counts, gauges and durations by their names and labels, as prometheus-client wants them.

Names are given without Argo's prefix. Counters begin at zero with each process, as in Argo.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from tiphys.controller.observers import PREFIX
from tiphys.expr.numbers import go_float

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a metric is: its labels, and for a histogram the upper limits of its buckets."""

    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: Labels = ()
    buckets: tuple[float, ...] = ()


@dataclass(slots=True)
class _Spread:
    """What was observed of one histogram: how much in each bucket, and the sum."""

    counts: list[int]
    total: float = 0.0


@dataclass(slots=True)
class Tally:
    """The values of the metrics in `kinds`."""

    kinds: Mapping[str, Kind]
    _values: dict[tuple[str, Labels], float] = field(default_factory=dict)
    _spreads: dict[tuple[str, Labels], _Spread] = field(default_factory=dict)

    def add(self, name: str, labels: Labels = (), value: float = 1.0) -> None:
        """Count something. A gauge that is back at zero is not shown any more."""
        key = name, labels
        found = self._values.get(key, 0.0) + value
        if found or self.kinds[name].kind == "counter":
            self._values[key] = found
        else:
            self._values.pop(key, None)

    def observe(self, name: str, value: float, labels: Labels = ()) -> None:
        """Take an observation into a histogram."""
        limits = self.kinds[name].buckets
        spread = self._spreads.setdefault((name, labels), _Spread([0] * (len(limits) + 1)))
        spread.counts[bisect.bisect_left(limits, value)] += 1
        spread.total += value

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, also those without values."""
        from prometheus_client.metrics_core import Metric

        for name, kind in sorted(self.kinds.items()):
            metric = Metric(f"{PREFIX}{name}", kind.help, kind.kind)
            for (known, labels), value in sorted(self._values.items()):
                if known == name:
                    named = dict(zip(kind.labels, labels, strict=True))
                    metric.add_sample(metric.name, named, value)
            for (known, labels), spread in sorted(self._spreads.items(), key=_place):
                if known == name:
                    _add(metric, kind, dict(zip(kind.labels, labels, strict=True)), spread)
            yield metric


def _place(item: tuple[tuple[str, Labels], _Spread]) -> tuple[str, Labels]:
    return item[0]


_INFINITE: Final = (math.inf,)


def _add(metric: Metric, kind: Kind, labels: dict[str, str], spread: _Spread) -> None:
    below = 0
    for limit, count in zip(kind.buckets + _INFINITE, spread.counts, strict=True):
        below += count
        metric.add_sample(f"{metric.name}_bucket", {**labels, "le": go_float(limit)}, below)
    metric.add_sample(f"{metric.name}_sum", labels, spread.total)
    metric.add_sample(f"{metric.name}_count", labels, below)
