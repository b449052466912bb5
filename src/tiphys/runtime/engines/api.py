"""The engine's HTTP API over its socket: docker's, which podman has as well.

Source: docs.docker.com, Engine API v1.40.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

from tiphys.errors import NotFound, Permanent, Transient
from tiphys.model.base import JsonObject
from tiphys.runtime.engines.find import Found, start_service

_API: Final = "http://engine/v1.40"
_PIECE_BYTES: Final = 1 << 18
_TOO_BUSY: Final = 500
_NOT_THERE: Final = 404
_GONE: Final = "no such container"
_GOING: Final = "already in progress"


class Api:
    """What is asked of an engine. Every call raises NotFound, Permanent or Transient."""

    def __init__(self, found: Found, environ: Mapping[str, str]) -> None:
        self.found = found
        self._environ = environ
        self._session: Any = None

    async def get(self, path: str, /, **query: str) -> Any:
        """Return a document."""
        return await self._call("GET", path, None, query)

    async def post(self, path: str, /, body: JsonObject | None = None, **query: str) -> Any:
        """Do something; return what the engine says to it."""
        return await self._call("POST", path, body, query)

    async def delete(self, path: str, /, **query: str) -> None:
        """Remove something; what is not there, or on its way out, is removed already."""
        try:
            await self._call("DELETE", path, None, query)
        except NotFound:
            return
        except (Permanent, Transient) as exc:
            if _GOING not in str(exc):
                raise

    async def lines(
        self, path: str, /, headers: Mapping[str, str], **query: str
    ) -> AsyncIterator[Any]:
        """Do something that tells of its progress; yield each word."""
        import aiohttp

        session = await self._open()
        try:
            async with session.post(_API + path, params=query, headers=headers) as answer:
                await _check(answer)
                async for line in answer.content:
                    if line.strip():
                        yield json.loads(line)
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise Transient(f"{self.found.socket}: {exc}") from exc

    async def upload(self, path: str, /, content: bytes, **query: str) -> None:
        """Send a tar."""
        import aiohttp

        session = await self._open()
        kind = {"Content-Type": "application/x-tar"}
        try:
            async with session.post(
                _API + path, params=query, headers=kind, data=content
            ) as answer:
                await _check(answer)
                await answer.read()
        except (aiohttp.ClientError, OSError) as exc:
            raise Transient(f"{self.found.socket}: {exc}") from exc

    async def download(self, path: str, /, target: Path, **query: str) -> None:
        """Write the answer into a file."""
        import aiohttp

        session = await self._open()
        try:
            async with session.get(_API + path, params=query) as answer:
                await _check(answer)
                with target.open("wb") as file:
                    async for piece in answer.content.iter_chunked(_PIECE_BYTES):
                        file.write(piece)
        except (aiohttp.ClientError, OSError) as exc:
            raise Transient(f"{self.found.socket}: {exc}") from exc

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def _call(
        self, method: str, path: str, body: JsonObject | None, query: Mapping[str, str]
    ) -> Any:
        import aiohttp

        session = await self._open()
        try:
            async with session.request(method, _API + path, params=query, json=body) as answer:
                await _check(answer)
                content = await answer.read()
        except (aiohttp.ClientError, OSError) as exc:
            raise Transient(f"{self.found.socket}: {exc}") from exc
        try:
            return json.loads(content) if content.strip() else None
        except ValueError:
            return None

    async def _open(self) -> Any:
        """Return the session; podman's service is started again if it is ours and has gone."""
        import aiohttp

        if self.found.problem and not self.found.command:
            raise Permanent(self.found.problem)
        if self.found.command:
            problem = await asyncio.to_thread(start_service, self.found, self._environ)
            if problem:
                raise Transient(problem)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(self.found.socket, force_close=True),
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session


def is_gone(text: str) -> bool:
    """Tell whether an engine's words say that a container is not there (any more)."""
    return _GONE in text.lower()


async def _check(answer: Any) -> None:
    if answer.status < 400:
        return
    text = (await answer.text()).strip()
    try:
        text = str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        text = text or f"status {answer.status}"
    # podman says 500 if a container is removed while it looks at it, for whatever request.
    if answer.status == _NOT_THERE or is_gone(text):
        raise NotFound(text)
    raise (Transient if answer.status >= _TOO_BUSY else Permanent)(text)
