"""The HTTP server that some rows need: it answers every request with 200 and a little JSON."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PLACE = re.compile(r"127\.0\.0\.1:\d+")
_BODY = b'{"ok":true}'


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(_BODY)))
        self.end_headers()
        self.wfile.write(_BODY)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(text: str) -> Iterator[str]:
    """Serve while the block lasts; yield the text with the server's place in its loopback URLs."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield _PLACE.sub(f"127.0.0.1:{server.server_port}", text)
        finally:
            server.shutdown()
            thread.join()
