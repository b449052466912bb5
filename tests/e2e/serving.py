"""A server process for end-to-end tests, and what a client asks of it."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

from tests.e2e.driver import Home, Result, finish


@dataclass
class Server:
    """A server process and how it is reached."""

    home: Home
    process: subprocess.Popen[str]
    address: str
    token: str = ""

    @property
    def trust(self) -> ssl.SSLContext | None:
        if self.address.startswith("http:"):
            return None
        return ssl.create_default_context(cafile=str(self.home.home / "server" / "tls.crt"))

    def open(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request and return its open answer. Raises HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        given = {"Authorization": self.token, **headers}
        request = Request(self.address + path, data, given, method=method)
        return urlopen(request, timeout=60, context=self.trust)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request and return the JSON of its answer."""
        with self.open(method, path, body) as answer:
            return json.loads(answer.read())


@dataclass
class Away:
    """A command line that knows a server, and no home."""

    home: Home
    server: Server

    @property
    def environ(self) -> dict[str, str]:
        """The environment that names the server."""
        return {
            "ARGO_SERVER": self.server.address.partition("//")[2],
            "ARGO_SECURE": "true" if self.server.trust else "false",
            "TIPHYS_HOME": "/no/home",
            "TIPHYS_SETTINGS": "",
        }

    def run(self, *words: str, **environ: str) -> Result:
        """Carry out a command."""
        return finish(self.home.start(*words, environ=self.environ | environ))

    def ok(self, *words: str) -> str:
        """Carry out a command that must succeed and return what it printed."""
        result = self.run(*words)
        assert result.code == 0, result
        return result.out

    def refused(self, *words: str, **environ: str) -> str:
        """Carry out a command that cannot be done and return the one line that says why."""
        result = self.run(*words, **environ)
        assert result.code == 2, result
        assert result.err.startswith("Error: ")
        assert "Traceback" not in result.err
        return result.err


@contextlib.contextmanager
def serving(home: Home, *words: str, port: int = 0) -> Iterator[Server]:
    """Start a server; it is told to end afterwards."""
    process = home.start("server", "--runtime", home.runtime, "--port", str(port), *words)
    assert process.stderr is not None
    said: list[str] = []
    address = ""
    for line in process.stderr:
        said.append(line)
        if match := re.search(r"Tiphys serves (\S+)", line):
            address = match[1]
            break
    assert address, "".join(said)
    reader = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
    reader.start()
    server = Server(home, process, address)
    try:
        yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        reader.join(60)
        assert code in {0, -signal.SIGKILL}, "".join(said)
        assert "Traceback" not in "".join(said), "".join(said)
