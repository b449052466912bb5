"""Suspend nodes: waiting for a person, or for a time.

Source: reference/engine.md 7.1; argo workflow/controller/operator.go, executeSuspend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tiphys.engine.ending import finish
from tiphys.engine.resolving import CallError, resolve_text
from tiphys.engine.state import Node
from tiphys.expr.durations import parse_argo_duration
from tiphys.expr.errors import DurationError
from tiphys.expr.template import LENIENT
from tiphys.messages import SetTimer
from tiphys.model.arguments import Outputs, Parameter

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def react(run: Run, node: Node) -> None:
    """Set the timer of a suspend node with a duration."""
    try:
        at = ends_at(run, node)
    except CallError as exc:
        finish(run, node, "Error", exc.message)
        return
    if at is not None:
        run.command(SetTimer(timer=f"suspend:{node.id}", at=at))


def ends_at(run: Run, node: Node) -> float | None:
    """Return when a suspend node resumes itself, None if it waits for a person."""
    text = run.template(node).suspend
    if text is None:
        return None
    value = resolve_text(text, run.own_scope(node), LENIENT, run.context(node.name))
    if not value:
        return None
    try:
        return node.started_at + parse_argo_duration(value)
    except DurationError as exc:
        raise CallError(exc.message) from exc


def with_defaults(outputs: Outputs | None) -> Outputs | None:
    """Return a suspend node's outputs when nobody supplied them. Raises CallError."""
    if outputs is None:
        return None
    return msgspec.structs.replace(
        outputs, parameters=tuple(_default(item) for item in outputs.parameters)
    )


def _default(item: Parameter) -> Parameter:
    if item.value is not None or item.value_from is None:
        return item
    if item.value_from.default is None:
        raise CallError(
            f"raw output parameter '{item.name}' has not been set and does not have a default value"
        )
    return msgspec.structs.replace(item, value=item.value_from.default, value_from=None)
