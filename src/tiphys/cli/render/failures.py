"""What went wrong in a workflow, in full: a tree on a terminal cuts messages to its width."""

from __future__ import annotations

from tiphys.cli.render.style import JsonObject
from tiphys.cli.render.table import one_line

_MOST = 10
_FAILED = {"Failed", "Error"}
_LEAVES = {"Pod", "Skipped", "Suspend", "HTTP", "Plugin"}
_INSIDE = {"Container"}  # its pod says it


def failure_lines(workflow: JsonObject) -> list[str]:
    """Return a line for each node that failed by itself, and how to see more; [] if all is well.

    An attempt that a later one made good is none.
    """
    status = workflow.get("status") or {}
    if status.get("phase") not in _FAILED:
        return []
    nodes = status.get("nodes") or {}
    found = [_line(node) for node in _failed_leaves(nodes)]
    name = workflow["metadata"].get("name", "")
    if not found and status.get("message"):
        found = [f"{name}: {one_line(status['message'])}"]
    if len(found) > _MOST:
        found = [*found[:_MOST], f"and {len(found) - _MOST} more"]
    return [*found, f"see `tiphys logs {name}`"]


def _failed_leaves(nodes: JsonObject) -> list[JsonObject]:
    failed = {
        key: node
        for key, node in nodes.items()
        if node.get("phase") in _FAILED and node.get("type") not in _INSIDE
    }
    made_good = {
        child
        for node in nodes.values()
        if node.get("type") == "Retry" and node.get("phase") not in _FAILED
        for child in node.get("children") or []
    }
    holders = {node.get("boundaryID") for node in failed.values()}
    leaves = [
        node
        for key, node in failed.items()
        if node.get("type") in _LEAVES
        or (key not in holders and not failed.keys() & set(node.get("children") or []))
    ]
    leaves = [node for node in leaves if node["id"] not in made_good]
    return sorted(leaves, key=lambda node: (node.get("finishedAt") or "", node["name"]))


def _line(node: JsonObject) -> str:
    text = f"{node['name']}  {node['phase']}  {one_line(node.get('message') or '')}"
    return text.rstrip()
