"""The resource duration of a pod: what it asked for, times how long it ran.

Source: reference/engine.md 1.13.4; argo util/resource/duration.go, DurationForPod.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tiphys.engine.jobs import job_spec
from tiphys.engine.resolving import CallError
from tiphys.engine.state import Node
from tiphys.expr.errors import QuantityError
from tiphys.expr.quantities import parse_quantity, read_quantity
from tiphys.messages import Usage
from tiphys.model.base import JsonObject
from tiphys.model.containers import Container
from tiphys.model.templates import Template

if TYPE_CHECKING:
    from tiphys.engine.run import Run

_BASES: Final = {
    "cpu": Decimal(1),
    "memory": Decimal(100 * 2**20),
    "storage": Decimal(10 * 2**30),
    "ephemeral-storage": Decimal(10 * 2**30),
}
_DEFAULTS: Final = {
    "cpu": parse_quantity("100m").amount,
    "memory": parse_quantity("100Mi").amount,
}


def asked_for(run: Run, node: Node, usage: Usage) -> dict[str, int] | None:
    """Return the resource duration of a pod that says what it needs, None if it says nothing.

    All its containers count as long as its job ran; init containers, whose time nobody takes
    here, do not count.
    """
    if node.kind != "Pod" or not run.template(node).asks_resources:
        return None
    try:
        template = job_spec(run, node).template
    except CallError:
        return None
    total: dict[str, int] = {}
    for container in _containers(template):
        for name, amount in _amounts(container.resources).items():
            seconds = int(amount * int(usage.wall_seconds) / _BASES.get(name, Decimal(1)))
            total[name] = total.get(name, 0) + seconds
    return _without_zeros(total)


def _containers(template: Template) -> Iterator[Container]:
    main = template.container or template.script
    if main is not None:
        yield main
    if template.container_set is not None:
        yield from template.container_set.containers
    yield from template.sidecars


def _amounts(resources: JsonObject) -> dict[str, Decimal]:
    """Return a container's requests, its limits where it has none, else the usual ones."""
    found = dict(_DEFAULTS)
    for kind in ("limits", "requests"):
        given = resources.get(kind)
        for name, value in given.items() if isinstance(given, dict) else ():
            try:
                found[name] = read_quantity(value).amount
            except QuantityError:
                continue
    return found


def _without_zeros(found: Mapping[str, int]) -> dict[str, int]:
    return {name: value for name, value in found.items() if value}
