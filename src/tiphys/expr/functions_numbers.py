"""Built-in functions on numbers and bits. Source: expr-lang builtin; language.md 11.8."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final

from tiphys.expr import operate
from tiphys.expr.functions import Implementation, whole
from tiphys.expr.numbers import truncate64, wrap64
from tiphys.expr.running import Fault, Running
from tiphys.expr.types import go_type
from tiphys.expr.values import Value

_INTEGER: Final = re.compile(r"[+-]?[0-9]+\Z", re.ASCII)
_DECIMAL: Final = re.compile(
    r"[+-]?(?:[0-9]+(?:_[0-9]+)*\.?(?:[0-9]+(?:_[0-9]+)*)?|\.[0-9]+(?:_[0-9]+)*)"
    r"(?:[eE][+-]?[0-9]+)?\Z",
    re.ASCII,
)
_HEXADECIMAL: Final = re.compile(
    r"([+-]?)0[xX]_?([0-9a-fA-F_]*)(?:\.([0-9a-fA-F_]*))?[pP]([+-]?[0-9]+)\Z", re.ASCII
)
_SPECIAL: Final = re.compile(r"[+-]?(?:inf(?:inity)?)\Z|nan\Z", re.IGNORECASE | re.ASCII)
_LONGEST: Final = 4000


def parse_integer(text: str) -> int | None:
    """Return what Go's strconv.Atoi reads, None for what it refuses."""
    if not _INTEGER.match(text) or len(text) > _LONGEST:
        return None
    value = int(text)
    return value if -(1 << 63) <= value < 1 << 63 else None


def parse_float(text: str) -> float | None:
    """Return what Go's strconv.ParseFloat reads, None for what it refuses."""
    if len(text) > _LONGEST:
        return None
    if _SPECIAL.match(text):
        return float(text)
    hexadecimal = _HEXADECIMAL.match(text)
    if hexadecimal is not None:
        try:
            return float.fromhex(text.replace("_", ""))
        except (ValueError, OverflowError):
            return None
    if not _DECIMAL.match(text) or ("_" in text and not text.replace("_", "")):
        return None
    value = float(text.replace("_", ""))
    return None if math.isinf(value) else value


def to_int(value: Value) -> int:
    """Return `int(x)`; raises Fault. Source: expr-lang builtin/lib.go Int."""
    if isinstance(value, str):
        found = parse_integer(value)
        if found is None:
            raise Fault(f"invalid operation: int({value})")
        return found
    if isinstance(value, float):
        return truncate64(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    raise Fault(f"invalid argument for int (type {go_type(value)})")


def to_float(value: Value) -> float:
    """Return `float(x)`; raises Fault."""
    if isinstance(value, str):
        found = parse_float(value)
        if found is None:
            raise Fault(f"invalid operation: float({value})")
        return found
    if operate.is_number(value):
        return float(value)
    raise Fault(f"invalid argument for float (type {go_type(value)})")


def _abs(_: Running, arguments: list[Value]) -> Value:
    value = arguments[0]
    if isinstance(value, float):
        return abs(value)
    if operate.is_int(value):
        return wrap64(abs(value))
    raise Fault(f"invalid argument for abs (type {go_type(value)})")


def round_half_away(value: float) -> float:
    """Return the nearest whole number, halves away from zero, as a float."""
    if math.isnan(value) or math.isinf(value) or abs(value) >= 2.0**52:
        return value
    return math.copysign(math.floor(abs(value) + 0.5), value)


def _rounding(name: str, function: Callable[[float], float]) -> Implementation:
    def run(_: Running, arguments: list[Value]) -> Value:
        value = arguments[0]
        if not operate.is_number(value):
            raise Fault(f"invalid argument for {name} (type {go_type(value)})")
        number = float(value)
        special = math.isnan(number) or math.isinf(number)
        return number if special else math.copysign(float(function(number)), number)

    return run


def _flat(running: Running, name: str, arguments: list[Value]) -> list[float]:
    running.step(len(arguments))
    found: list[float] = []
    for argument in arguments:
        if isinstance(argument, list):
            found.extend(_flat(running, name, argument))
        elif operate.is_number(argument):
            found.append(argument)
        else:
            raise Fault(f"invalid argument for {name} (type {go_type(argument)})")
    return found


def _max(running: Running, arguments: list[Value]) -> Value:
    found = _flat(running, "max", arguments)
    result: Value = found[0] if found else None
    for item in found[1:]:
        if operate.compare("<", result, item):
            result = item
    return result


def _min(running: Running, arguments: list[Value]) -> Value:
    found = _flat(running, "min", arguments)
    result: Value = found[0] if found else None
    for item in found[1:]:
        if operate.compare(">", result, item):
            result = item
    return result


def _mean(running: Running, arguments: list[Value]) -> Value:
    found = _flat(running, "mean", arguments)
    return sum(map(float, found)) / len(found) if found else 0.0


def _median(running: Running, arguments: list[Value]) -> Value:
    found = sorted(map(float, _flat(running, "median", arguments)))
    if not found:
        return 0.0
    middle = len(found) // 2
    return found[middle] if len(found) % 2 else (found[middle - 1] + found[middle]) / 2


def _bits(name: str) -> Implementation:
    def run(_: Running, arguments: list[Value]) -> Value:
        left = whole(arguments[0])
        if name == "bitnot":
            return ~left
        right = whole(arguments[1])
        simple = {
            "and": left & right,
            "or": left | right,
            "xor": left ^ right,
            "nand": left & ~right,
        }
        found = simple.get(name[3:])
        return _shift(name, left, right) if found is None else found

    return run


def _shift(name: str, left: int, right: int) -> int:
    if right < 0:
        raise Fault(f"invalid operation: negative shift count {right} (type int)")
    amount = min(right, 64)
    if name == "bitshl":
        return wrap64(left << amount)
    if name == "bitshr":
        return left >> amount
    return wrap64((left % (1 << 64)) >> amount)


NUMBERS: Final[dict[str, Implementation]] = {
    "abs": _abs,
    "ceil": _rounding("ceil", math.ceil),
    "floor": _rounding("floor", math.floor),
    "round": _rounding("round", round_half_away),
    "max": _max,
    "min": _min,
    "mean": _mean,
    "median": _median,
    "int": lambda _, arguments: to_int(arguments[0]),
    "float": lambda _, arguments: to_float(arguments[0]),
    **{
        f"bit{name}": _bits(f"bit{name}")
        for name in ("and", "or", "xor", "nand", "not", "shl", "shr", "ushr")
    },
}
