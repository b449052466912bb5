"""Limits of semaphores. Source: reference/rest-api.md 14.

The resource is called `synclimits` in roles, whichever kind of limit it is.
"""

from __future__ import annotations

from tiphys.api.call import Call
from tiphys.api.routing import Answer, Policy, Routes, Says, needs
from tiphys.service.sync_limits import Key, document, kind_of

_BASE = "/api/v1/sync/{namespace}"
_ONE = f"{_BASE}/{{key}}"


def register(routes: Routes) -> None:
    """Add the endpoints."""
    body = ("type:string", "cmName:string", "limit:integer")
    query = ("type", "cmName")
    says = Says("Make a limit.", body=("key:string", *body), answer="SyncLimit")
    routes.add("POST", _BASE, _may("create"), create, says)
    says = Says("Read a limit.", query=query, answer="SyncLimit")
    routes.add("GET", _ONE, _may("get"), get, says)
    says = Says("Change a limit.", body=body, answer="SyncLimit")
    routes.add("PUT", _ONE, _may("update"), update, says)
    routes.add("DELETE", _ONE, _may("delete"), delete, Says("Remove a limit.", query=query))


def _may(verb: str) -> Policy:
    said = f"Permission denied, you are not allowed to {verb} configmaps in namespace "
    return needs(verb, "synclimits", refusal=said + '"{namespace}".')


async def create(call: Call) -> Answer:
    """Make a limit."""
    body = call.body
    key = Key(kind_of(body.get("type")), call.namespace, body.text("cmName"), body.text("key"))
    return document(key, await call.services.sync_limits.create(key, body.number("limit")))


async def update(call: Call) -> Answer:
    """Change a limit."""
    body = call.body
    key = Key(kind_of(body.get("type")), call.namespace, body.text("cmName"), call.params["key"])
    return document(key, await call.services.sync_limits.update(key, body.number("limit")))


def _asked(call: Call) -> Key:
    query = call.query
    kind = kind_of(query.text("type"))
    return Key(kind, call.namespace, query.text("cmName"), call.params["key"])


async def get(call: Call) -> Answer:
    """Return a limit."""
    key = _asked(call)
    return document(key, await call.services.sync_limits.get(key))


async def delete(call: Call) -> Answer:
    """Remove a limit."""
    await call.services.sync_limits.delete(_asked(call))
    return {}
