"""The document of the API, made of the table of endpoints and of the model.

OpenAPI 3.1: the schemas are msgspec's, of the structs that the handlers read and write.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tiphys.api.routing import Endpoint, Routes
from tiphys.api.services import VERSION
from tiphys.model.base import Json, JsonObject
from tiphys.model.cron import CronWorkflow
from tiphys.model.events import WorkflowEventBinding
from tiphys.model.workflow import ClusterWorkflowTemplate, Workflow, WorkflowTemplate
from tiphys.service.config_objects import Applied, Kept, KeptList
from tiphys.service.explain import Explanation
from tiphys.service.moving import Transfers

_KINDS: Final = (
    Workflow,
    WorkflowTemplate,
    ClusterWorkflowTemplate,
    CronWorkflow,
    WorkflowEventBinding,
)
_OURS: Final = (Explanation, Transfers, Kept, KeptList, Applied)
"""What endpoints answer that Argo does not have."""
_REF: Final = "#/components/schemas/{name}"
_TYPES: Final[dict[str, JsonObject]] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer"},
    "object": {"type": "object"},
    "strings": {"type": "array", "items": {"type": "string"}},
    "binary": {"type": "string", "format": "binary"},
}
_BOOLEANS: Final = frozenset(
    [
        "force",
        "serverDryRun",
        "follow",
        "previous",
        "timestamps",
        "watch",
        "allowWatchBookmarks",
        "sendInitialEvents",
        "orphanDependents",
        "insecureSkipTLSVerifyBackend",
    ]
)
_NUMBERS: Final = frozenset(
    [
        "limit",
        "timeoutSeconds",
        "tailLines",
        "limitBytes",
        "sinceSeconds",
        "seconds",
        "nanos",
        "gracePeriodSeconds",
    ]
)


def openapi(routes: Routes) -> JsonObject:
    """Return the document of all endpoints."""
    paths: JsonObject = {}
    for endpoint in routes:
        described = paths.setdefault(endpoint.path, {})
        if isinstance(described, dict):
            described[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Argo Workflows API", "version": VERSION},
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "BearerToken": {"type": "apiKey", "in": "header", "name": "Authorization"}
            },
        },
    }


def _operation(endpoint: Endpoint) -> JsonObject:
    says = endpoint.says
    found: JsonObject = {
        "operationId": _operation_id(endpoint),
        "summary": says.summary,
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint),
        "security": [] if endpoint.policy.kind == "open" else [{"BearerToken": []}],
        "x-needs": [f"{need.verb} {need.resource}" for need in endpoint.policy.needs],
    }
    if says.body:
        media = "multipart/form-data" if "file:binary" in says.body else "application/json"
        found["requestBody"] = {"content": {media: {"schema": _body(says.body)}}}
    return found


def _operation_id(endpoint: Endpoint) -> str:
    parts = [part.strip("{}") for part in endpoint.segments if part]
    return "_".join([endpoint.method.lower(), *parts]).replace(".", "_")


def _parameters(endpoint: Endpoint) -> list[Json]:
    names = [part[1:-1] for part in endpoint.segments if part.startswith("{")]
    found: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]
    found += [
        {"name": name, "in": "query", "schema": _query_type(name)}
        for name in endpoint.says.query
        if name not in names
    ]
    return found


def _query_type(name: str) -> JsonObject:
    last = name.rpartition(".")[2]
    if last in _BOOLEANS:
        return {"type": "boolean"}
    return {"type": "integer"} if last in _NUMBERS else {"type": "string"}


def _body(fields: Sequence[str]) -> JsonObject:
    if "*" in fields:
        return {}
    properties: JsonObject = {}
    for field in fields:
        name, _, kind = field.partition(":")
        properties[name] = _TYPES.get(kind) or {"$ref": _REF.format(name=kind)}
    return {"type": "object", "properties": properties}


def _responses(endpoint: Endpoint) -> JsonObject:
    says = endpoint.says
    schema: JsonObject = {"type": "object"}
    if says.answer in _COMPONENTS:
        schema = {"$ref": _REF.format(name=says.answer)}
    if says.streams:
        schema = {"type": "object", "properties": {"result": schema, "error": {"type": "object"}}}
    content: JsonObject = {"application/json": {"schema": schema}}
    if says.streams:
        content["text/event-stream"] = {"schema": {"type": "string"}}
    if says.raw:
        content = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    error: JsonObject = {"$ref": _REF.format(name="Error")}
    return {
        "200": {"description": "What was asked for.", "content": content},
        "default": {
            "description": "Why not.",
            "content": {"application/json": {"schema": error}},
        },
    }


def _schemas() -> JsonObject:
    _, found = msgspec.json.schema_components((*_KINDS, *_OURS), ref_template=_REF)
    schemas: JsonObject = {name: _plain(item) for name, item in found.items()}
    for kind in _KINDS:
        name = kind.__name__
        schemas[f"{name}List"] = {
            "type": "object",
            "required": ["metadata", "items"],
            "properties": {
                "metadata": {"type": "object"},
                "items": {
                    "anyOf": [
                        {"type": "array", "items": {"$ref": _REF.format(name=name)}},
                        {"type": "null"},
                    ]
                },
            },
        }
    return schemas | _SMALL


def _plain(value: Any) -> Json:
    """Return a schema without what Python alone means by it."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key != "default"}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _strings(*names: str) -> JsonObject:
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}}


_SMALL: Final[JsonObject] = {
    "Error": {
        "type": "object",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "integer"},
            "message": {"type": "string"},
            "details": {"type": "array", "items": _strings("reason", "path", "hint")},
        },
    },
    "WorkflowWatchEvent": {
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": ["ADDED", "MODIFIED", "DELETED"]},
            "object": {"$ref": _REF.format(name="Workflow")},
        },
    },
    "LogEntry": _strings("content", "podName"),
    "LabelKeys": {"type": "object", "properties": {"items": _TYPES["strings"]}},
    "LabelValues": {"type": "object", "properties": {"items": _TYPES["strings"]}},
    "SyncLimit": {
        "type": "object",
        "properties": {
            "type": {"type": "integer"},
            "namespace": {"type": "string"},
            "cmName": {"type": "string"},
            "key": {"type": "string"},
            "limit": {"type": "integer"},
        },
    },
    "Event": {"type": "object"},
    "InfoResponse": {"type": "object"},
    "GetUserInfoResponse": {"type": "object"},
    "Version": _strings(
        *("version", "buildDate", "gitCommit", "gitTag", "gitTreeState", "goVersion"),
        *("compiler", "platform"),
    ),
}
_COMPONENTS: Final = frozenset(
    {
        *_SMALL,
        *(kind.__name__ for kind in (*_KINDS, *_OURS)),
        *(f"{kind.__name__}List" for kind in _KINDS),
    }
)
