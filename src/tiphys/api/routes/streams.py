"""Workflows as they change, what their pods write, events. Source: reference/rest-api.md 7, 8."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final

from tiphys.api import documents
from tiphys.api.call import Call
from tiphys.api.documents import to_bytes
from tiphys.api.fields import Fields, parse_fields
from tiphys.api.routes.asking import LIST, log_options
from tiphys.api.routes.workflows import BASE
from tiphys.api.routing import Answer, Routes, Says, Stream, all_of, needs
from tiphys.errors import UserError
from tiphys.model.base import JsonObject
from tiphys.ports import RunRow
from tiphys.service.feed import Change, Wanted
from tiphys.service.logs import LogOptions
from tiphys.service.selection import requirements, watched

_TOGETHER_BYTES: Final = 65_536
"""Frames that are sent together; a larger one goes alone."""


def register(routes: Routes) -> None:
    """Add the endpoints."""
    routes.add(
        "GET",
        "/api/v1/workflow-events/{namespace}",
        needs("watch", "workflows", watch_place),
        watch_workflows,
        Says(
            "Watch workflows.",
            query=(*LIST, "fields"),
            answer="WorkflowWatchEvent",
            streams=True,
        ),
    )
    logs = all_of(needs("get", "workflows"), needs("get", "pods/log"))
    says = Says(
        "Read what pods write.",
        query=(*log_options("logOptions"), "podName", "grep", "selector", "fields"),
        answer="LogEntry",
        streams=True,
    )
    routes.add("GET", f"{BASE}/{{name}}/log", logs, workflow_logs, says)
    routes.add("GET", f"{BASE}/{{name}}/{{podName}}/log", logs, workflow_logs, says)


async def watch_place(call: Call) -> str:
    """Return the namespace that is watched, "" for all. Raises UserError."""
    return watched(call.query.text("listOptions.fieldSelector"), call.namespace)[0]


async def watch_workflows(call: Call) -> Answer:
    """Return the changes of workflows as they happen."""
    query = call.query
    namespace, name = watched(query.text("listOptions.fieldSelector"), call.namespace)
    if name == "@latest":
        name = (await call.services.workflows.row(namespace, name)).name
    fields = parse_fields(query.text("fields"))
    wanted = Wanted(
        namespace,
        name,
        requirements(query.text("listOptions.labelSelector")),
        nodes=fields is None or fields.wants("result.object.status.nodes"),
    )
    version = query.text("listOptions.resourceVersion")
    seconds = query.number("listOptions.timeoutSeconds")
    return Stream(_frames(call, wanted, version), seconds=seconds)


async def _frames(call: Call, wanted: Wanted, version: str) -> AsyncIterator[list[bytes]]:
    """Yield frames as JSON; those who want the same fields share them."""
    text = call.query.text("fields")
    fields = parse_fields(text)
    async with aclosing(call.services.feed.batches(wanted, version)) as batches:
        async for changes in batches:
            frames: list[bytes] = []
            size = 0
            for change in changes:
                frames.append(_frame(change, text, fields))
                size += len(frames[-1])
                if size > _TOGETHER_BYTES:
                    yield frames
                    frames, size = [], 0
            if frames:
                yield frames


def _frame(change: Change, text: str, fields: Fields | None) -> bytes:
    if text not in change.shared:
        document = documents.workflow(change.document)
        frame: JsonObject = {"result": {"type": change.kind, "object": document}}
        change.shared[text] = to_bytes(fields.project(frame) if fields else frame)
    return change.shared[text]


async def workflow_logs(call: Call) -> Answer:
    """Return what the pods of a workflow write."""
    options = _options(call)
    row = await call.services.workflows.row(call.namespace, call.name)
    return Stream(_lines(call, row, options), call.query.text("fields"))


async def _lines(call: Call, row: RunRow, options: LogOptions) -> AsyncIterator[JsonObject]:
    async for line in call.services.logs.lines(row, options):
        every: JsonObject = {"content": line.content, "podName": line.pod}
        yield {"result": {key: item for key, item in every.items() if item}}


def _options(call: Call) -> LogOptions:
    """Return which lines are wanted; the options have two names. Raises UserError."""
    query = call.query
    prefix = "podLogOptions" if query.text("podLogOptions.container") else "logOptions"
    seconds = query.number(f"{prefix}.sinceSeconds")
    since = float(query.number(f"{prefix}.sinceTime.seconds")) or None
    if seconds:
        since = call.services.clock.now() - seconds
    tail = query.text(f"{prefix}.tailLines")
    limit = query.text(f"{prefix}.limitBytes")
    return LogOptions(
        pod=call.params.get("podName", "") or query.text("podName"),
        labels=query.text("selector"),
        previous=query.flag(f"{prefix}.previous"),
        container=query.text(f"{prefix}.container") or "main",
        grep=query.text("grep"),
        follow=query.flag(f"{prefix}.follow"),
        timestamps=query.flag(f"{prefix}.timestamps"),
        tail=_not_negative(query.number(f"{prefix}.tailLines"), "tailLines") if tail else None,
        limit_bytes=query.number(f"{prefix}.limitBytes") if limit else None,
        since=since,
    )


def _not_negative(number: int, name: str) -> int:
    if number < 0:
        raise UserError(f"{name} must be greater than or equal to 0")
    return number
