"""What is no part of the API: health, metrics, the API's own document, a page at the root."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from tiphys.api.call import Call
from tiphys.api.documents import to_bytes
from tiphys.api.openapi import openapi
from tiphys.api.routing import LOGIN, Answer, Handler, Routes, Says, anybody, everywhere, needs

_METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline'; img-src 'self' data:",
}
_STRICT: Final = {"Strict-Transport-Security": "max-age=31536000"}
_ROOT: Final = "<!doctype html><title>Tiphys</title><p>Tiphys serves its API below /api/v1/.</p>\n"


def register(routes: Routes, open_metrics: bool = False) -> None:
    """Add the endpoints; with `open_metrics` anybody may read metrics."""
    probe = anybody("a probe has no credential, and learns only whether the server works")
    routes.add("GET", "/healthz", probe, health, Says("Tell whether it works.", raw=True))
    routes.add("GET", "/readyz", probe, health, Says("Tell whether it works.", raw=True))
    page = anybody("a fixed page without data")
    routes.add("GET", "/", page, root, Says("A page for people.", raw=True))
    policy = needs("get", "metrics", everywhere)
    if open_metrics:
        policy = anybody("whoever started the server wants metrics to be read by anybody")
    routes.add("GET", "/metrics", policy, metrics, Says("Metrics for Prometheus.", raw=True))
    says = Says("This document.", raw=True)
    routes.add("GET", "/api/v1/openapi.json", LOGIN, _document(routes), says)
    routes.add("GET", "/assets/openapi-spec/swagger.json", LOGIN, _document(routes), says)


async def health(call: Call) -> Answer:
    """Return "ok", or what is wrong."""
    wrong = await call.services.healthy()
    return Response(wrong or "ok", 500 if wrong else 200, media_type="text/plain")


async def root(call: Call) -> Answer:
    """Return a page."""
    about = call.services.about
    strict = _STRICT if about.secure and about.hsts else {}
    frames = {"X-Frame-Options": about.frame_options} if about.frame_options else {}
    headers = {**_HEADERS, **frames, **strict}
    return Response(_ROOT, headers=headers, media_type="text/html")


async def metrics(call: Call) -> Answer:
    """Return the metrics."""
    text = await call.services.metrics.text()
    return Response(text, headers={"Content-Type": _METRICS_TYPE})


def _document(routes: Routes) -> Handler:
    """Return the handler that describes all endpoints; the document is made once."""
    made: list[bytes] = []

    async def document(call: Call) -> Answer:  # noqa: ARG001 - the shape of a handler
        if not made:
            made.append(to_bytes(openapi(routes)))
        return Response(made[0], media_type="application/json")

    return document
