"""The ASGI application: every request goes this way, in this order.

Rate, size of headers, origin, route, who asks, may they, body, handler. A body is read only of one
who is known. Differs: Argo decodes the body first, so that anybody can make it read one.
Source: reference/rest-api.md 1.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from tiphys.api import errors, guard
from tiphys.api.call import Call, Query, read_body
from tiphys.api.documents import to_bytes
from tiphys.api.limits import Rates, Streams, body_of, header_bytes
from tiphys.api.routing import Endpoint, Routes, Stream
from tiphys.api.watch import Framing, frames_of, open_stream
from tiphys.api.webhooks import webhook_caller
from tiphys.ports_server import Principal

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from tiphys.api.services import Services

_CROSS: Final = {
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Allow-Methods": "POST, GET, OPTIONS, PUT, DELETE",
    "Access-Control-Allow-Headers": "Content-Type, Authorization",
}
_BODIES: Final = frozenset({"POST", "PUT"})


@dataclass(slots=True)
class _Seen:
    """What is known of a request when it has been answered."""

    principal: Principal | None = None
    endpoint: Endpoint | None = None
    code: int = 0
    held: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    """Released when the response has gone, however it went."""


class Application:
    """Answers requests by the table of endpoints."""

    def __init__(self, routes: Routes, services: Services, allow_origin: str = "") -> None:
        """Prepare; `allow_origin` is the one other site whose pages may use the API."""
        self.routes = routes
        self.services = services
        self._rates = Rates(services.clock, services.limits.requests_per_second)
        self._streams = Streams(services.limits.streams, services.limits.streams_each)
        self._allow_origin = allow_origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        address = request.client.host if request.client else ""
        free, headers = self._rates.take(address)
        seen, began = _Seen(), self.services.clock.now()
        async with seen.held:
            if free:
                response = await self._answer(request, seen)
            else:
                response = Response("Too Many Requests\n", 429, media_type="text/plain")
            response.headers.update({**headers, **self._cross()})
            path, status = scope["path"], response.status_code
            self.services.audit.note(seen.principal, request.method, path, status, address)
            self._count(seen, self.services.clock.now() - began)
            with contextlib.suppress(ClientDisconnect):
                await response(scope, receive, send)

    def _count(self, seen: _Seen, seconds: float) -> None:
        if seen.endpoint is not None:
            kind = "server_stream" if seen.endpoint.says.streams else "unary"
            self.services.metrics.handled(seen.endpoint.label, kind, seen.code, seconds)

    def _cross(self) -> dict[str, str]:
        if not self._allow_origin:
            return {}
        return {"Access-Control-Allow-Origin": self._allow_origin}

    async def _answer(self, request: Request, seen: _Seen) -> Response:
        path = request.scope["path"]
        if header_bytes(request) > self.services.limits.header_bytes:
            return Response("Request Header Fields Too Large\n", 431, media_type="text/plain")
        if clean := _cleaned(path):
            return RedirectResponse(clean, 301)
        if request.method == "OPTIONS" and self._allow_origin:
            return Response(status_code=204, headers=_CROSS)
        found = self.routes.match(request.method, path)
        if found is None:
            return _unknown(path)
        endpoint, params = found
        seen.endpoint = endpoint
        framing = Framing(request.headers.get("accept", "") == "text/event-stream")
        try:
            return await self._call(request, endpoint, params, seen)
        except Exception as exc:  # noqa: BLE001 - the edge of the API: everything becomes an answer
            errors.note(exc, f"{endpoint.method} {endpoint.path}")
            _, seen.code = errors.status_of(exc)
            return _refusal(exc, endpoint, framing)

    async def _call(
        self, request: Request, endpoint: Endpoint, params: dict[str, str], seen: _Seen
    ) -> Response:
        services = self.services
        query = Query(request.query_params.multi_items())
        payload = b""
        if endpoint.policy.kind == "open":
            principal = guard.NOBODY
        else:
            self._check_origin(request)
            principal, payload = await self._caller(request, endpoint, params)
            seen.principal = principal
        call = Call(principal, services, params, query, request)
        await guard.allow(call, endpoint.policy)
        if request.method in _BODIES and not endpoint.says.raw:
            payload = payload or await body_of(
                request, services.limits.body_bytes, services.limits.body_seconds
            )
            call = replace(call, payload=read_body(payload) if payload.strip() else None)
        if endpoint.says.raw:
            answer = await endpoint.handler(call)
        else:
            async with asyncio.timeout(services.limits.seconds):
                answer = await endpoint.handler(call)
        if isinstance(answer, Stream):
            return await self._stream(answer, request, seen)
        if isinstance(answer, Response):
            return answer
        return Response(to_bytes(answer), media_type="application/json", headers=self._said())

    def _check_origin(self, request: Request) -> None:
        origin = request.headers.get("origin", "")
        if not self._allow_origin or origin != self._allow_origin:
            guard.check_origin(request, self.services.about.loopback_only)

    async def _caller(
        self, request: Request, endpoint: Endpoint, params: dict[str, str]
    ) -> tuple[Principal, bytes]:
        """Return who asks, and the body if it had to be read to know that."""
        if endpoint.says.webhook and not request.headers.get("authorization"):
            caller, body = await webhook_caller(self.services, request, params["namespace"])
            if caller is not None:
                return caller, body
            return await guard.identify(self.services.auth, request), body
        return await guard.identify(self.services.auth, request), b""

    def _said(self) -> dict[str, str]:
        return {
            "Grpc-Metadata-Argo-Version": self.services.about.version["version"],
            "Grpc-Metadata-Content-Type": "application/grpc",
        }

    async def _stream(self, stream: Stream, request: Request, seen: _Seen) -> Response:
        framing = Framing(request.headers.get("accept", "") == "text/event-stream")
        who = seen.principal.subject if seen.principal else ""
        seen.held.enter_context(self._streams.opened(who))
        pieces = frames_of(await open_stream(stream), framing, self.services.ending)
        seen.held.push_async_callback(pieces.aclose)
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
        return StreamingResponse(pieces, media_type=framing.media_type, headers=headers)


def _unknown(path: str) -> Response:
    status, code, message = errors.NOT_IMPLEMENTED
    if not path.startswith("/api/"):
        return Response("Not Found\n", 404, media_type="text/plain")
    return Response(
        to_bytes({"code": code, "message": message}), status, media_type="application/json"
    )


def _cleaned(path: str) -> str:
    """Return the path that a path with `//`, `.` or `..` stands for, "" if it has none of them.

    An empty last segment is the empty namespace.
    """
    parts = path.split("/")[1:]
    odd = any(part in {".", ".."} for part in parts) or "" in parts[:-1]
    if not odd:
        return ""
    kept: list[str] = []
    for part in parts:
        if part == "..":
            kept = kept[:-1]
        elif part not in {"", "."}:
            kept.append(part)
    tail = "/" if parts[-1] in {"", ".", ".."} and kept else ""
    return "/" + "/".join(kept) + tail


def _refusal(error: Exception, endpoint: Endpoint, framing: Framing) -> Response:
    status, _ = errors.status_of(error)
    if endpoint.says.plain:
        text = f"{HTTPStatus(status).phrase}\n"
        headers = {"X-Content-Type-Options": "nosniff"}
        return Response(text, status, media_type="text/plain", headers=headers)
    if endpoint.says.streams:
        frame = framing.frame(errors.stream_body_of(error))
        return Response(frame, status, media_type=framing.media_type)
    return Response(to_bytes(errors.body_of(error)), status, media_type="application/json")


def asgi(routes: Routes, services: Services, allow_origin: str = "") -> Starlette:
    """Return the application that any ASGI server can run."""
    made = Starlette()
    # Not a route: Starlette's patterns do not match a path with a newline in it.
    made.router.default = Application(routes, services, allow_origin)
    return made
