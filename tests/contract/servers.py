"""Real HTTP servers on loopback, for tests of what calls them."""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """A server in this process; every path is answered by `handler`."""

    def __init__(self, handler: Handler, ssl=None) -> None:
        self.handler = handler
        self.ssl = ssl
        self.calls: Counter[str] = Counter()
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.came = asyncio.Event()
        self.hold = asyncio.Event()

    async def __aenter__(self) -> Server:
        self._runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.ssl)
        await site.start()
        self.port = self._runner.addresses[0][1]
        scheme = "https" if self.ssl else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.hold.set()
        await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        self.calls[request.path] += 1
        self.seen.append((request.method, request.path_qs, dict(request.headers), body))
        self.came.set()
        return await self.handler(request)

    async def called(self, path: str) -> None:
        """Return when a path was asked for."""
        while not self.calls[path]:
            self.came.clear()
            await self.came.wait()


def certificate(folder: Path) -> tuple[Path, Path]:
    """Return the files of a certificate for 127.0.0.1 that nobody but itself has signed."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    words += ["-keyout", str(key), "-out", str(cert), "-subj", "/CN=127.0.0.1"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(words, check=True, capture_output=True)
    return cert, key
