"""Traces as a collector gets them: OTLP over HTTP, from a real run."""

from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tests.e2e.driver import Home
from tests.e2e.workflows import hello, shell, workflow


@contextmanager
def collector() -> Iterator[tuple[str, list[Span]]]:
    """Yield the address of a collector, and the spans it has got."""
    with described_collector() as (address, spans, _):
        yield address, spans


@contextmanager
def described_collector() -> Iterator[tuple[str, list[Span], dict[str, str]]]:
    """Yield the address of a collector, the spans it has got, and what their sender is."""
    spans: list[Span] = []
    sender: dict[str, str] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            request = ExportTraceServiceRequest.FromString(body)
            for part in request.resource_spans:
                sender.update((a.key, a.value.string_value) for a in part.resource.attributes)
                for scope in part.scope_spans:
                    spans.extend(scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", spans, sender
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_run_is_sent_as_one_trace(home: Home) -> None:
    file = home.file("w.yaml", workflow("broken", shell("main", "exit 3")))
    with collector() as (address, spans):
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": address}
        done = home.run("run", file, environ=environ)
    assert done.code == 1
    node, root = spans
    assert (root.name, root.status.code) == ("broken", Status.STATUS_CODE_ERROR)
    assert root.trace_id.hex() == home.get("broken")["metadata"]["uid"].replace("-", "")
    assert (node.trace_id, node.parent_span_id) == (root.trace_id, root.span_id)
    said = {item.key: item.value.string_value for item in node.attributes}
    assert (said["node.type"], said["phase"]) == ("Pod", "Failed")
    assert root.start_time_unix_nano <= node.start_time_unix_nano < node.end_time_unix_nano


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, "tiphys"),
        ({"OTEL_SERVICE_NAME": "nightly"}, "nightly"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=etl,team=x"}, "etl"),
    ],
)
def test_the_environment_names_the_sender(home: Home, environ: dict[str, str], name: str) -> None:
    file = home.file("w.yaml", hello())
    with described_collector() as (address, _, sender):
        done = home.run("run", file, environ={"OTEL_EXPORTER_OTLP_ENDPOINT": address, **environ})
    assert done.code == 0
    assert sender["service.name"] == name
    assert sender["service.version"]
    assert sender.get("team", "") == ("x" if name == "etl" else "")


def test_without_a_collector_a_run_goes_on_as_ever(home: Home) -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
    }
    assert home.run("run", home.file("w.yaml", hello()), environ=environ).code == 0
