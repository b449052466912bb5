"""Objects that are stored and run (Jobs, Pods and all that has no path of its own)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from tiphys.api.call import Call
from tiphys.api.routes.ours import BASE as OURS
from tiphys.api.routing import Answer, Routes, Says, Stream, all_of, needs
from tiphys.errors import UserError
from tiphys.model.base import JsonObject
from tiphys.service.kept_objects import Asked

BASE: Final = f"{OURS}/objects/{{namespace}}"
_ONE: Final = f"{BASE}/{{kind}}/{{name}}"


def register(routes: Routes) -> None:
    """Add the endpoints; `kind` is a type as kubectl names it: `job`, `jobs.batch`, `pod`."""
    query = ("listOptions.labelSelector", "kinds", "workflow", "owner")
    says = Says("List objects, of some kinds or of all, or what a workflow made.", query=query)
    routes.add("GET", BASE, needs("list", "objects"), list_, says)
    routes.add("GET", _ONE, needs("get", "objects"), get, Says("Read an object."))
    may = all_of(needs("create", "objects"), needs("update", "objects"))
    says = Says("Keep an object, or change it.", body=("object:object",))
    routes.add("PUT", _ONE, may, apply, says)
    says = Says("Delete an object, and what it has made.")
    routes.add("DELETE", _ONE, needs("delete", "objects"), delete, says)
    may = all_of(needs("get", "objects"), needs("get", "pods/log"))
    says = Says(
        "Read what the pods of an object write.",
        query=("container", "follow"),
        answer="LogEntry",
        streams=True,
    )
    routes.add("GET", f"{_ONE}/log", may, log, says)


async def list_(call: Call) -> Answer:
    """Return what is asked for, by namespace and name."""
    query = call.query
    asked = Asked(
        types=[word for text in query.texts("kinds") for word in text.split(",") if word],
        labels=query.text("listOptions.labelSelector"),
        workflow=query.text("workflow"),
        owner=query.text("owner"),
    )
    return {"items": [*await call.services.kept.list(call.namespace, asked)]}


def _one(call: Call) -> tuple[str, str, str]:
    """Return namespace, type and name. Raises UserError if a namespace is missing."""
    if not call.namespace:
        raise UserError("an object is in a namespace: name one")
    return call.namespace, call.params["kind"], call.name


async def get(call: Call) -> Answer:
    """Return one."""
    return await call.services.kept.get(*_one(call))


async def apply(call: Call) -> Answer:
    """Create one, or let the one of its name take on what is said of it."""
    document = call.body.part("object").value
    made, verb = await call.services.kept.apply(*_one(call), document)
    return {"verb": verb, "object": made}


async def delete(call: Call) -> Answer:
    """Remove one, and return what it was."""
    return await call.services.kept.delete(*_one(call))


async def log(call: Call) -> Answer:
    """Return what the pods of one write."""
    found = await call.services.kept.get(*_one(call))
    return Stream(_lines(call, found))


async def _lines(call: Call, document: JsonObject) -> AsyncIterator[JsonObject]:
    container, follow = call.query.text("container"), call.query.flag("follow")
    async for line in call.services.pod_logs.lines(document, container, follow):
        yield {"result": {"content": line.content, "podName": line.pod}}
