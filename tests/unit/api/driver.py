"""A server in this process, and what a client does with it: no sockets, no engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tiphys.app_server import Serving, server, tokens
from tiphys.auth.rules import grants_of
from tiphys.settings import Listening, Settings

NAMESPACE = "team"


@dataclass
class Answered:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: list[str] = field(default_factory=list)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


class Client:
    """Sends requests to an ASGI application."""

    def __init__(self, app: Any, token: str = "", host: str = "localhost:2746") -> None:
        self.app = app
        self.token = token
        self.host = host

    def scope(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> dict:
        given = {"host": self.host, **({"authorization": self.token} if self.token else {})}
        every = {**given, **{name.lower(): value for name, value in headers.items()}}
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": path,
            "raw_path": quote(path).encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(n.encode(), v.encode()) for n, v in every.items() if v],
            "client": ("127.0.0.1", 40000),
            "server": ("127.0.0.1", 2746),
        }

    async def send(
        self, method: str, path: str, body: bytes = b"", query: str = "", **headers: str
    ) -> Answered:
        """Send a request and return its whole answer."""
        found = Answered(0, {}, b"")
        async with self.open(method, path, body, query, **headers) as (start, pieces):
            found.status = start["status"]
            for name, value in start["headers"]:
                if name == b"set-cookie":
                    found.cookies.append(value.decode())
                found.headers[name.decode()] = value.decode()
            async for piece in pieces:
                found.body += piece
        return found

    @asynccontextmanager
    async def open(
        self, method: str, path: str, body: bytes = b"", query: str = "", **headers: str
    ) -> AsyncIterator[tuple[dict, AsyncIterator[bytes]]]:
        """Begin a request; its answer comes in pieces until it is left."""
        out: asyncio.Queue[dict] = asyncio.Queue()
        gone = asyncio.Event()
        sent = False

        async def receive() -> dict:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": body, "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        named = {name.replace("_", "-"): value for name, value in headers.items()}
        scope = self.scope(method, path, query, named)
        task = asyncio.create_task(self.app(scope, receive, out.put))

        async def pieces() -> AsyncIterator[bytes]:
            while True:
                message = await _next(out, task)
                if message is None:
                    return
                yield message.get("body", b"")
                if not message.get("more_body"):
                    return

        try:
            start = await _next(out, task)
            assert start is not None, "no answer"
            yield start, pieces()
        finally:
            gone.set()
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task}, timeout=30)
                task.cancel()
                await task

    async def get(self, path: str, **query: str) -> Answered:
        """Read something; dots in names are written as two underscores."""
        words = urlencode({name.replace("__", "."): value for name, value in query.items()})
        return await self.send("GET", path, query=words)

    async def put(self, path: str, body: Any = None) -> Answered:
        """Change something."""
        return await self.send("PUT", path, json.dumps(body or {}).encode())

    async def post(self, path: str, body: Any, **headers: str) -> Answered:
        """Make something."""
        return await self.send("POST", path, json.dumps(body).encode(), **headers)

    async def delete(self, path: str, **query: str) -> Answered:
        """Remove something."""
        return await self.send("DELETE", path, query=urlencode(query))


async def _next(out: asyncio.Queue[dict], task: asyncio.Task) -> dict | None:
    """Return the next message, None if there is none any more. Raises what the server raised."""
    waiting = asyncio.ensure_future(out.get())
    await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
    if waiting.done():
        return waiting.result()
    waiting.cancel()
    if not out.empty():
        return out.get_nowait()
    assert task.done(), "the server says nothing"
    task.result()
    return None


@dataclass
class Place:
    """A home that is served."""

    serving: Serving
    client: Client

    async def token(self, role: str = "admin", *namespaces: str, seconds: float = 3600.0) -> str:
        """Return a new token."""
        grants = grants_of(role, namespaces)
        return await tokens(self.serving.home).create("someone", grants, seconds)

    async def as_(self, role: str, *namespaces: str) -> Client:
        """Return the client of somebody with a role."""
        return Client(self.serving.application, await self.token(role, *namespaces))


@asynccontextmanager
async def served(home: Path, *, drives: bool = False, **words: Any) -> AsyncIterator[Place]:
    """Serve a home; the client has the server's own rights. With `drives` an engine runs."""
    settings = words.pop("settings", Settings(home=home, runtime="process"))
    listening = Listening(**{"modes": ("client",), **words})
    with server(settings, listening) as serving:
        serving.health.wrong = ""
        place = Place(serving, Client(serving.application))
        place.client.token = await place.token()
        running = asyncio.create_task(serving.run()) if drives else None
        try:
            yield place
        finally:
            if running is not None:
                running.cancel()
                await asyncio.wait({running})


def workflow(name: str = "", generate_name: str = "", **metadata: Any) -> dict[str, Any]:
    """Return a workflow that waits for a person."""
    named = {"name": name} if name else {"generateName": generate_name}
    return {
        "metadata": {**named, **metadata},
        "spec": {
            "entrypoint": "main",
            "templates": [{"name": "main", "suspend": {}}],
        },
    }


def echo(name: str, text: str = "hello") -> dict[str, Any]:
    """Return a workflow that says something."""
    container = {"image": "busybox", "command": ["sh", "-c"], "args": [f"echo {text}"]}
    return {
        "metadata": {"name": name},
        "spec": {"entrypoint": "main", "templates": [{"name": "main", "container": container}]},
    }


async def create(place: Place, *names: str, **metadata: Any) -> None:
    """Run workflows that wait."""
    for name in names:
        body = {"workflow": workflow(name, **metadata)}
        answer = await place.client.post(f"/api/v1/workflows/{NAMESPACE}", body)
        assert answer.status == 200, answer.body
