"""What nodes that stand for others show of those below them: progress and resource durations.

A node sums over the distinct nodes below it in `children`, which lead on to whatever follows: so
the first of several step groups counts the later ones as well, and its sums change while it is
long over. Kept with the nodes they would cost a scan for each node that ends; so they are made
when someone reads a workflow, once for all its nodes.

Source: reference/engine.md 1.13; argo workflow/progress/updater.go, util/resource/updater.go.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Final

from tiphys.engine.phases import FULFILLED
from tiphys.engine.state import Node, State
from tiphys.messages import Usage
from tiphys.model.base import Json, JsonObject

_EXECUTABLE: Final = frozenset({"Pod", "Container", "HTTP", "Plugin", "Suspend"})
_MOST_VISITS: Final = 2_000_000


def assumed(usage: Usage | None) -> dict[str, int]:
    """Return the resource duration of a pod that says nothing: 100m cpu and 100Mi memory."""
    if usage is None:
        return {}
    seconds = int(usage.wall_seconds)
    return {name: value for name, value in (("cpu", seconds // 10), ("memory", seconds)) if value}


def resources_below(state: State, node: Node) -> dict[str, int]:
    """Return the resource durations of the distinct pods below a node, together."""
    found: dict[str, int] = {}
    seen, work = set(node.children), [*node.children]
    while work:
        below = state.nodes[work.pop()]
        _add(found, below.resources)
        for child in below.children:
            if child not in seen:
                seen.add(child)
                work.append(child)
    return found


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + value


class _Sum:
    """Units of progress, and resource durations."""

    __slots__ = ("done", "resources", "units")

    def __init__(self) -> None:
        self.done = 0
        self.units = 0
        self.resources: dict[str, int] = {}

    def add(self, other: _Sum) -> None:
        self.done += other.done
        self.units += other.units
        _add(self.resources, other.resources)


def add_totals(nodes: Mapping[str, JsonObject]) -> None:
    """Put into the nodes of a workflow, as clients read them, what they show of those below.

    Differs: in a graph so woven that the sums would take seconds, some nodes do without.
    """
    totals = _Totals(nodes)
    for key in totals.order:
        node = nodes[key]
        below = totals.below(key)
        if below is None:
            continue
        kind = node.get("type")
        if kind not in _EXECUTABLE and below.units:
            node["progress"] = f"{below.done}/{below.units}"
        over = node.get("phase") in FULFILLED or node.get("daemoned")
        if kind != "Pod" and over and below.resources:
            node["resourcesDuration"] = {**below.resources}


class _Totals:
    """One pass over the nodes of a workflow, those below first."""

    def __init__(self, nodes: Mapping[str, JsonObject]) -> None:
        self._nodes = nodes
        self._children = {key: _children(node, nodes) for key, node in nodes.items()}
        self.order = self._sorted()
        self._rank = {key: -index for index, key in enumerate(self.order)}
        self._own = {key: _own(node) for key, node in nodes.items()}
        self._below: dict[str, _Sum] = {}
        self._visits = 0

    def _sorted(self) -> list[str]:
        """Return the nodes so that each comes after all below it."""
        found: dict[str, bool] = {}
        entered: set[str] = set()
        for root in self._nodes:
            work = [root]
            while work:
                key = work[-1]
                if key in entered:
                    work.pop()
                    found[key] = True
                    continue
                entered.add(key)
                work += [child for child in self._children[key] if child not in entered]
        return list(found)

    def below(self, key: str) -> _Sum | None:
        """Return the sum over the distinct nodes below; None if that would take too long.

        The way down goes on until all paths meet in one node whose own sum is known.
        """
        children = self._children[key]
        if self._nodes[key].get("type") == "Pod" and len(children) > 1:
            return None  # nobody asks a pod
        total = _Sum()
        frontier = [(self._rank[child], child) for child in children]
        heapq.heapify(frontier)
        seen = set(children)
        while frontier:
            self._visits += 1
            if self._visits > _MOST_VISITS:
                return None
            _, here = heapq.heappop(frontier)
            total.add(self._own[here])
            if not frontier and here in self._below:
                total.add(self._below[here])
                break
            for child in self._children[here]:
                if child not in seen:
                    seen.add(child)
                    heapq.heappush(frontier, (self._rank[child], child))
        self._below[key] = total
        return total


def _children(node: JsonObject, nodes: Mapping[str, JsonObject]) -> list[str]:
    listed: object = node.get("children")
    found = dict.fromkeys(map(str, listed)) if isinstance(listed, list | tuple) else {}
    return [key for key in found if key in nodes]


def _own(node: JsonObject) -> _Sum:
    found = _Sum()
    if node.get("type") in _EXECUTABLE:
        done, _, units = str(node.get("progress", "")).partition("/")
        if done.isdecimal() and units.isdecimal() and int(done) <= int(units):
            found.done, found.units = int(done), int(units)
    if node.get("type") == "Pod":
        found.resources = _whole_numbers(node.get("resourcesDuration"))
    return found


def _whole_numbers(value: Json) -> dict[str, int]:
    if not isinstance(value, dict):
        return {}
    return {name: amount for name, amount in value.items() if isinstance(amount, int)}
