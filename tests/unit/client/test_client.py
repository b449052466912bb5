"""The client of a server: where it is, what it answers, what is made of that."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tiphys.client.http import Client, part
from tiphys.client.settings import Place, is_remote, namespace_of, place_of
from tiphys.client.workflows import Workflows
from tiphys.errors import (
    Conflict,
    Forbidden,
    Impossible,
    NotFound,
    Permanent,
    TooMuch,
    Transient,
    Unauthenticated,
    UserError,
)

NAMES = ("SERVER", "SECURE", "TOKEN", "NAMESPACE", "HEADER", "BASE_HREF", "INSECURE_SKIP_VERIFY")


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(f"ARGO_{name}", raising=False)


class Answers(BaseHTTPRequestHandler):
    """Answers with what the test has put in line, and notes what it was asked."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("content-length") or 0)
        self.server.asked.append((self.command, self.path, self.rfile.read(length), self.headers))
        status, body = self.server.line.pop(0)
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as made:
        made.line, made.asked = [], []
        made.daemon_threads = True
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def client(server):
    place = Place("127.0.0.1", server.server_port, secure=False, base="/argo", token="Bearer x")
    return Client(place)


@pytest.mark.parametrize(
    ("given", "environ", "address"),
    [
        ({"argo_server": "h:1"}, {}, "https://h:1"),
        ({}, {"SERVER": "h"}, "https://h:2746"),
        ({}, {"SERVER": "http://h:1/"}, "http://h:1"),
        ({}, {"SERVER": "h:1", "SECURE": "false", "BASE_HREF": "/a/"}, "http://h:1/a"),
        ({"secure": True, "base_href": "b"}, {"SERVER": "h:1", "SECURE": "false"}, "https://h:1/b"),
        ({}, {"SERVER": "[::1]:80"}, "https://[::1]:80"),
    ],
)
def test_flags_go_before_the_environment(monkeypatch, given, environ, address):
    for name, value in environ.items():
        monkeypatch.setenv(f"ARGO_{name}", value)
    assert place_of(given).address == address


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"argo_server": "a b:c"}, "host:port"),
        ({"argo_server": "ftp://a"}, "host:port"),
        ({"argo_server": "a:1/path"}, "--argo-base-href"),
        ({"argo_server": ":1"}, "host:port"),
        ({"argo_server": "a", "headers": ("x",)}, "colon"),
        ({"argo_server": "a", "headers": ("x: 1,y",)}, "colon"),
        (
            {"argo_server": "a", "client_certificate": "x.crt"},
            "--client-certificate and --client-key must be provided together",
        ),
        ({"argo_server": "a", "headers": ("x: a\r\nb: c",)}, "cannot be sent"),
    ],
)
def test_what_is_no_server_is_said(given, said):
    with pytest.raises(UserError, match=said):
        place_of(given)


def test_who_asks_is_told_by_the_environment_or_else_by_flags(monkeypatch):
    given = {"argo_server": "h:1", "username": "ann", "password": "sea:1"}
    assert place_of(given).token == "Basic YW5uOnNlYTox"
    assert place_of({**given, "bearer": "abc"}).token == "Bearer abc"
    monkeypatch.setenv("ARGO_TOKEN", "Bearer x")
    assert place_of({**given, "bearer": "abc"}).token == "Bearer x"


def test_headers_are_given_several_times_or_with_commas_between(monkeypatch):
    monkeypatch.setenv("ARGO_HEADER", "a: b,c: d")
    assert place_of({"argo_server": "h"}).headers == (("a", "b"), ("c", "d"))
    given = {"argo_server": "h", "headers": ("x: 1,y: 2", "z: 3")}
    assert place_of(given).headers == (("x", "1"), ("y", "2"), ("z", "3"))


def test_requests_are_in_the_logs_without_what_is_secret(server, client, caplog):
    server.line.append((200, b"{}"))
    with caplog.at_level("DEBUG"):
        client.ask("GET", "info", {"token": "secret"})
    (said,) = caplog.messages
    assert said == f"GET http://127.0.0.1:{server.server_port}/argo/api/v1/info: 200"


def test_a_line_or_the_environment_names_a_server(monkeypatch):
    assert is_remote(["list", "-s", "h:1"])
    assert is_remote(["list", "--argo-server=h:1"])
    assert is_remote(["list", "-sh:1"])
    assert not is_remote(["list", "--", "-s"])
    monkeypatch.setenv("ARGO_SERVER", "h:1")
    assert is_remote(["list"])
    assert not is_remote(["list", "--home", "x"])
    assert (namespace_of(None), namespace_of("a")) == ("default", "a")
    monkeypatch.setenv("ARGO_NAMESPACE", "b")
    assert (namespace_of(None), namespace_of("a")) == ("b", "a")


def test_argos_server_does_not_know_our_paths_and_that_is_said(server, client):
    server.line += [
        (501, b'{"code":12,"message":"Not Implemented"}'),
        (404, b'{"code":5,"message":"no such node"}'),
    ]
    workflows = Workflows(client, "team")
    with pytest.raises(Impossible, match="it is Argo's server"):
        workflows.explain("a", "b")
    assert server.asked[0][1] == "/argo/api/tiphys/v1/workflows/team/a/explain?node=b"
    with pytest.raises(NotFound, match="no such node"):
        workflows.explain("a")


def test_requests_are_what_the_server_reads(server, client):
    server.line += [(200, b'{"a": 1}')] * 2
    assert client.ask("GET", f"workflows/{part('a/b')}", {"x": True, "y": "", "z": "é"}) == {"a": 1}
    client.ask("PUT", "workflows/n/w/stop", body={"message": "é"})
    (got, put) = server.asked
    assert got[:3] == ("GET", "/argo/api/v1/workflows/a%2Fb?x=true&z=%C3%A9", b"")
    assert got[3]["authorization"] == "Bearer x"
    assert json.loads(put[2]) == {"message": "é"}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, UserError),
        (401, Unauthenticated),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (429, TooMuch),
        (500, Permanent),
        (501, Impossible),
        (503, Transient),
        (302, UserError),
    ],
)
def test_errors_are_told_by_their_status(server, client, status, kind):
    deeper = b'{"error": {"grpc_code": 5, "message": "of a stream"}}'
    server.line += [(status, b'{"code": 3, "message": "why"}'), (status, deeper)]
    server.line += [(status, b"<p>no"), (status, b"")]
    for said in ("^why", "^of a stream", "^<p>no", f"status {status}"):
        with pytest.raises(kind, match=said) as caught:
            client.ask("GET", "info")
        assert type(caught.value) is kind


def test_what_is_no_json_is_no_server_of_argo(server, client):
    server.line += [(200, b"<html>")]
    with pytest.raises(Permanent, match="is it Argo's"):
        client.ask("GET", "info")


def test_a_server_that_is_not_there_is_named():
    client = Client(Place("127.0.0.1", 1, secure=False))
    with pytest.raises(Transient, match=r"http://127.0.0.1:1 cannot be reached.*ARGO_SERVER"):
        client.ask("GET", "info")


def test_streams_end_with_the_error_they_tell_of(server, client):
    frames = b'{"result": {"a": 1}}\n\n:\n{"error": {"http_code": 404, "message": "gone"}}\n'
    server.line += [(200, frames)]
    found = client.stream("x")
    assert next(found) == {"a": 1}
    with pytest.raises(NotFound, match="gone"):
        next(found)


def test_pages_are_put_together(server, client):
    first = {"metadata": {"continue": "2"}, "items": [{"a": 1}]}
    server.line += [(200, json.dumps(first).encode()), (200, b'{"metadata": {}, "items": null}')]
    assert Workflows(client, "n").list("a=b") == [{"a": 1}]
    assert "continue=2" in server.asked[1][1]


def test_a_watch_that_breaks_off_is_taken_up(server, client, monkeypatch):
    monkeypatch.setattr("tiphys.client.workflows._AGAIN_SECONDS", 0.0)

    def seen(version, ended=False):
        status = {"finishedAt": "2026-01-01T00:00:00Z"} if ended else {}
        return {"metadata": {"name": "w", "resourceVersion": version}, "status": status}

    def frame(kind, value):
        return json.dumps({"result": {"type": kind, "object": value}}).encode() + b"\n"

    server.line += [
        (200, json.dumps(seen("1")).encode()),
        (200, frame("MODIFIED", seen("2"))),
        (200, json.dumps(seen("2")).encode()),
        (200, frame("MODIFIED", seen("3", ended=True))),
    ]
    versions = [item["metadata"]["resourceVersion"] for item in Workflows(client, "n").changes("w")]
    assert versions == ["1", "2", "2", "3"]
    gone = [(503, b""), (503, b"")]
    server.line += [
        (200, json.dumps(seen("1")).encode()),
        *gone,
        (200, json.dumps(seen("4", ended=True)).encode()),
    ]
    assert len(list(Workflows(client, "n").changes("w"))) == 2
    server.line += [(200, json.dumps(seen("1")).encode()), (200, frame("DELETED", seen("1")))]
    with pytest.raises(NotFound):
        list(Workflows(client, "n").changes("w"))


def test_listing_imports_little():
    program = (
        "import sys, tiphys.cli.main, tiphys.cli.remote.reading, tiphys.cli.printing;"
        "heavy = {'asyncio', 'yaml', 'msgspec', 'rich', 'tiphys.app', 'tiphys.settings'};"
        "print(*heavy & {*sys.modules})"
    )
    words = [sys.executable, "-c", program]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "\n"
