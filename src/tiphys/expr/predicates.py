"""The built-in functions that take a predicate.

Source: expr-lang builtin; language.md 11.5, 11.8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cmp_to_key
from typing import Final

from tiphys.expr import operate
from tiphys.expr.running import Fault, Running
from tiphys.expr.types import go_type
from tiphys.expr.values import Groups, Value

Closure = Callable[[Running], Value]


def _items(value: Value) -> list[object]:
    if isinstance(value, list):
        return value
    if isinstance(value, bytes):
        return list(value)
    raise Fault(f"cannot iterate over {go_type(value)}")


def _walk(
    running: Running, items: list[object], body: Closure, backward: bool = False
) -> Iterator[tuple[int, Value, Value]]:
    """Yield index, item and the predicate's value for each item."""
    scope: list[Value] = [None, 0, None]
    order = range(len(items) - 1, -1, -1) if backward else range(len(items))
    for index in order:
        running.step()
        scope[0], scope[1] = items[index], index
        running.scopes.append(scope)
        try:
            found = body(running)
        finally:
            running.scopes.pop()
        yield index, items[index], found


def _all(arguments: list[Closure]) -> Closure:
    listed, body = arguments
    return lambda running: all(
        operate.truth(found) for _, _, found in _walk(running, _items(listed(running)), body)
    )


def _any(arguments: list[Closure]) -> Closure:
    listed, body = arguments
    return lambda running: any(
        operate.truth(found) for _, _, found in _walk(running, _items(listed(running)), body)
    )


def _none(arguments: list[Closure]) -> Closure:
    found = _any(arguments)
    return lambda running: not found(running)


def _count_where(running: Running, listed: Closure, body: Closure) -> int:
    return _truths(running, _items(listed(running)), body).count(True)


def _one(arguments: list[Closure]) -> Closure:
    listed, body = arguments
    return lambda running: _count_where(running, listed, body) == 1


def _count(arguments: list[Closure]) -> Closure:
    listed, body = arguments[0], arguments[1] if len(arguments) > 1 else _itself
    return lambda running: _count_where(running, listed, body)


def _itself(running: Running) -> Value:
    return running.scopes[-1][0]


def _sum(arguments: list[Closure]) -> Closure:
    listed, body = arguments[0], arguments[1] if len(arguments) > 1 else _itself

    def total(running: Running) -> Value:
        result: Value = 0
        for _, _, found in _walk(running, _items(listed(running)), body):
            result = operate.add(running, found, result) if result != 0 else _plus_zero(found)
        return result

    return total


def _plus_zero(value: Value) -> Value:
    if operate.is_number(value) and not isinstance(value, float):
        return int(value)
    if isinstance(value, float):
        return value
    raise Fault(f"invalid operation: {go_type(value)} + int")


def _map(arguments: list[Closure]) -> Closure:
    listed, body = arguments

    def mapped(running: Running) -> Value:
        items = _items(listed(running))
        running.charge(len(items))
        return _results(running, items, body)

    return mapped


def _results(running: Running, items: list[object], body: Closure) -> list[object]:
    """Return the predicate's value for every item; `_walk` without its stops, and faster."""
    running.step(len(items))
    scope: list[Value] = [None, 0, None]
    found: list[object] = []
    running.scopes.append(scope)
    try:
        for scope[1], scope[0] in enumerate(items):
            found.append(body(running))
    finally:
        running.scopes.pop()
    return found


def _filter(arguments: list[Closure]) -> Closure:
    listed, body = arguments

    def filtered(running: Running) -> Value:
        items = _items(listed(running))
        found = _truths(running, items, body)
        kept = [item for item, wanted in zip(items, found, strict=True) if wanted]
        running.charge(len(kept))
        return kept

    return filtered


def _truths(running: Running, items: list[object], body: Closure) -> list[object]:
    """Return the predicate's value for every item, each of them a bool."""

    def checked(running: Running) -> Value:
        found = body(running)
        return found if found is True or found is False else operate.truth(found)

    return _results(running, items, checked)


def _finder(index_wanted: bool, backward: bool) -> Callable[[list[Closure]], Closure]:
    def make(arguments: list[Closure]) -> Closure:
        listed, body = arguments

        def find(running: Running) -> Value:
            items = _items(listed(running))
            for index, item, found in _walk(running, items, body, backward):
                if operate.truth(found):
                    return index if index_wanted else item
            return None

        return find

    return make


def _group_by(arguments: list[Closure]) -> Closure:
    listed, body = arguments

    def group(running: Running) -> Value:
        items = _items(listed(running))
        running.charge(len(items))
        groups = Groups()
        for _, item, found in _walk(running, items, body):
            if isinstance(found, (list, dict)):
                raise Fault(f"runtime error: hash of unhashable type {go_type(found)}")
            kept = groups.setdefault(found, [])
            if isinstance(kept, list):
                kept.append(item)
        return groups

    return group


def _order(running: Running, given: Closure | None) -> bool:
    """Return whether the order is descending."""
    order = given(running) if given else "asc"
    if order not in ("asc", "desc"):
        raise Fault("unknown order, use asc or desc")
    return order == "desc"


def by_size(left: Value, right: Value) -> int:
    """Compare two keys for sorting; raises Fault when they cannot be."""
    if operate.compare("<", left, right):
        return -1
    return 1 if operate.compare("<", right, left) else 0


def _sort_by(arguments: list[Closure]) -> Closure:
    listed, body = arguments[0], arguments[1]

    def sort(running: Running) -> Value:
        items = _items(listed(running))
        running.charge(len(items))
        keyed = [(found, index) for index, _, found in _walk(running, items, body)]
        descending = _order(running, arguments[2] if len(arguments) > 2 else None)
        key = cmp_to_key(by_size)
        keyed.sort(key=lambda pair: key(pair[0]), reverse=descending)
        return [items[index] for _, index in keyed]

    return sort


def _reduce(arguments: list[Closure]) -> Closure:
    listed, body = arguments[0], arguments[1]
    initial = arguments[2] if len(arguments) > 2 else None

    def reduce(running: Running) -> Value:
        items = _items(listed(running))
        if initial is None and not items:
            raise Fault("reduce of empty array with no initial value")
        result: Value = initial(running) if initial else items[0]
        for index in range(0 if initial else 1, len(items)):
            running.step()
            running.scopes.append([items[index], index, result])
            try:
                result = body(running)
            finally:
                running.scopes.pop()
        return result

    return reduce


PREDICATE_IMPLEMENTATIONS: Final[dict[str, Callable[[list[Closure]], Closure]]] = {
    "all": _all,
    "any": _any,
    "none": _none,
    "one": _one,
    "count": _count,
    "sum": _sum,
    "map": _map,
    "filter": _filter,
    "find": _finder(index_wanted=False, backward=False),
    "findLast": _finder(index_wanted=False, backward=True),
    "findIndex": _finder(index_wanted=True, backward=False),
    "findLastIndex": _finder(index_wanted=True, backward=True),
    "groupBy": _group_by,
    "sortBy": _sort_by,
    "reduce": _reduce,
}
"""Each takes the closures of the arguments and returns the closure of the call."""
