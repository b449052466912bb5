"""The order of nodes, also of those of one second: what depends on a node comes after it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, TypeAlias

from tiphys.model.ids import node_id

JsonObject: TypeAlias = Mapping[str, Any]


def in_order(workflow: JsonObject) -> list[dict[str, Any]]:
    """Return the nodes by start, then by end, then by their place in the graph of children."""
    nodes = (workflow.get("status") or {}).get("nodes") or {}
    name = workflow["metadata"].get("name", "")
    leaving = node_id(name, f"{name}.onExit")
    places: dict[str, int] = {}
    for root in (name, *_other_roots(nodes, {name, leaving}), leaving):
        for key in _walk(nodes, root):
            places.setdefault(key, len(places))
    last = len(places)

    def rank(node: JsonObject) -> tuple[str, str, int]:
        ended = node.get("finishedAt") or "~"  # after every date
        return node.get("startedAt") or "~", ended, places.get(node["id"], last)

    return sorted(nodes.values(), key=rank)


def _other_roots(nodes: JsonObject, known: set[str]) -> list[str]:
    """Return the nodes that are nobody's child, such as hooks."""
    children = {child for node in nodes.values() for child in node.get("children") or []}
    return [key for key in nodes if key not in children and key not in known]


def _walk(nodes: JsonObject, root: str) -> list[str]:
    """Return what hangs on a node, level by level, each node after all that it is a child of."""
    seen: set[str] = set()
    missing: Counter[str] = Counter()
    pending = [root]
    while pending:
        key = pending.pop()
        if key in seen or key not in nodes:
            continue
        seen.add(key)
        children = nodes[key].get("children") or []
        missing.update(children)
        pending += children
    found: list[str] = []
    ready = deque([root])
    while ready:
        key = ready.popleft()
        if key not in nodes:
            continue
        found.append(key)
        for child in nodes[key].get("children") or []:
            missing[child] -= 1
            if missing[child] == 0:
                ready.append(child)
    return found
