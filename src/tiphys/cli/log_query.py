"""What `logs` asks for, here and through a server alike, and how a line looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tiphys.cli.render.nodes import node_pod_name
from tiphys.errors import NotFound, UserError

if TYPE_CHECKING:
    from tiphys.service.logs import LogOptions


def query_of(values: Mapping[str, Any]) -> dict[str, object]:
    """Return the options of `logs` as Argo's API takes them. Raises UserError."""
    since, since_time = _since(values)
    tail = int(values["tail"])
    return {
        "logOptions.container": values["container"],
        "logOptions.follow": values["follow"],
        "logOptions.previous": values["previous"],
        "logOptions.timestamps": values["timestamps"],
        "logOptions.tailLines": "" if tail < 0 else str(tail),
        "logOptions.sinceSeconds": "" if since is None else str(max(1, int(since))),
        "logOptions.sinceTime.seconds": "" if since_time is None else str(int(since_time)),
        "grep": values["grep"],
        "selector": values["labels"],
    }


def options_of(values: Mapping[str, Any], pod: str, now: float) -> LogOptions:
    """Return the same for a home. Raises UserError."""
    from tiphys.service.logs import LogOptions

    since, since_time = _since(values)
    tail = int(values["tail"])
    return LogOptions(
        pod=pod,
        labels=values["labels"],
        previous=values["previous"],
        container=values["container"],
        grep=values["grep"],
        follow=values["follow"],
        timestamps=values["timestamps"],
        tail=None if tail < 0 else tail,
        since=since_time if since is None else now - since,
    )


def _since(values: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Return `--since` in seconds and `--since-time` in epoch seconds. Raises UserError."""
    from tiphys.service.selection import instant

    if values["since"] and values["since_time"]:
        raise UserError("--since-time and --since cannot be used together")
    time = instant(values["since_time"]) if values["since_time"] else None
    return values["since"] or None, time


def check_pod(workflow: Mapping[str, Any], pod: str) -> None:
    """Raise NotFound if a workflow has no such pod: its name, its node's name or id."""
    status = workflow.get("status") or {}
    nodes: Iterable[Mapping[str, Any]] = (status.get("nodes") or {}).values()
    for node in nodes:
        names = (node.get("name"), node.get("id"), node_pod_name(workflow, node))
        if node.get("type") == "Pod" and pod in names:
            return
    name = workflow["metadata"]["name"]
    raise NotFound(f'workflow "{name}" has no pod "{pod}"; `tiphys get` lists them')


def line_of(pod: str, content: str, colour: bool) -> str:
    """Return a line of a pod as it is printed."""
    from tiphys.cli.render.colour import log_colour, paint

    return f"{paint(f'{pod}: {content}', log_colour(pod), colour)}\n"
