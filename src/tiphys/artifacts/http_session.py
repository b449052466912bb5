"""HTTP requests of drivers: who asks, redirects, streams, errors.

Needs the package aiohttp. Source: reference/executor.md 10.6; argo workflow/artifacts/http.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import tempfile
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

from tiphys.artifacts.digests import Reading
from tiphys.errors import NotFound, Permanent, Transient, UserError
from tiphys.executor.meter import expected, moved
from tiphys.model.secret import Secret
from tiphys.ports import Stored

REDIRECTS: Final = 10
_PIECE_BYTES: Final = 1 << 18
_REPEATED: Final = (307, 308)
"""After these the same request goes elsewhere; other redirects of a PUT store nothing."""
_TRANSIENT: Final = (408, 425, 429)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a server may take to answer, in seconds: to connect, and to send anything."""

    connect_seconds: float = 10.0
    read_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Who:
    """What every request carries: headers, and a client certificate."""

    headers: tuple[tuple[str, str], ...] = ()
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Web:
    """Opens sessions. `trust_env`: proxies are those that the environment names."""

    timeouts: Timeouts = field(default_factory=Timeouts)
    trust_env: bool = True

    @asynccontextmanager
    async def session(self, who: Who) -> AsyncIterator[aiohttp.ClientSession]:
        """Yield a session for the requests of one operation. Raises Transient and Permanent."""
        waits = aiohttp.ClientTimeout(
            total=None,
            connect=self.timeouts.connect_seconds,
            sock_read=self.timeouts.read_seconds,
        )
        connector = aiohttp.TCPConnector(ssl=who.tls if who.tls is not None else True)
        session = aiohttp.ClientSession(
            connector=connector,
            timeout=waits,
            trust_env=self.trust_env,
            auto_decompress=False,
            # What is stored is what is wanted, byte for byte.
            headers=[("Accept-Encoding", "identity")],
        )
        async with session:
            try:
                yield session
            except (aiohttp.InvalidURL, aiohttp.TooManyRedirects, ValueError) as exc:
                raise Permanent(f"{type(exc).__name__}: {exc}") from exc
            except (aiohttp.ClientSSLError, ssl.SSLError) as exc:
                raise Permanent(f"TLS: {exc}") from exc
            except (aiohttp.ClientError, TimeoutError, ConnectionError) as exc:
                raise Transient(f"{type(exc).__name__}: {exc}") from exc


def basic(user: str, password: str) -> tuple[str, str]:
    """Return the header of somebody with a password."""
    return "Authorization", f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def certificate(cert: Secret, key: Secret) -> ssl.SSLContext:
    """Return a TLS context that shows a client certificate. Raises UserError."""
    context = ssl.create_default_context()
    with tempfile.TemporaryDirectory() as folder:  # ssl reads them from files only
        paths = [Path(folder, name) for name in ("cert", "key")]
        for path, secret in zip(paths, (cert, key), strict=True):
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            path.write_bytes(secret.reveal())
        try:
            context.load_cert_chain(str(paths[0]), str(paths[1]))
        except (ssl.SSLError, OSError) as exc:
            raise UserError(f"the client certificate cannot be used: {exc}") from exc
    return context


def failure(text: str, answer: aiohttp.ClientResponse) -> Exception:
    """Return the error for an answer that is no success; 404 and 410 are not failures here."""
    if answer.status >= 500 or answer.status in _TRANSIENT:
        return Transient(text)
    return Permanent(text)


def status_line(answer: aiohttp.ClientResponse) -> str:
    """Return an answer's status as Go writes it: `403 Forbidden`."""
    return f"{answer.status} {answer.reason or ''}".strip()


async def pieces(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield the body."""
    async for piece in answer.content.iter_chunked(_PIECE_BYTES):
        yield piece


async def save(answer: aiohttp.ClientResponse, to: Path) -> None:
    """Write the body to a file."""
    with to.open("wb") as file:
        expected(answer.content_length)
        async for piece in pieces(answer):
            moved(len(piece))
            await asyncio.to_thread(file.write, piece)


@asynccontextmanager
async def fetched(
    session: aiohttp.ClientSession, url: str, who: Who
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Yield the answer to a GET that succeeded; redirects are followed. Raises NotFound."""
    headers = list(who.headers)
    async with session.get(URL(url), headers=headers, max_redirects=REDIRECTS) as answer:
        if answer.status >= 300:
            text = f"loading content from {url} failed with reason: {status_line(answer)}"
            raise NotFound(text) if answer.status == 404 else failure(text, answer)
        yield answer


async def send_file(
    session: aiohttp.ClientSession, source: Path, url: str, who: Who
) -> tuple[aiohttp.ClientResponse, Stored]:
    """PUT a file and return the last answer; a redirect that repeats the request is followed.

    The headers, a password among them, go no further than the first server.
    """
    target, extra = URL(url), list(who.headers)
    size = str(source.stat().st_size)
    for _ in range(REDIRECTS + 1):
        reading = Reading(source)
        headers = [*extra, ("Content-Length", size)]
        async with session.put(
            target, data=reading.pieces(), headers=headers, allow_redirects=False
        ) as answer:
            location = answer.headers.get("Location", "")
            if answer.status not in _REPEATED or not location:
                await answer.read()
                return answer, reading.stored
        following = target.join(URL(location))
        if following.origin() != target.origin():
            extra = []
        target = following
    raise Permanent(f"saving file {source} to {url}: more than {REDIRECTS} redirects")
