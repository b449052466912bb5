"""Built-in functions on lists and maps. Source: expr-lang builtin/lib.go; language.md 11.8."""

from __future__ import annotations

from functools import cmp_to_key
from typing import Final

from tiphys.expr import operate
from tiphys.expr.functions import Implementation, listed, mapped, text
from tiphys.expr.predicates import by_size
from tiphys.expr.running import Fault, Running
from tiphys.expr.types import go_type
from tiphys.expr.values import AnyMap, Struct, TypedList, Value


def _len(_: Running, arguments: list[Value]) -> Value:
    value = arguments[0]
    if isinstance(value, str):
        return len(value)
    if isinstance(value, (list, dict, bytes)):
        return len(value)
    raise Fault(f"invalid argument for len (type {go_type(value)})")


def _first(_: Running, arguments: list[Value]) -> Value:
    items = listed(arguments[0], "get first element from")
    return items[0] if items else None


def _last(_: Running, arguments: list[Value]) -> Value:
    items = listed(arguments[0], "get last element from")
    return items[-1] if items else None


def _get(_: Running, arguments: list[Value]) -> Value:
    base, key = arguments
    if base is None:
        return None
    if isinstance(base, (list, bytes)):
        index = operate.to_int(key)
        return operate.fetch(base, index) if -len(base) <= index < len(base) else None
    if isinstance(base, dict):
        return operate.fetch(base, key)
    if isinstance(base, Struct):
        return base.members.get(str(key))
    raise Fault(f"type {go_type(base)} does not support indexing")


def _take(_: Running, arguments: list[Value]) -> Value:
    items = listed(arguments[0], "take from")
    count = operate.to_int(arguments[1])
    if count < 0:
        raise Fault("reflect.Value.Slice: slice index out of bounds")
    return items[:count]


def _keys(running: Running, arguments: list[Value]) -> Value:
    found = mapped(arguments[0], "get keys from {}")
    running.charge(len(found))
    return list(found)


def _values(running: Running, arguments: list[Value]) -> Value:
    found = mapped(arguments[0], "get values from {}")
    running.charge(len(found))
    return list(found.values())


def _to_pairs(running: Running, arguments: list[Value]) -> Value:
    found = mapped(arguments[0], "transform {} to pairs")
    running.charge(len(found))
    return TypedList(
        [TypedList([*pair], "interface {}") for pair in found.items()], "[2]interface {}"
    )


def _from_pairs(running: Running, arguments: list[Value]) -> Value:
    items = listed(arguments[0], "transform from pairs")
    running.charge(len(items))
    made = AnyMap()
    for pair in items:
        if not isinstance(pair, list) or len(pair) != 2:
            from tiphys.expr.render import go_print

            raise Fault(f"invalid pair {go_print(pair)}")
        if isinstance(pair[0], (list, dict)):
            raise Fault(f"runtime error: hash of unhashable type {go_type(pair[0])}")
        made[pair[0]] = pair[1]
    return made


def _reverse(running: Running, arguments: list[Value]) -> Value:
    items = listed(arguments[0], "reverse")
    running.charge(len(items))
    return items[::-1]


def _uniq(running: Running, arguments: list[Value]) -> Value:
    kept: list[object] = []
    for item in listed(arguments[0], "uniq"):
        for known in kept:
            running.step()
            if operate.equal(item, known):
                break
        else:
            kept.append(item)
    running.charge(len(kept))
    return kept


def _concat(running: Running, arguments: list[Value]) -> Value:
    made: list[object] = []
    for argument in arguments:
        items = listed(argument, "concat")
        running.charge(len(items))
        made.extend(items)
    return made or TypedList([], "interface {}", nil=True)


def _flatten(running: Running, arguments: list[Value]) -> Value:
    made: list[object] = []
    waiting = [iter(listed(arguments[0], "flatten"))]
    while waiting:
        for item in waiting[-1]:
            if isinstance(item, list):
                waiting.append(iter(item))
                break
            running.charge(1)
            made.append(item)
        else:
            waiting.pop()
    return made or TypedList([], "interface {}", nil=True)


def _sort(running: Running, arguments: list[Value]) -> Value:
    items = listed(arguments[0], "sort")
    order = text(arguments[1]) if len(arguments) > 1 else "asc"
    if order not in ("asc", "desc"):
        raise Fault(f"invalid order {order}, expected asc or desc")
    running.charge(len(items))
    return sorted(items, key=cmp_to_key(by_size), reverse=order == "desc")


def _join(running: Running, arguments: list[Value]) -> Value:
    glue = text(arguments[1]) if len(arguments) > 1 else ""
    parts = [text(item) for item in listed(arguments[0], "join")]
    if sum(map(len, parts)) + len(glue) * len(parts) > 1 << 24:
        raise Fault("memory budget exceeded")
    return running.text(glue.join(parts))


LISTS: Final[dict[str, Implementation]] = {
    "len": _len,
    "first": _first,
    "last": _last,
    "get": _get,
    "take": _take,
    "keys": _keys,
    "values": _values,
    "toPairs": _to_pairs,
    "fromPairs": _from_pairs,
    "reverse": _reverse,
    "uniq": _uniq,
    "concat": _concat,
    "flatten": _flatten,
    "sort": _sort,
    "join": _join,
}
