"""Transfers that take long, watched through a server."""

from __future__ import annotations

import os
import pty
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.e2e.driver import Home, until
from tests.e2e.serving import Away, serving
from tests.e2e.workflows import shell, workflow

SENT = 1 << 20


class Slow(BaseHTTPRequestHandler):
    """Sends the first half of a file, and the rest when it is told to."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", str(2 * SENT))
        self.end_headers()
        self.wfile.write(b"x" * SENT)
        self.wfile.flush()
        self.server.go_on.wait(60)  # type: ignore[attr-defined]
        with suppress(OSError):
            self.wfile.write(b"x" * SENT)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def slow() -> Iterator[tuple[str, threading.Event]]:
    """Yield the address of a file that comes slowly, and what lets it come whole."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as made:
        made.daemon_threads = True
        made.go_on = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{made.server_port}/big", made.go_on  # type: ignore[attr-defined]
        finally:
            made.go_on.set()  # type: ignore[attr-defined]
            made.shutdown()
            thread.join()


def seen_on_a_terminal(away: Away, *words: str) -> Iterator[str]:
    """Yield all that a command has written to a terminal, each time there is more."""
    ours, theirs = pty.openpty()
    environ = {**away.environ, "TERM": "xterm", "COLUMNS": "150"}
    process = away.home.start(*words, environ=environ, stdout=theirs)
    os.close(theirs)
    written = ""
    with suppress(OSError):  # the other side is closed when the command has ended
        while select.select([ours], [], [], 45)[0] and (piece := os.read(ours, 1 << 16)):
            written += piece.decode("utf-8", "replace")
            yield written
    os.close(ours)
    assert process.wait(45) == 0


def test_a_long_transfer_is_told_of_by_the_server_and_shown_beside_its_node(home: Home) -> None:
    with (
        slow() as (address, go_on),
        serving(home, "--auth-mode", "server", "--no-secure") as server,
    ):
        away = Away(home, server)
        main = shell("main", "echo loaded")
        main["inputs"] = {
            "artifacts": [{"name": "big", "path": "/tmp/big", "http": {"url": address}}]
        }
        away.ok("submit", home.file("w.json", workflow("w", main)))
        path = "/api/tiphys/v1/workflows/default/w/transfers"
        (item,) = until(lambda: server.ask("GET", path)["items"], "the transfer is told of")
        assert (item["id"], item["node"], item["artifact"]) == ("w", "w", "big")
        assert (item["action"], item["totalBytes"]) == ("loading", 2 * SENT)
        (named,) = server.ask("GET", f"{path}?nodes=w,none")["items"]
        assert (named["id"], "node" in named) == ("w", False)
        shown = "loading big: 1.0 MiB of 2.0 MiB, 50%"
        written = ""
        for written in seen_on_a_terminal(away, "watch", "w"):
            if shown in written:
                go_on.set()
        assert shown in written
        assert "Succeeded" in written
        assert server.ask("GET", path)["items"] == []
