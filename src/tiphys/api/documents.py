"""Documents as Argo's server writes them: no kind, no apiVersion, and what is always there.

Source: reference/rest-api.md 4.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tiphys.api.fields import Fields
from tiphys.model.base import Json, JsonObject, Model
from tiphys.model.codec import convert
from tiphys.model.workflow import Workflow

_DEEP = 3
"""Parts of a path from which on something that is always there may be missing inside."""


def to_bytes(value: Json | Model) -> bytes:
    """Return compact JSON with what HTML might take for markup escaped."""
    text = msgspec.json.encode(value)
    text = text.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")
    return text.replace("\u2028".encode(), b"\\u2028").replace("\u2029".encode(), b"\\u2029")


def on_the_wire(document: JsonObject) -> JsonObject:
    """Return a document without kind and apiVersion, and an unborn phase."""
    found = {key: item for key, item in document.items() if key not in {"kind", "apiVersion"}}
    status = found.get("status")
    if isinstance(status, dict) and status.get("phase") == "" and "lastScheduledTime" not in status:
        found["status"] = {key: item for key, item in status.items() if key != "phase"}
    return found


def workflow(document: JsonObject, fields: Fields | None = None) -> JsonObject:
    """Return a workflow as it is written, with only the fields that are wanted."""
    found = on_the_wire(document)
    if fields is None:
        return _complete(found)
    return _typed(fields.project(found), fields)


def workflow_list(items: Sequence[JsonObject], metadata: JsonObject, fields: str) -> JsonObject:
    """Return a list of workflows, with only the fields that are wanted; null if it is empty."""
    from tiphys.api.fields import parse_fields

    wanted = parse_fields(fields)
    whole: list[Json] = [on_the_wire(item) for item in items]
    if wanted is None:
        whole = [_complete(item) for item in whole if isinstance(item, dict)]
        return {"metadata": metadata, "items": whole or None}
    found = wanted.project({"metadata": metadata, "items": whole})
    parts = found.get("items")
    inner = wanted.below("items.")
    kept = (
        [_typed(item, inner) for item in parts if isinstance(item, dict)]
        if isinstance(parts, list)
        else []
    )
    given = found.get("metadata")
    return {"metadata": given if isinstance(given, dict) else {}, "items": [*kept] or None}


def listing(items: Sequence[JsonObject], metadata: JsonObject | None = None) -> JsonObject:
    """Return a list of other documents; null if it is empty."""
    return {"metadata": metadata or {}, "items": [on_the_wire(item) for item in items] or None}


def _typed(found: JsonObject, fields: Fields) -> JsonObject:
    """Return a part of a workflow with what is always there filled in again."""
    if any(path.count(".") >= _DEEP for path in fields.paths):
        whole = msgspec.to_builtins(convert(found, Workflow))
        return _complete(on_the_wire(whole))
    return _complete(found)


def _complete(found: JsonObject) -> JsonObject:
    parts = {
        key: item if isinstance(item := found.get(key), dict) else {}
        for key in ("metadata", "spec", "status")
    }
    status: JsonObject = {"startedAt": None, "finishedAt": None, **parts["status"]}
    spec: JsonObject = (
        parts["spec"] if "arguments" in parts["spec"] else {**parts["spec"], "arguments": {}}
    )
    return {**found, "metadata": parts["metadata"], "spec": spec, "status": status}
