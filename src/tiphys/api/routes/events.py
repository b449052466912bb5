"""Events, their bindings, and what Argo Events would add. Source: reference/rest-api.md 11, 13."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from tiphys.api import documents
from tiphys.api.call import Call
from tiphys.api.routes.asking import DELETE, GET, LIST, chosen_by, log_options, person_of
from tiphys.api.routing import Answer, Routes, Says, Stream, all_of, needs
from tiphys.errors import Impossible, NotFound
from tiphys.model.base import API_VERSION, JsonObject
from tiphys.service.events import Event

_BINDINGS: Final = "workfloweventbindings"


def register(routes: Routes) -> None:
    """Add the endpoints."""
    routes.add(
        "POST",
        "/api/v1/events/{namespace}/{discriminator}",
        all_of(
            needs("list", _BINDINGS),
            needs("get", "workflowtemplates"),
            needs("create", "workflows"),
        ),
        receive,
        Says("Let the bindings of a namespace answer an event.", body=("*",), webhook=True),
    )
    says = Says("List event bindings.", query=LIST, answer="WorkflowEventBindingList")
    path = "/api/v1/workflow-event-bindings/{namespace}"
    routes.add("GET", path, needs("list", _BINDINGS), list_bindings, says)
    says = Says("Watch Kubernetes events.", query=LIST, answer="Event", streams=True)
    path = "/api/v1/stream/events/{namespace}"
    routes.add("GET", path, needs("watch", "events"), watch_events, says)
    for resource, kind, body in (
        ("sensors", "Sensor", "sensor"),
        ("event-sources", "EventSource", "eventSource"),
    ):
        _register_absent(routes, resource, kind, body)


async def receive(call: Call) -> Answer:
    """Let every binding of a namespace answer an event."""
    headers: dict[str, list[str]] = {}
    for name, value in call.request.headers.items():
        if name.lower().startswith("x-"):
            headers.setdefault(name.lower(), []).append(value)
    who = person_of(call.principal)
    event = Event(call.namespace, call.params["discriminator"], call.payload, headers, who)
    done = await call.services.dispatcher.dispatch(event)
    if done.error:
        raise Impossible(done.error)
    return {}


async def list_bindings(call: Call) -> Answer:
    """Return the event bindings of a namespace, or of all."""
    is_wanted = chosen_by(call)
    place = call.namespace or None
    found = await call.services.objects.list(API_VERSION, "WorkflowEventBinding", place)
    return documents.listing([*filter(is_wanted, found)])


async def watch_events(call: Call) -> Answer:
    """Return the events about objects of a namespace: those that are stored, and those to come."""
    return Stream(_events(call), seconds=call.query.number("listOptions.timeoutSeconds"))


async def _events(call: Call) -> AsyncIterator[JsonObject]:
    objects = call.services.objects
    wanted = call.query.text("listOptions.fieldSelector")
    number, seen = 0, dict[str, str]()
    while True:
        number = await objects.changed(number)
        for item in await objects.list("v1", "Event", call.namespace or None):
            metadata = item.get("metadata")
            own = metadata if isinstance(metadata, dict) else {}
            uid, version = str(own.get("uid")), str(own.get("resourceVersion"))
            if seen.get(uid) != version and _is_about(item, wanted):
                seen[uid] = version
                yield {"result": documents.on_the_wire(item)}


def _is_about(event: JsonObject, selector: str) -> bool:
    """Tell whether an event is about the object a field selector names."""
    about = event.get("involvedObject")
    for term in filter(None, selector.split(",")):
        name, _, value = term.replace("==", "=").partition("=")
        key = name.removeprefix("involvedObject.")
        if not isinstance(about, dict) or about.get(key) != value:
            return False
    return True


def _register_absent(routes: Routes, resource: str, kind: str, body: str) -> None:
    """Add the endpoints of a kind of Argo Events, which is not installed: they say so."""
    plural = resource.replace("-", "")
    base = f"/api/v1/{resource}/{{namespace}}"
    one = f"{base}/{{name}}"
    for method, path, verb, given in (
        ("GET", base, "list", LIST),
        ("POST", base, "create", ()),
        ("GET", one, "get", GET),
        ("PUT", one, "update", ()),
        ("DELETE", one, "delete", DELETE),
    ):
        said = f"{verb.capitalize()} {kind}s; Argo Events is not part of this server."
        names = (f"{body}:object",) if method in {"POST", "PUT"} else ()
        says = Says(said, query=given, body=names)
        handler = _absent(verb if method != "PUT" else "put", plural)
        routes.add(method, path, needs(verb, plural), handler, says)
    stream = f"/api/v1/stream/{resource}/{{namespace}}"
    says = Says(f"Watch {kind}s.", query=LIST, streams=True)
    routes.add("GET", stream, needs("watch", plural), _absent("watch", plural), says)
    query = ("name", "triggerName", "eventSourceType", "eventName", "grep")
    says = Says(
        f"Read the logs of {kind}s.", query=(*query, *log_options("podLogOptions")), streams=True
    )
    routes.add("GET", f"{stream}/logs", needs("get", "pods/log"), _silence, says)


def _absent(verb: str, plural: str) -> Callable[[Call], Awaitable[Answer]]:
    async def handler(call: Call) -> Answer:  # noqa: ARG001 - the shape of a handler
        raise NotFound(
            f"the server could not find the requested resource ({verb} {plural}.argoproj.io)"
        )

    return handler


async def _silence(call: Call) -> Answer:  # noqa: ARG001 - the shape of a handler
    """Return a stream without frames that stays open: there are no pods to read."""
    return Stream(_nothing())


async def _nothing() -> AsyncIterator[JsonObject]:
    await asyncio.Event().wait()
    yield {}
