"""What the verbs on the archive print of a workflow: keys and values, and which ones share a name.

Source: argo cmd/argo/commands/archive; reference/cli.md 14.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from tiphys.cli.render.header import executed_spec
from tiphys.cli.render.style import JsonObject
from tiphys.cli.render.times import instant, long_duration, span, timestamp

_UNSET = "unset (will run with the default ServiceAccount)"


def render_archived(workflow: JsonObject, now: float, zone: tzinfo | None = None) -> str:
    """Return an archived workflow as keys and values, each line ended by a newline."""
    return "".join(f"{key:<20} {value}\n" for key, value in _lines(workflow, now, zone))


def _lines(workflow: JsonObject, now: float, zone: tzinfo | None) -> Iterator[tuple[str, str]]:
    meta, status = workflow["metadata"], workflow.get("status") or {}
    yield "Name:", meta.get("name", "")
    yield "Namespace:", meta.get("namespace", "")
    yield "ServiceAccount:", executed_spec(workflow).get("serviceAccountName") or _UNSET
    yield "Status:", status.get("phase") or ""
    if status.get("message"):
        yield "Message:", status["message"]
    moments = (meta.get("creationTimestamp"), status.get("startedAt"), status.get("finishedAt"))
    for title, text in zip(("Created:", "Started:", "Finished:"), moments, strict=True):
        at = instant(text)
        if at is not None:
            yield title, timestamp(at, now, zone)
    if moments[1]:
        yield "Duration:", long_duration(span(moments[1], moments[2], now))


def render_alike(
    name: str, workflows: Sequence[JsonObject], now: float, zone: tzinfo | None = None
) -> str:
    """Return what is said when several archived workflows have the name that was given."""
    lines = [f"Multiple archived workflows found with name '{name}':"]
    for workflow in workflows:
        meta, status = workflow["metadata"], workflow.get("status") or {}
        created, finished = (
            timestamp(instant(text) or 0.0, now, zone)
            for text in (meta.get("creationTimestamp"), status.get("finishedAt"))
        )
        lines.append(f"  {meta.get('uid', '')} (Created: {created}, Finished: {finished})")
    return "\n".join([*lines, "Please specify the UID."])
