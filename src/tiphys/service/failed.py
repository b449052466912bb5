"""Which nodes of a workflow failed by themselves, not because of others."""

from __future__ import annotations

from typing import Any

FAILED = frozenset(["Failed", "Error"])
_LEAVES = {"Pod", "Skipped", "Suspend", "HTTP", "Plugin"}
_INSIDE = {"Container"}  # its pod says it
_Node = dict[str, Any]


def failed_leaves(nodes: dict[str, _Node]) -> list[_Node]:
    """Return the nodes of `status.nodes` that failed by themselves, in the order they ended.

    An attempt that a later one made good is none.
    """
    failed = {
        key: node
        for key, node in nodes.items()
        if node.get("phase") in FAILED and node.get("type") not in _INSIDE
    }
    made_good = {
        child
        for node in nodes.values()
        if node.get("type") == "Retry" and node.get("phase") not in FAILED
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
