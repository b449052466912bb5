"""Metrics for Prometheus: the requests of this server, the workflows, and what others add.

Names and labels are Argo's. `more` yields text of whoever counts something else, such as the
metrics that workflows define. Source: reference/rest-api.md 20.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tiphys.ports_server import Catalogue

_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_PHASE: Final = "workflows.argoproj.io/phase"
_PHASES: Final = ("Pending", "Running", "Succeeded", "Failed", "Error")
_CODES: Final = {
    **{0: "OK", 1: "Canceled", 2: "Unknown", 3: "InvalidArgument", 4: "DeadlineExceeded"},
    **{5: "NotFound", 6: "AlreadyExists", 7: "PermissionDenied", 8: "ResourceExhausted"},
    **{12: "Unimplemented", 13: "Internal", 14: "Unavailable", 16: "Unauthenticated"},
}


@dataclass(slots=True)
class _Timed:
    """How long the calls of one endpoint took."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS) + 1))
    seconds: float = 0.0


@dataclass(slots=True)
class Metrics:
    """Counts since the server started; `version` is said of it."""

    catalogue: Catalogue
    version: Mapping[str, str]
    more: Sequence[Callable[[], str]] = ()
    _handled: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _timed: dict[tuple[str, str], _Timed] = field(default_factory=dict)

    def handled(self, endpoint: str, kind: str, code: int, seconds: float) -> None:
        """Count a request: its endpoint, `unary` or `server_stream`, its code, its duration."""
        self._handled[endpoint, kind, _CODES.get(code, "Unknown")] += 1
        timed = self._timed.setdefault((endpoint, kind), _Timed())
        timed.counts[bisect.bisect_left(_BUCKETS, seconds)] += 1
        timed.seconds += seconds

    async def text(self) -> str:
        """Return all metrics in Prometheus' text format."""
        phases = await self.catalogue.counts(_PHASE)
        lines = [*self._workflows(phases), *self._requests(), *self._durations()]
        return "\n".join([*lines, ""]) + "".join(part() for part in self.more)

    def _workflows(self, phases: Mapping[str, int]) -> Iterator[str]:
        yield from _head("argo_workflows_gauge", "gauge", "Number of workflows in each phase")
        for phase in _PHASES:
            yield _line("argo_workflows_gauge", {"phase": phase}, phases.get(phase, 0))
        yield from _head("argo_workflows_is_leader", "gauge", "Whether this process drives")
        yield _line("argo_workflows_is_leader", {}, 1)
        yield from _head("argo_workflows_version", "counter", "Build information")
        names = {
            **{"version": "version", "platform": "platform", "goVersion": "go_version"},
            **{"buildDate": "build_date", "compiler": "compiler", "gitCommit": "git_commit"},
            **{"gitTreeState": "git_tree_state", "gitTag": "git_tag"},
        }
        labels = {label: self.version.get(name, "") for name, label in names.items()}
        yield _line("argo_workflows_version", labels, 1)

    def _requests(self) -> Iterator[str]:
        name = "grpc_server_handled_total"
        yield from _head(name, "counter", "Requests answered, whatever the answer")
        for (endpoint, kind, code), count in sorted(self._handled.items()):
            yield _line(name, {**_labels(endpoint, kind), "grpc_code": code}, count)

    def _durations(self) -> Iterator[str]:
        name = "grpc_server_handling_seconds"
        yield from _head(name, "histogram", "How long answers took")
        for (endpoint, kind), timed in sorted(self._timed.items()):
            labels = _labels(endpoint, kind)
            below = 0
            for limit, count in zip((*_BUCKETS, "+Inf"), timed.counts, strict=True):
                below += count
                yield _line(f"{name}_bucket", {**labels, "le": str(limit)}, below)
            yield _line(f"{name}_sum", labels, timed.seconds)
            yield _line(f"{name}_count", labels, below)


def _labels(endpoint: str, kind: str) -> dict[str, str]:
    service, _, method = endpoint.partition("/")
    return {"grpc_type": kind, "grpc_service": service, "grpc_method": method}


def _head(name: str, kind: str, about: str) -> Iterator[str]:
    yield f"# HELP {name} {about}."
    yield f"# TYPE {name} {kind}"


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{inner}}} {value}" if inner else f"{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
