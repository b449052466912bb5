"""The closures of the commonest nodes, made for speed.

Each looks first for the plain case (a map with string keys, two numbers, two texts) and leaves all
else to `operate`. A Fault gets its place in the source here; closures of parts have placed their
own, so nothing is wrapped twice. Only `evaluate` builds these.
"""

from __future__ import annotations

import operator as python
from collections.abc import Callable
from typing import Final, TypeAlias

from tiphys.expr import operate
from tiphys.expr.errors import ExprRuntimeError
from tiphys.expr.lexer import runtime_fault
from tiphys.expr.running import Fault, Running
from tiphys.expr.values import Value

Closure: TypeAlias = Callable[[Running], Value]
Place: TypeAlias = tuple[str, int]
"""The source and an offset in it."""

_ORDERED: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": python.lt,
    "<=": python.le,
    ">": python.gt,
    ">=": python.ge,
}


def _placed(place: Place, fault: Fault) -> ExprRuntimeError:
    source, at = place
    return runtime_fault(source, fault.message, at)


def guarded(place: Place, run: Closure) -> Closure:
    """Return the closure with its faults placed."""

    def guard(running: Running) -> Value:
        try:
            return run(running)
        except Fault as fault:
            raise _placed(place, fault) from fault

    return guard


def path(source: str, name: str, keys: list[tuple[str, int]]) -> Closure:
    """Return the closure of `name.key.key`; each key has its offset in the source."""

    def walk(running: Running) -> Value:
        value = running.env.get(name)
        for key, at in keys:
            if type(value) is dict:
                value = value.get(key)
                continue
            try:
                value = operate.fetch(value, key)
            except Fault as fault:
                raise _placed((source, at), fault) from fault
        return value

    return walk


def item_member(place: Place, key: str) -> Closure:
    """Return the closure of `.key` and `#.key` in a predicate."""

    def member(running: Running) -> Value:
        found = running.scopes[-1][0]
        if type(found) is dict:
            return found.get(key)
        try:
            return operate.fetch(found, key)
        except Fault as fault:
            raise _placed(place, fault) from fault

    return member


def again(run: Closure) -> Closure:
    """Return the closure of a node that runs in a second place too, charged for."""

    def repeated(running: Running) -> Value:
        running.charge(1)
        return run(running)

    return repeated


def either_value(place: Place, condition: Closure, other: Closure) -> Closure:
    """Return the closure of `condition ?: other`."""

    def choose(running: Running) -> Value:
        found = condition(running)
        if found is True:
            return True
        if found is False:
            return other(running)
        raise _no_bool(place, found)

    return choose


def member(place: Place, base: Closure, key: Closure) -> Closure:
    """Return the closure of `base[key]`."""

    def fetch(running: Running) -> Value:
        found, wanted = base(running), key(running)
        try:
            return operate.fetch(found, wanted)
        except Fault as fault:
            raise _placed(place, fault) from fault

    return fetch


def equality(place: Place, left: Closure, right: Closure, wanted: bool) -> Closure:
    """Return the closure of `==`, or of `!=` when nothing equal is wanted."""

    def compare(running: Running) -> Value:
        first, second = left(running), right(running)
        kind = type(first)
        if kind is type(second) and (kind is str or kind is int):
            running.read(first)
            return (first == second) is wanted
        return operate.equal(running, first, second) is wanted

    return guarded(place, compare)


def equality_with(left: Closure, constant: str | int, wanted: bool) -> Closure:
    """Return the closure of a comparison with a literal text or whole number."""
    kind = type(constant)

    def compare(running: Running) -> Value:
        found = left(running)
        if type(found) is kind:
            return (found == constant) is wanted
        return operate.equal(running, found, constant) is wanted

    return compare


def ordering(place: Place, operator: str, left: Closure, right: Closure) -> Closure:
    """Return the closure of `<`, `<=`, `>` or `>=`."""
    ordered = _ORDERED[operator]

    def compare(running: Running) -> Value:
        first, second = left(running), right(running)
        if type(first) is int and type(second) is int:
            return ordered(first, second)
        try:
            return operate.compare(operator, first, second)
        except Fault as fault:
            raise _placed(place, fault) from fault

    return compare


def both(place: Place, left: Closure, right: Closure) -> Closure:
    """Return the closure of `and`."""

    def conjunction(running: Running) -> Value:
        first = left(running)
        if first is False:
            return False
        second = right(running) if first is True else None
        if second is True or second is False:
            return second
        raise _no_bool(place, second if first is True else first)

    return conjunction


def either(place: Place, left: Closure, right: Closure) -> Closure:
    """Return the closure of `or`."""

    def disjunction(running: Running) -> Value:
        first = left(running)
        if first is True:
            return True
        second = right(running) if first is False else None
        if second is True or second is False:
            return second
        raise _no_bool(place, second if first is False else first)

    return disjunction


def _no_bool(place: Place, value: Value) -> ExprRuntimeError:
    return _placed(place, operate.conversion(value, "bool"))


def calculation(
    place: Place, operation: operate.Operation, left: Closure, right: Closure
) -> Closure:
    """Return the closure of an arithmetic operator."""

    def calculate(running: Running) -> Value:
        first, second = left(running), right(running)
        try:
            return operation(running, first, second)
        except Fault as fault:
            raise _placed(place, fault) from fault

    return calculate


def calculations(first: Closure, steps: list[tuple[Place, operate.Operation, Closure]]) -> Closure:
    """Return the closure of arithmetic operators in a row, from left to right."""

    def calculate(running: Running) -> Value:
        value = first(running)
        for place, operation, right in steps:
            second = right(running)
            try:
                value = operation(running, value, second)
            except Fault as fault:
                raise _placed(place, fault) from fault
        return value

    return calculate


def decisions(first: Closure, steps: list[tuple[Place, Closure]], decided: bool) -> Closure:
    """Return the closure of `or` (`decided` by True) or `and` (by False) in a row."""

    def decide(running: Running) -> Value:
        value = first(running)
        for place, right in steps:
            if _bool(place, value) is decided:
                return value
            value = _bool(place, right(running))
        return value

    return decide


def _bool(place: Place, value: Value) -> Value:
    if value is True or value is False:
        return value
    raise _no_bool(place, value)


def call(
    place: Place,
    function: Callable[[Running, list[Value]], Value],
    arguments: list[Closure],
) -> Closure:
    """Return the closure of a call of a built-in function."""

    def run(running: Running) -> Value:
        values = [argument(running) for argument in arguments]
        try:
            for value in values:
                running.read(value)
            return running.made(function(running, values))
        except Fault as fault:
            raise _placed(place, fault) from fault

    return run
