"""Which node of a workflow hangs on which, for drawing.

Boundary nodes (DAG, Steps) hold what they started; StepGroup and Retry hold their children; other
types that can be drawn are leaves. TaskGroup and Container nodes are not drawn.

Source: argo cmd/argo/commands/common/get.go (convertToRenderTrees); reference/cli.md 5.3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cmp_to_key

from tiphys.cli.render.style import JsonObject
from tiphys.cli.render.times import instant

_BOUNDARIES = {"DAG", "Steps"}
_PARENTS = {"StepGroup", "Retry"}
_LEAVES = {"Pod", "Skipped", "Suspend", "HTTP", "Plugin"}
_ITEM = re.compile(r"\((\d+):")


@dataclass(slots=True)
class Branch:
    """A node with what hangs on it, in the order it is drawn."""

    node: JsonObject
    children: list[Branch] = field(default_factory=list)


def build_forest(nodes: JsonObject) -> dict[str, Branch]:
    """Return the roots by node id; `nodes` is `status.nodes`."""
    drawn = _BOUNDARIES | _PARENTS | _LEAVES
    branches = {key: Branch(n) for key, n in nodes.items() if n.get("type") in drawn}
    holders = _holders(branches)
    roots: dict[str, Branch] = {}
    for key, branch in branches.items():
        boundary = branch.node.get("boundaryID")
        holder = holders.get(key) or branches.get(boundary or "")
        if holder is not None and holder is not branch:
            holder.children.append(branch)
        elif not boundary:
            roots[key] = branch
    for branch in branches.values():
        branch.children.sort(key=cmp_to_key(_compare))
    return roots


def _holders(branches: dict[str, Branch]) -> dict[str, Branch]:
    """Return for each child of a StepGroup or Retry that node's branch."""
    return {
        child: branch
        for branch in branches.values()
        if branch.node["type"] in _PARENTS
        for child in branch.node.get("children") or []
    }


def _compare(one: Branch, two: Branch) -> int:
    first, second = _started(one), _started(two)
    if first != second:
        return -1 if first < second else 1
    name, other = str(one.node.get("displayName")), str(two.node.get("displayName"))
    item, other_item = _ITEM.search(name), _ITEM.search(other)
    if item and other_item:
        return int(item.group(1)) - int(other_item.group(1))
    return (name > other) - (name < other)


def _started(branch: Branch) -> float:
    return instant(branch.node.get("startedAt")) or 0.0
