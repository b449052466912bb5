"""Filling a slot: its condition, its loop if it has one, then the call.

Shared by step groups, DAGs and task groups. Source: reference/engine.md 3.2-3.4, language.md 6.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from tiphys.engine.binding import Caller, pass_arguments
from tiphys.engine.calls import Place, add_error, add_skipped, invoke
from tiphys.engine.resolving import CallError, resolve_body, resolve_text
from tiphys.engine.scope import ItemScope, Names
from tiphys.engine.state import Node
from tiphys.expr.errors import WhenError
from tiphys.expr.gojson import json_fault
from tiphys.expr.goprintf import sprintf
from tiphys.expr.numbers import item_suffix
from tiphys.expr.template import LENIENT, STRICT, Mode, Text, strict_prefix
from tiphys.expr.when import evaluate_when
from tiphys.messages import SlotsOpened
from tiphys.model.base import Json
from tiphys.program import Call, Loop, Sequence

if TYPE_CHECKING:
    from tiphys.engine.run import Run

REFERENCES: Mode = strict_prefix("steps", "tasks")
EMPTY = "Skipped, empty params"
_ITEM = re.compile(r"\{\{=?.*\bitem\b")


class Slot(msgspec.Struct, frozen=True, gc=False):
    """A step or task about to be looked at: where its node goes and what it may refer to."""

    call: Call
    place: Place
    scope: Names
    index: tuple[int, int]


def fill(run: Run, frame: Node, slot: Slot) -> bool:
    """Add the slot's node or open its loop. Return False when there is no room: try later."""
    if slot.index[1] >= 0:
        return _fill_item(run, frame, slot)
    if slot.call.loop is not None:
        return expand(run, frame, slot)
    return _fill_one(run, frame, slot, REFERENCES)


def without_loop(slot: Slot) -> Slot:
    """Return a slot whose `withParam` turned out to be empty: an ordinary step."""
    call = dataclasses.replace(slot.call, loop=None)
    return msgspec.structs.replace(slot, call=call)


def _fill_item(run: Run, frame: Node, slot: Slot) -> bool:
    if frame.frame is None:
        return True
    index = slot.index[1]
    key = slot.index[0] if frame.kind == "StepGroup" else 0
    item = frame.frame.items[key][index]
    name = f"{slot.place.name}({index}:{item_suffix(item)})"
    placed = msgspec.structs.replace(
        slot,
        place=msgspec.structs.replace(slot.place, name=name, item=index),
        scope=ItemScope(item, slot.scope),
    )
    return _fill_one(run, frame, placed, STRICT)


def _fill_one(run: Run, frame: Node, slot: Slot, mode: Mode) -> bool:
    try:
        text, holds = condition(run, slot, slot.scope)
    except CallError as exc:
        add_error(run, slot.place, exc.message)
        return True
    if not holds:
        message = f"when '{text}' evaluated false"
        add_skipped(run, slot.place, "Skipped", message, slot.call.target.key)
        return True
    boundary = run.node(slot.place.boundary)
    if not run.gates.has_room(run, frame, boundary):
        return False
    invoke(run, slot.call, slot.place, slot.scope, mode)
    return True


def condition(run: Run, slot: Slot, scope: Names) -> tuple[str, bool]:
    """Return a call's `when` as resolved, and whether it holds. Raises CallError."""
    when = slot.call.when
    if when is None:
        return "", True
    text = resolve_text(when, scope, REFERENCES, run.context(slot.place.name))
    try:
        return text, evaluate_when(text)
    except WhenError as exc:
        raise CallError(exc.message) from exc


# ---------------------------------------------------------------------------------- expansion


def expand(run: Run, frame: Node, slot: Slot) -> bool:
    """Open one slot for each item, or add the node that says why there is none.

    Return False when there is no room: try later.
    """
    try:
        items = loop_items(run, slot)
    except CallError as exc:
        add_error(run, slot.place, exc.message)
        return True
    if items is None:  # withParam resolved to nothing: no loop
        return _fill_one(run, frame, without_loop(slot), REFERENCES)
    if not items:
        add_skipped(run, slot.place, "Skipped", EMPTY, slot.call.target.key)
    else:
        run.emit(SlotsOpened(frame=frame.id, slot=slot.index[0], items=tuple(items)))
    return True


def fault(run: Run, slot: Slot) -> str:
    """Return why a step cannot be prepared, "" if it can: before any step of its group starts.

    A condition that cannot be read is the step's own fault, found when it is filled.
    Source: argo workflow/controller/steps.go, executeStepGroup; reference/engine.md 3.2.
    """
    context = run.context(slot.place.name)
    try:
        if slot.call.when is not None:
            text = resolve_text(slot.call.when, slot.scope, REFERENCES, context)
            if not _ITEM.search(slot.call.when.source) and not _holds(text):
                return ""
        if slot.call.loop is None:
            pass_arguments(slot.call, Caller(run, slot.scope, REFERENCES, slot.place.name))
    except CallError as exc:
        return f"failed to resolve references: {exc.message}"
    try:
        if slot.call.loop is not None:
            check_items(run, slot, loop_items(run, slot) or [])
    except CallError as exc:
        return exc.message
    return ""


def check_items(run: Run, slot: Slot, items: list[Json]) -> None:
    """Find out, before any is begun, whether each item of a loop can be.

    Where nothing but the whole item is read they all can if one can. Raises CallError: the fault
    is the group's or the task's, not the item's (reference/engine.md 3.3.3, 4.3.3).
    """
    reads_members = any(name.startswith("item.") for name in _names_in(slot.call))
    for item in items:
        scope = ItemScope(item, slot.scope)
        if _may_be_made(run, slot, scope):
            pass_arguments(slot.call, Caller(run, scope, STRICT, slot.place.name))
            if not reads_members:
                return


def _names_in(call: Call) -> Iterator[str]:
    """Yield the variables that a call's arguments read."""
    texts = [item.value for item in call.parameters]
    texts += [text for item in call.artifacts for text in (item.expression, item.sub_path)]
    for text in (*texts, *(item.body for item in call.artifacts)):
        if text is not None:
            yield from text.names


def _may_be_made(run: Run, slot: Slot, scope: Names) -> bool:
    """Return False for an item whose condition is false, or cannot be read: that is its own."""
    try:
        return condition(run, slot, scope)[1]
    except CallError:
        return False


def _holds(text: str) -> bool:
    try:
        return evaluate_when(text)
    except WhenError:
        return False


def loop_items(run: Run, slot: Slot) -> list[Json] | None:
    """Return a loop's items, None if an empty `withParam` makes it no loop. Raises CallError."""
    loop = slot.call.loop or Loop()
    context = run.context(slot.place.name)
    if loop.items is not None:
        found = resolve_body(loop.items, slot.scope, REFERENCES, context)
        return found if isinstance(found, list) else []
    if loop.sequence is not None:
        return [*sequence_items(run, loop.sequence, slot)]
    if loop.param is None:
        return []
    if not _may_hold(run, slot):
        return _lenient_items(run, slot)
    text = resolve_text(loop.param, slot.scope, REFERENCES, context)
    return None if text == "" else parse_items(text)


def _may_hold(run: Run, slot: Slot) -> bool:
    """Return False if the condition is false whatever the item is."""
    when = slot.call.when
    if when is None or _ITEM.search(when.source):
        return True
    return condition(run, slot, slot.scope)[1]


def _lenient_items(run: Run, slot: Slot) -> list[Json]:
    loop = slot.call.loop or Loop()
    try:
        if loop.param is None:
            return []
        return parse_items(
            resolve_text(loop.param, slot.scope, LENIENT, run.context(slot.place.name))
        )
    except CallError:
        return []


def parse_items(text: str) -> list[Json]:
    """Return the items of a withParam text. Raises CallError."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as exc:
        raise CallError(
            f"withParam value could not be parsed as a JSON list: {text}: {json_fault(text)}"
        ) from exc
    if found is None:
        return []
    if not isinstance(found, list):
        kind = {str: "string", dict: "object", bool: "bool"}.get(type(found), "number")
        raise CallError(
            f"withParam value could not be parsed as a JSON list: {text}: json: cannot unmarshal "
            f"{kind} into Go value of type []v1alpha1.Item"
        )
    return found


def sequence_items(run: Run, sequence: Sequence, slot: Slot) -> list[Json]:
    """Return the texts of a withSequence. Raises CallError."""

    def number(text: Text | None, default: int) -> int:
        if text is None:
            return default
        value = resolve_text(text, slot.scope, REFERENCES, run.context(slot.place.name))
        if not re.fullmatch(r"[+-]?[0-9]+", value):
            raise CallError(f'strconv.Atoi: parsing "{value}": invalid syntax')
        return int(value)

    if sequence.end is None and sequence.count is None:
        raise CallError("neither end nor count was specified in withSequence")
    start = number(sequence.start, 0)
    if sequence.end is not None:
        end = number(sequence.end, 0)
    else:
        count = number(sequence.count, 0)
        if count == 0:
            return []
        end = start + count - 1
    step = 1 if start <= end else -1
    pattern = sequence.format or "%d"
    return [sprintf(pattern, value) for value in range(start, end + step, step)]
