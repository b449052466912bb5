"""Workflows of a shape and a size, in which every job does nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import isqrt
from typing import Final

from tiphys.model.base import Json, JsonObject

NOOP: Final = "noop"
_WORK: Final = "work"
_LEAF: JsonObject = {"name": NOOP, "container": {"image": "busybox", "command": ["true"]}}


def document(shape: str, nodes: int) -> JsonObject:
    """Return a workflow of about so many nodes. Raises KeyError for an unknown shape."""
    templates = SHAPES[shape](nodes)
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "bench", "namespace": "default", "uid": "bench"},
        "spec": {"entrypoint": "main", "templates": [*templates, _LEAF]},
    }


def _fan_out(nodes: int) -> list[Json]:
    return [_dag([_task(i, []) for i in range(nodes)])]


def _chain(nodes: int) -> list[Json]:
    return [_dag([_task(i, [i - 1] if i else []) for i in range(nodes)])]


def _lattice(nodes: int) -> list[Json]:
    """Rows as wide as there are rows; each task waits for two of the row before."""
    width = isqrt(nodes)
    tasks = []
    for index in range(width * width):
        row, place = divmod(index, width)
        above = (row - 1) * width
        tasks.append(_task(index, [above + place, above + (place + 1) % width] if row else []))
    return [_dag(tasks)]


def _nested(nodes: int) -> list[Json]:
    """Tasks that are steps templates of two groups: five nodes and a task for each."""
    step: JsonObject = {"name": "s", "template": NOOP}
    inner: JsonObject = {"name": _WORK, "steps": [[step], [step | {"name": "t"}]]}
    return [_dag([_task(i, [], _WORK) for i in range(nodes // 5)]), inner]


def _loop(nodes: int) -> list[Json]:
    """A step with `withParam` over so many items."""
    items = json.dumps([*range(nodes)])
    step: JsonObject = {"name": "n", "template": NOOP, "withParam": items}
    return [{"name": "main", "steps": [[step]]}]


def _task(index: int, needs: list[int], template: str = NOOP) -> JsonObject:
    task: JsonObject = {"name": f"t{index}", "template": template}
    if needs:
        task["dependencies"] = [f"t{need}" for need in needs]
    return task


def _dag(tasks: list[JsonObject]) -> JsonObject:
    return {"name": "main", "dag": {"tasks": [*tasks]}}


SHAPES: Final[dict[str, Callable[[int], list[Json]]]] = {
    "fan-out": _fan_out,
    "chain": _chain,
    "lattice": _lattice,
    "nested": _nested,
    "withParam": _loop,
}
