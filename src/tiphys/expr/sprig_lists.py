"""The sprig functions on lists. Source: sprig list.go; language.md 12.5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tiphys.expr.functions import whole
from tiphys.expr.functions_lists import distinct
from tiphys.expr.operate import same
from tiphys.expr.running import Fault, Running
from tiphys.expr.sprig_base import Implementation, Table, is_empty
from tiphys.expr.types import go_type
from tiphys.expr.values import TypedList, Value


def _items(value: Value, problem: str) -> list[object]:
    if isinstance(value, list):
        return value
    if isinstance(value, bytes):
        return list(value)
    raise Fault(problem.format(go_type(value)))


def _on_list(verb: str, change: Callable[[list[object]], Value]) -> Implementation:
    problem = f"Cannot find {verb} on type {{}}"
    return lambda _, arguments: change(_items(arguments[0], problem))


def _all_but_last(items: list[object]) -> list[object]:
    return items[:-1] if items else TypedList([], "interface {}", nil=True)


def _append(_: Running, arguments: list[Value]) -> Value:
    return [*_items(arguments[0], "Cannot push on type {}"), arguments[1]]


def _prepend(_: Running, arguments: list[Value]) -> Value:
    return [arguments[1], *_items(arguments[0], "Cannot prepend on type {}")]


def _concat(running: Running, arguments: list[Value]) -> Value:
    made: list[object] = []
    for argument in arguments:
        items = _items(argument, "Cannot concat type {} as list")
        running.charge(len(items))
        made.extend(items)
    return made


def _uniq(running: Running, arguments: list[Value]) -> Value:
    items = _items(arguments[0], "Cannot find uniq on type {}")
    return distinct(running, items, same)


def _without(running: Running, arguments: list[Value]) -> Value:
    items = _items(arguments[0], "Cannot find without on type {}")
    running.step(len(items) * len(arguments))
    return [
        item for item in items if not any(same(running, item, other) for other in arguments[1:])
    ]


def _has(running: Running, arguments: list[Value]) -> Value:
    needle, value = arguments
    if value is None:
        return False
    items = _items(value, "Cannot find has on type {}")
    running.step(len(items) // 16)
    return any(same(running, needle, item) for item in items)


def _slice(_: Running, arguments: list[Value]) -> Value:
    items = _items(arguments[0], "list should be type of slice or array but {}")
    if not items:
        return None
    bounds = [cast(item) for item in arguments[1:]]
    start = bounds[0] if bounds else 0
    stop = bounds[1] if len(bounds) > 1 else len(items)
    if not 0 <= start <= stop <= len(items):
        raise Fault("reflect.Value.Slice: slice index out of bounds")
    return items[start:stop]


def cast(value: Value) -> int:
    """Return a bound of a slice."""
    from tiphys.expr.sprig_numbers import cast_int

    return cast_int(value)


def _chunk(running: Running, arguments: list[Value]) -> Value:
    size = whole(arguments[0])
    items = _items(arguments[1], "Cannot chunk type {}")
    if size <= 0:
        raise Fault("runtime error: makeslice: len out of range")
    running.charge(len(items))
    chunks: list[object] = [items[at : at + size] for at in range(0, len(items), size)]
    return TypedList(chunks, "[]interface {}")


_FUNCTIONS: Final[Table] = {
    "first": ("a", _on_list("first", lambda items: items[0] if items else None)),
    "last": ("a", _on_list("last", lambda items: items[-1] if items else None)),
    "rest": ("a", _on_list("rest", lambda items: [*items[1:]])),
    "initial": ("a", _on_list("initial", _all_but_last)),
    "append": ("aa", _append),
    "push": ("aa", _append),
    "prepend": ("aa", _prepend),
    "reverse": ("a", _on_list("reverse", lambda items: [*items[::-1]])),
    "compact": (
        "a",
        _on_list("compact", lambda items: [item for item in items if not is_empty(item)]),
    ),
    "uniq": ("a", _uniq),
    "without": ("aa*", _without),
    "has": ("aa", _has),
    "slice": ("aa*", _slice),
    "chunk": ("ia", _chunk),
}
_MUST: Final = {f"must{name[0].upper()}{name[1:]}": entry for name, entry in _FUNCTIONS.items()}
LISTS: Final[Table] = {
    **_FUNCTIONS,
    **_MUST,
    "list": ("a*", lambda _, a: [*a]),
    "tuple": ("a*", lambda _, a: [*a]),
    "concat": ("a*", _concat),
}
