"""Traces for OpenTelemetry: one for each run, with a span for each of its nodes.

`Traces` is an Observer. The trace's id is the run's uid and a span's id follows from its node, so
a run that another process takes over stays one trace. A node is sent when it is over; a span's
parent is the node that waits for it. Source: OpenTelemetry trace specification 1.x.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from uuid import UUID

from tiphys.messages import Event, NodeAdded, NodeDone, RunAdmitted, RunDone, RunStarted
from tiphys.model.ids import NodeId, RunId, node_id
from tiphys.ports import Observer

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

_NOT_NAMED: Final = "unknown_service"
"""What the library calls a process that nobody named."""
ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""The variables that say where traces go; without one of them, none are made."""
_BAD: Final = ("Failed", "Error")
_SPAN_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Span:
    """A node or a run; times in seconds since the epoch, `parent` 0 for the run itself."""

    trace: int
    id: int
    parent: int
    name: str
    start: float
    end: float = 0.0
    phase: str = ""
    message: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Run:
    """What is under way of a run."""

    name: str
    root: Span
    nodes: dict[NodeId, Span] = field(default_factory=dict)


class Traces:
    """Makes spans of what runs decide, and hands each over when it is over."""

    def __init__(self, take: Callable[[Span], None]) -> None:
        """Begin without runs; `take` must not wait."""
        self._take = take
        self._runs: dict[RunId, _Run] = {}

    def committed(self, run: RunId, events: Sequence[Event]) -> None:
        """Take the spans of a commit."""
        for event in events:
            if isinstance(event, RunAdmitted):
                self._runs[run] = _begun(run, event)
            elif (known := self._runs.get(run)) is not None:
                self._follow(run, known, event)

    def _follow(self, run: RunId, known: _Run, event: Event) -> None:
        match event:
            case RunStarted():
                known.root = replace(known.root, start=event.at)
            case NodeAdded():
                known.nodes[node_id(known.name, event.name)] = _added(run, known, event)
            case NodeDone():
                span = known.nodes.pop(event.node, None)
                if span is not None:
                    self._end(span, event)
            case RunDone():
                self._end(known.root, event)
                del self._runs[run]

    def _end(self, span: Span, event: NodeDone | RunDone) -> None:
        end = max(event.at, span.start)
        self._take(replace(span, end=end, phase=event.phase, message=event.message))


def _begun(run: RunId, event: RunAdmitted) -> _Run:
    document = event.workflow if isinstance(event.workflow, dict) else {}
    metadata = document.get("metadata")
    own = metadata if isinstance(metadata, dict) else {}
    name, namespace = str(own.get("name", "")), str(own.get("namespace", ""))
    said = {"workflow.name": name, "workflow.namespace": namespace, "workflow.uid": run}
    trace = UUID(run).int
    return _Run(name, Span(trace, _span_id(run), 0, name, event.created_at, attributes=said))


def _added(run: RunId, known: _Run, event: NodeAdded) -> Span:
    id_ = node_id(known.name, event.name)
    parent = known.root.id if event.owner is None else _span_id(f"{run}/{event.owner}")
    said = {"node.id": id_, "node.name": event.name, "node.type": event.kind}
    if event.template:
        said["node.template"] = event.template.rpartition(" ")[2]
    name = event.display_name or event.name
    span = _span_id(f"{run}/{id_}")
    return Span(known.root.trace, span, parent, name, event.at, attributes=said)


def _span_id(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:_SPAN_BYTES], "big") or 1


def exporting(version: str) -> Observer:
    """Return the observer that sends spans by OTLP over HTTP, as the usual variables say.

    They are sent in the background; what is left when the process ends is sent then. Raises
    ImportError without the packages of the extra `otel`.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    about = _about(Resource.create(), version)
    provider = TracerProvider(resource=about)  # flushes when the process ends
    sender = BatchSpanProcessor(OTLPSpanExporter())
    provider.add_span_processor(sender)
    return Traces(lambda span: sender.on_end(_readable(span, about)))


def _about(given: Resource, version: str) -> Resource:
    """Return what the environment says of this process, and what it leaves open."""
    from opentelemetry.sdk.resources import Resource

    own = {"service.name": "tiphys", "service.version": version}
    for name in given.attributes:
        if not str(given.attributes[name]).startswith(_NOT_NAMED):
            own.pop(name, None)
    return given.merge(Resource(own))


def _readable(span: Span, about: Resource) -> ReadableSpan:
    """Return a span in the library's words; it counts nanoseconds."""
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

    def context(id_: int) -> SpanContext:
        sampled = TraceFlags(TraceFlags.SAMPLED)
        return SpanContext(span.trace, id_, is_remote=False, trace_flags=sampled)

    is_bad = span.phase in _BAD
    return ReadableSpan(
        name=span.name,
        context=context(span.id),
        parent=context(span.parent) if span.parent else None,
        resource=about,
        attributes={**span.attributes, "phase": span.phase},
        status=Status(StatusCode.ERROR, span.message) if is_bad else Status(StatusCode.OK),
        start_time=int(span.start * 1e9),
        end_time=int(span.end * 1e9),
    )
