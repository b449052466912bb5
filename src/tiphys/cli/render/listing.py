"""The table of workflows that `list` prints.

Source: argo util/printer/workflow-printer.go; reference/cli.md 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tiphys.cli.render.header import parameters, status_text
from tiphys.cli.render.style import JsonObject
from tiphys.cli.render.table import Line, one_line, render_table
from tiphys.cli.render.times import instant, short_duration, span

PADDING = 3
_LONGEST_VALUE = 50
_KEPT_HEAD = 32
_KEPT_TAIL = 15


@dataclass(frozen=True, slots=True)
class ListStyle:
    """The choices of `list`."""

    wide: bool = False
    namespaces: bool = False
    headers: bool = True
    uids: bool = False


def render_list(workflows: Iterable[JsonObject], now: float, style: ListStyle) -> str:
    """Return the workflows as a table: unfinished ones first, then the newest finished."""
    ordered = sort_workflows(workflows)
    if not ordered:
        return "No workflows found\n"
    lines: list[Line] = [tuple(_titles(style))] if style.headers else []
    lines += [tuple(_cells(workflow, now, style)) for workflow in ordered]
    return render_table(lines, PADDING)


def sort_workflows(workflows: Iterable[JsonObject]) -> list[JsonObject]:
    """Return unfinished workflows, newest first, then finished ones, last finished first."""
    return sorted(workflows, key=_rank)


def _rank(workflow: JsonObject) -> tuple[bool, float, float]:
    finished = instant((workflow.get("status") or {}).get("finishedAt"))
    created = instant(workflow["metadata"].get("creationTimestamp")) or 0.0
    return finished is not None, -(finished or 0.0), -created


def _titles(style: ListStyle) -> Iterator[str]:
    if style.namespaces:
        yield "NAMESPACE"
    yield from ("NAME", "STATUS", "AGE", "DURATION", "PRIORITY", "MESSAGE")
    if style.wide:
        yield from ("P/R/C", "PARAMETERS")
    if style.uids:
        yield "UID"


def _cells(workflow: JsonObject, now: float, style: ListStyle) -> Iterator[str]:
    meta, status = workflow["metadata"], workflow.get("status") or {}
    spec = workflow.get("spec") or {}
    if style.namespaces:
        yield meta.get("namespace", "")
    yield meta.get("name", "")
    yield status_text(workflow)
    yield short_duration(span(meta.get("creationTimestamp"), None, now))
    yield short_duration(span(status.get("startedAt"), status.get("finishedAt"), now))
    yield str(spec.get("priority") or 0)
    yield one_line(status.get("message") or "")
    if style.wide:
        yield _pods(status)
        yield ",".join(f"{k}={_cut(one_line(v))}" for k, v in parameters(spec.get("arguments")))
    if style.uids:
        yield meta.get("uid", "")


def _pods(status: JsonObject) -> str:
    """Return how many pods are pending, running and over: `0/2/3`."""
    counts = {"Pending": 0, "Running": 0, "": 0}
    for node in (status.get("nodes") or {}).values():
        if node.get("type") == "Pod":
            phase = node.get("phase")
            counts[phase if phase in counts else ""] += 1
    return "/".join(map(str, counts.values()))


def _cut(value: str) -> str:
    if len(value) <= _LONGEST_VALUE:
        return value
    return f"{value[:_KEPT_HEAD]}...{value[-_KEPT_TAIL:]}"
