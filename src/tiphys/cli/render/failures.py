"""What went wrong in a workflow, in full: a tree on a terminal cuts messages to its width."""

from __future__ import annotations

from tiphys.cli.render.style import JsonObject
from tiphys.cli.render.table import one_line
from tiphys.service.failed import FAILED, failed_leaves

_MOST = 10


def failure_lines(workflow: JsonObject) -> list[str]:
    """Return a line for each node that failed by itself, and how to see more; [] if all is well."""
    status = workflow.get("status") or {}
    if status.get("phase") not in FAILED:
        return []
    nodes = status.get("nodes") or {}
    found = [_line(node) for node in failed_leaves(nodes)]
    name = workflow["metadata"].get("name", "")
    if not found and status.get("message"):
        found = [f"{name}: {one_line(status['message'])}"]
    if len(found) > _MOST:
        found = [*found[:_MOST], f"and {len(found) - _MOST} more"]
    return [*found, f"see `tiphys logs {name}`"]


def _line(node: JsonObject) -> str:
    text = f"{node['name']}  {node['phase']}  {one_line(node.get('message') or '')}"
    return text.rstrip()
