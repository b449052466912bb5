"""The sprig functions on numbers. Source: sprig numeric.go, spf13/cast; language.md 12.2."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from functools import reduce
from typing import Final

from tiphys.expr.functions import text, whole
from tiphys.expr.functions_numbers import parse_float
from tiphys.expr.numbers import go_divide, go_float, truncate64, wrap64
from tiphys.expr.operate import is_number
from tiphys.expr.running import Fault, Running
from tiphys.expr.sprig_base import Implementation, Table, string_of
from tiphys.expr.values import Int64, TypedList, Value

_LIMIT: Final = 1 << 63
_PREFIXED: Final = re.compile(
    r"[+-]?(?:0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0(?:_?[0-7])*"
    r"|[1-9](?:_?[0-9])*)\Z",
    re.ASCII,
)
_DECIMAL: Final = re.compile(r"([+-]?[0-9]+)\.[0-9]*\Z", re.ASCII)
_DIGITS: Final = re.compile(r"[+-]?[0-9]+\Z", re.ASCII)


def _base(digits: str) -> int:
    prefix = digits[:2].lower()
    if prefix in ("0x", "0b", "0o"):
        return {"0x": 16, "0b": 2, "0o": 8}[prefix]
    return 8 if digits.startswith("0") and len(digits) > 1 else 10


def cast_int(value: Value) -> int:
    """Return sprig's reading of any value as an int; what cannot be read is 0."""
    if isinstance(value, str):
        return _cast_text(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return truncate64(value)
    return int(value) if is_number(value) else 0


def _cast_text(value: str) -> int:
    fraction = _DECIMAL.match(value)
    if fraction is not None:
        value = fraction[1]
    if len(value) > 100 or not _PREFIXED.match(value):
        return 0
    sign = -1 if value.startswith("-") else 1
    digits = value.lstrip("+-").replace("_", "")
    base = _base(digits)
    body = digits[2:] if digits[:2].lower() in ("0x", "0b", "0o") else digits
    number = sign * int(body, base)
    return number if -_LIMIT <= number < _LIMIT else 0


def cast_float(value: Value) -> float:
    """Return sprig's reading of any value as a float; what cannot be read is 0."""
    if isinstance(value, str):
        return parse_float(value) or 0.0
    if isinstance(value, bool):
        return float(value)
    return float(value) if is_number(value) else 0.0


def _atoi(_: Running, arguments: list[Value]) -> Value:
    value = text(arguments[0])
    if not _DIGITS.match(value) or len(value) > 4000:
        return 0
    return min(max(int(value), -_LIMIT), _LIMIT - 1)


def _fold(combine: Callable[[int, int], int]) -> Implementation:
    def run(_: Running, arguments: list[Value]) -> Value:
        return Int64(reduce(combine, map(cast_int, arguments)))

    return run


def _add(_: Running, arguments: list[Value]) -> Value:
    return Int64(wrap64(sum(map(cast_int, arguments))))


def _quotient(left: int, right: int) -> int:
    if right == 0:
        raise Fault("runtime error: integer divide by zero")
    size = abs(left) // abs(right)
    return wrap64(size if (left < 0) == (right < 0) else -size)


def _remainder(left: int, right: int) -> int:
    return left - _quotient(left, right) * right


def _decimal(value: Value) -> Decimal:
    return Decimal(repr(cast_float(value)))


def _decimals(combine: Callable[[Decimal, Decimal], Decimal]) -> Implementation:
    def run(_: Running, arguments: list[Value]) -> Value:
        numbers = [cast_float(item) for item in arguments]
        if not numbers:
            return 0.0
        if any(math.isnan(item) or math.isinf(item) for item in numbers):
            raise Fault(f"Cannot create a Decimal from {go_float(numbers[0])}")
        with localcontext(Context(prec=400)):
            return float(reduce(combine, (Decimal(repr(item)) for item in numbers)))

    return run


def _divide(left: Decimal, right: Decimal) -> Decimal:
    if right == 0:
        raise Fault("decimal division by 0")
    return (left / right).quantize(Decimal(1).scaleb(-16), rounding=ROUND_HALF_UP)


def _extreme(choose: Callable[[list[int]], int]) -> Implementation:
    return lambda _, arguments: Int64(choose([cast_int(item) for item in arguments]))


def _extreme_float(choose: Callable[[list[float]], float]) -> Implementation:
    return lambda _, arguments: choose([cast_float(item) for item in arguments])


def _whole_part(function: Callable[[float], int]) -> Implementation:
    def run(_: Running, arguments: list[Value]) -> Value:
        number = cast_float(arguments[0])
        special = math.isnan(number) or math.isinf(number)
        return number if special else float(function(number))

    return run


def _round(_: Running, arguments: list[Value]) -> Value:
    value, places = cast_float(arguments[0]), whole(arguments[1])
    threshold = arguments[2] if len(arguments) > 2 else 0.5
    if not -300 <= places <= 300:
        raise Fault("round: too many places")
    power = math.pow(10, places)
    digits = power * value
    if math.isnan(digits) or math.isinf(digits):
        return digits
    part = math.modf(digits)[0]
    up = isinstance(threshold, float) and part >= threshold
    return go_divide(float(math.ceil(digits) if up else math.floor(digits)), power)


def _steps(running: Running, start: int, stop: int, step: int) -> list[int]:
    if (stop < start and step >= 0) or (stop >= start and step <= 0):
        return []
    found = range(start, stop, step)
    running.charge(len(found))
    return list(found)


def _ints(items: list[int]) -> TypedList:
    return TypedList([*items], "int")


def _until(running: Running, arguments: list[Value]) -> Value:
    count = whole(arguments[0])
    return _ints(_steps(running, 0, count, -1 if count < 0 else 1))


def _until_step(running: Running, arguments: list[Value]) -> Value:
    start, stop, step = (whole(item) for item in arguments)
    return _ints(_steps(running, start, stop, step))


def _seq(running: Running, arguments: list[Value]) -> Value:
    given = [whole(item) for item in arguments]
    if not 1 <= len(given) <= 3:
        return ""
    start = given[0] if len(given) > 1 else 1
    end = given[-1]
    direction = -1 if end < start else 1
    step = given[1] if len(given) == 3 else direction
    if direction < 0 < step:
        return ""
    return " ".join(map(str, _steps(running, start, end + direction, step)))


def _to_decimal(running: Running, arguments: list[Value]) -> Value:
    value = string_of(running, arguments[0])
    if not re.match(r"[+-]?[0-7]{1,22}\Z", value):
        return Int64(0)
    number = int(value, 8)
    return Int64(number if -_LIMIT <= number < _LIMIT else 0)


def _rand_int(running: Running, arguments: list[Value]) -> Value:
    low, high = whole(arguments[0]), whole(arguments[1])
    if high <= low:
        raise Fault("invalid argument to Intn")
    return low + running.below(high - low)


def _subtract(left: int, right: int) -> int:
    return wrap64(left - right)


def _multiply(left: int, right: int) -> int:
    return wrap64(left * right)


NUMBERS: Final[Table] = {
    "int": ("a", lambda _, a: cast_int(a[0])),
    "int64": ("a", lambda _, a: Int64(cast_int(a[0]))),
    "float64": ("a", lambda _, a: cast_float(a[0])),
    "atoi": ("s", _atoi),
    "toDecimal": ("a", _to_decimal),
    "add": ("a*", _add),
    "add1": ("a", lambda _, a: Int64(wrap64(cast_int(a[0]) + 1))),
    "sub": ("aa", _fold(_subtract)),
    "mul": ("aa*", _fold(_multiply)),
    "div": ("aa", _fold(_quotient)),
    "mod": ("aa", _fold(_remainder)),
    "addf": ("a*", _decimals(lambda left, right: left + right)),
    "add1f": ("a", lambda _, a: float(_decimal(a[0]) + 1)),
    "subf": ("aa*", _decimals(lambda left, right: left - right)),
    "mulf": ("aa*", _decimals(lambda left, right: left * right)),
    "divf": ("aa*", _decimals(_divide)),
    "max": ("aa*", _extreme(max)),
    "biggest": ("aa*", _extreme(max)),
    "min": ("aa*", _extreme(min)),
    "maxf": ("aa*", _extreme_float(max)),
    "minf": ("aa*", _extreme_float(min)),
    "ceil": ("a", _whole_part(math.ceil)),
    "floor": ("a", _whole_part(math.floor)),
    "round": ("aif*", _round),
    "until": ("i", _until),
    "untilStep": ("iii", _until_step),
    "seq": ("i*", _seq),
    "randInt": ("ii", _rand_int),
}
