"""What the operators of expressions do to values at run time.

Everything raises Fault; the caller adds the place in the source.
Source: expr-lang vm/runtime; language.md 11.3, 11.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, TypeGuard

from tiphys.expr.errors import RegexError
from tiphys.expr.goregex import compile_regex
from tiphys.expr.gotext import from_bytes, to_bytes
from tiphys.expr.numbers import go_divide, truncate64, wrap64
from tiphys.expr.running import Fault, Running
from tiphys.expr.types import go_type
from tiphys.expr.values import (
    Duration,
    Month,
    NilPointer,
    Struct,
    Time,
    TypedList,
    TypedMap,
    Uint8,
    Value,
    Weekday,
)

Operation = Callable[[Running, Value, Value], Value]
_NAMED: Final = (Month, Weekday)


def is_int(value: Value) -> TypeGuard[int]:
    """Return whether the value is an integer of a plain Go kind."""
    return isinstance(value, int) and not isinstance(value, (bool, *_NAMED))


def is_number(value: Value) -> TypeGuard[int | float]:
    """Return whether the value is a plain Go number."""
    return isinstance(value, float) or is_int(value)


def is_nil(value: Value) -> bool:
    """Return whether the value is nil or a typed nil pointer."""
    return value is None or isinstance(value, NilPointer)


def _mismatch(operator: str, left: Value, right: Value) -> Fault:
    return Fault(f"invalid operation: {go_type(left)} {operator} {go_type(right)}")


def add(running: Running, left: Value, right: Value) -> Value:
    """`+`: numbers, strings, times and durations."""
    if isinstance(left, str) and isinstance(right, str):
        return running.text(left + right)
    if is_number(left) and is_number(right):
        return _number(left + right)
    if isinstance(left, Time) and isinstance(right, Duration):
        return Time(left.ns + right.ns, left.zone)
    if isinstance(left, Duration) and isinstance(right, Time):
        return Time(left.ns + right.ns, right.zone)
    if isinstance(left, Duration) and isinstance(right, Duration):
        return Duration(wrap64(left.ns + right.ns))
    raise _mismatch("+", left, right)


def _number(result: int | float) -> Value:
    return wrap64(result) if isinstance(result, int) else result


def subtract(_: Running, left: Value, right: Value) -> Value:
    """`-`: numbers, times and durations."""
    if is_number(left) and is_number(right):
        return _number(left - right)
    if isinstance(left, Time) and isinstance(right, Time):
        return Duration(min(max(left.ns - right.ns, -(1 << 63)), (1 << 63) - 1))
    if isinstance(left, Time) and isinstance(right, Duration):
        return Time(left.ns - right.ns, left.zone)
    if isinstance(left, Duration) and isinstance(right, Duration):
        return Duration(wrap64(left.ns - right.ns))
    raise _mismatch("-", left, right)


def multiply(_: Running, left: Value, right: Value) -> Value:
    """`*`: numbers, and a duration with a number."""
    if is_number(left) and is_number(right):
        return _number(left * right)
    if isinstance(left, Duration) and is_number(right):
        return _scaled(left, right)
    if isinstance(right, Duration) and is_number(left):
        return _scaled(right, left)
    if isinstance(left, Duration) and isinstance(right, Duration):
        return Duration(wrap64(left.ns * right.ns))
    raise _mismatch("*", left, right)


def _scaled(duration: Duration, factor: int | float) -> Duration:
    if isinstance(factor, float):
        return Duration(truncate64(float(duration.ns) * factor))
    return Duration(wrap64(duration.ns * factor))


def divide(_: Running, left: Value, right: Value) -> Value:
    """`/`: always a float."""
    if is_number(left) and is_number(right):
        return go_divide(float(left), float(right))
    raise _mismatch("/", left, right)


def modulo(_: Running, left: Value, right: Value) -> Value:
    """`%`: integers, with the sign of the dividend."""
    if not (type(left) is type(right) is int or (is_int(left) and is_int(right))):
        raise _mismatch("%", left, right)
    if right == 0:
        raise Fault("runtime error: integer divide by zero")
    result = abs(left) % abs(right)
    return -result if left < 0 else result


def power(_: Running, left: Value, right: Value) -> Value:
    """`**`: always a float."""
    base, exponent = to_float(left), to_float(right)
    try:
        return math.pow(base, exponent)
    except OverflowError:
        odd = exponent == math.floor(exponent) and exponent % 2 == 1
        return -math.inf if base < 0 and odd else math.inf
    except ValueError:
        return math.inf if base == 0 else math.nan


def to_float(value: Value) -> float:
    """Return a number as a float."""
    if is_number(value):
        return float(value)
    raise Fault(f"invalid operation: float({go_type(value)})")


def to_int(value: Value) -> int:
    """Return a number as an int, truncated."""
    if isinstance(value, float):
        return truncate64(value)
    if is_int(value):
        return int(value)
    raise Fault(f"invalid operation: int({go_type(value)})")


def span(running: Running, left: Value, right: Value) -> Value:
    """`..`: the whole numbers from left to right, both included."""
    low, high = to_int(left), to_int(right)
    running.charge(max(high - low + 1, 0))
    return TypedList(list(range(low, high + 1)), "int")


_PAIR: Final = 2
"""What a comparison of two lists or maps costs beside that of their elements, in steps."""


def equal(running: Running, left: Value, right: Value) -> bool:
    """`==`: numbers by value, lists by element, everything else strictly.

    Charged for by what is looked at; raises Fault beyond the limit.
    """
    if is_number(left) and is_number(right):
        return _numbers_equal(left, right)
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            return False
        running.step(_PAIR + len(left))
        return all(equal(running, *pair) for pair in zip(left, right, strict=True))
    if is_nil(left) or is_nil(right):
        return is_nil(left) and is_nil(right)
    if isinstance(left, Time) and isinstance(right, Time):
        return left.ns == right.ns
    return same(running, left, right)


def _numbers_equal(left: int | float, right: int | float) -> bool:
    if isinstance(left, float) or isinstance(right, float):
        return float(left) == float(right)
    return left == right


def same(running: Running, left: Value, right: Value) -> bool:
    """Return Go's reflect.DeepEqual: same type, same content; charged for as `equal`."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            return False
        running.step(_PAIR + len(left))
        return all(same(running, *pair) for pair in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        running.step(_PAIR + len(left))
        return left.keys() == right.keys() and all(
            same(running, left[key], right[key]) for key in left
        )
    running.read(left)
    return left == right


def compare(operator: str, left: Value, right: Value) -> bool:
    """`<`, `<=`, `>`, `>=`."""
    if is_number(left) and is_number(right):
        if isinstance(left, float) or isinstance(right, float):
            return _ordered(operator, float(left), float(right))
        return _ordered(operator, left, right)
    if isinstance(left, str) and isinstance(right, str):
        return _ordered(operator, left, right)
    if isinstance(left, Time) and isinstance(right, Time):
        return _ordered(operator, left.ns, right.ns)
    if isinstance(left, Duration) and isinstance(right, Duration):
        return _ordered(operator, left.ns, right.ns)
    raise _mismatch(operator, left, right)


def _ordered(operator: str, left: Value, right: Value) -> bool:
    if operator == "<":
        return bool(left < right)  # type: ignore[operator]  # compare checked the kinds
    if operator == "<=":
        return bool(left <= right)  # type: ignore[operator]  # compare checked the kinds
    if operator == ">":
        return bool(left > right)  # type: ignore[operator]  # compare checked the kinds
    return bool(left >= right)  # type: ignore[operator]  # compare checked the kinds


def contained(running: Running, needle: Value, haystack: Value) -> bool:
    """`in`: an element of a list, a key of a map, a field of a struct."""
    if is_nil(haystack):
        return False
    if isinstance(haystack, (list, bytes)):
        running.step(len(haystack) >> 4)
        return any(equal(running, item, needle) for item in haystack)
    if isinstance(haystack, dict):
        return isinstance(needle, (str, int, float)) and needle in haystack
    if isinstance(haystack, Struct):
        return needle in haystack.members if isinstance(needle, str) else False
    raise Fault(f'operator "in" not defined on {go_type(haystack)}')


def text_test(running: Running, operator: str, left: Value, right: Value) -> bool:
    """`contains`, `startsWith`, `endsWith`, `matches`; false when either side is nil."""
    if is_nil(left) or is_nil(right):
        return False
    for value in (left, right):
        if not isinstance(value, str):
            raise conversion(value, "string")
    running.read(left)
    text, other = str(left), str(right)
    if operator == "contains":
        return other in text
    if operator == "matches":
        return matches(text, other)
    return text.startswith(other) if operator == "startsWith" else text.endswith(other)


def matches(text: str, pattern: str) -> bool:
    """Return whether the pattern occurs in the text."""
    try:
        return compile_regex(pattern).matches(text)
    except RegexError as error:
        raise Fault(error.message) from error


def conversion(value: Value, wanted: str) -> Fault:
    """Return Go's failed type assertion."""
    found = "nil" if value is None else go_type(value)
    return Fault(f"interface conversion: interface {{}} is {found}, not {wanted}")


def truth(value: Value) -> bool:
    """Return a bool; anything else is a Fault."""
    if isinstance(value, bool):
        return value
    raise conversion(value, "bool")


def negative(value: Value) -> Value:
    """Unary `-`."""
    if is_number(value):
        return _number(-value)
    raise Fault(f"invalid operation: - {go_type(value)}")


def fetch(base: Value, key: Value) -> Value:
    """`x.k` and `x[k]`; a missing key of a map is nil."""
    if isinstance(base, dict):
        if isinstance(key, (str, int, float)):
            missing = base.zero if isinstance(base, TypedMap) else None
            return base.get(key, missing)
        return None
    if isinstance(base, (list, bytes, str)):
        return _element(base, key)
    if isinstance(base, Struct) and key in base.members:
        return base.members[str(key)]
    raise Fault(f"cannot fetch {_shown(key)} from {go_type(base)}")


def _shown(key: Value) -> str:
    return str(key) if isinstance(key, (str, int, float)) else go_type(key)


def _element(base: list[object] | bytes | str, key: Value) -> Value:
    if isinstance(key, str) and not isinstance(base, (list, bytes)):
        raise Fault(f"cannot fetch {key} from string")
    index = to_int(key)
    items = to_bytes(base) if isinstance(base, str) else base
    if index < 0:
        index += len(items)
    if not 0 <= index < len(items):
        raise Fault(f"index out of range: {index} (array length is {len(items)})")
    found = items[index]
    return Uint8(found) if isinstance(items, bytes) and isinstance(found, int) else found


def cut(base: Value, start: Value, stop: Value) -> Value:
    """`x[a:b]`: negative bounds count from the end, all are clamped; nil is one left out."""
    if not isinstance(base, (list, bytes, str)):
        raise Fault(f"cannot slice {go_type(base)}")
    items = to_bytes(base) if isinstance(base, str) else base
    size = len(items)
    low = 0 if start is None else to_int(start)
    high = size if stop is None else to_int(stop)
    low = min(max(low + size, 0) if low < 0 else low, size)
    high = min(max(high + size, 0) if high < 0 else high, size)
    part = items[min(low, high) : high]
    return from_bytes(part) if isinstance(base, str) and isinstance(part, bytes) else part
