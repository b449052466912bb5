"""The methods of times, durations and versions in expressions.

Source: Go time.Time and time.Duration; language.md 11.8 (Time).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tiphys.expr.civil import SECOND, ZERO, add_date, civil, truncate
from tiphys.expr.durations import format_go_duration
from tiphys.expr.gotime import format_time, printed
from tiphys.expr.method_names import DURATION_METHODS, TIME_METHODS
from tiphys.expr.running import Fault, Running
from tiphys.expr.types import (
    Type,
    go_type,
)
from tiphys.expr.values import (
    UTC,
    Duration,
    Function,
    Int64,
    Month,
    NilPointer,
    Struct,
    Time,
    Value,
    Weekday,
    Zone,
)

_Base = TypeVar("_Base", Time, Duration)


def call_method(running: Running, base: Value, name: str, arguments: list[Value]) -> Value:
    """Return the result of `base.name(arguments)`; raises Fault."""
    if isinstance(base, NilPointer):
        raise Fault(f"value method time.Time.{name} called using nil *Time pointer")
    if isinstance(base, Time):
        return _dispatch(TIME_METHODS, _time_method, base, name, arguments)
    if isinstance(base, Duration):
        return _dispatch(DURATION_METHODS, _duration_method, base, name, arguments)
    if isinstance(base, Struct) and name in base.members:
        found = base.members[name]
        return _call_member(running, found, arguments)
    if isinstance(base, Zone) and name == "String":
        return base.name
    if isinstance(base, (Month, Weekday)) and name == "String":
        from tiphys.expr.render import go_print

        return go_print(base)
    if base is None:
        raise Fault(f"cannot fetch {name} from <nil>")
    raise Fault(f"cannot fetch {name} from {go_type(base)}")


def _call_member(running: Running, found: Value, arguments: list[Value]) -> Value:
    least = found.least if isinstance(found, Function) else 0
    if len(arguments) != least:
        raise Fault(f"invalid number of arguments: expected {least}, got {len(arguments)}")
    return found.call(running, arguments) if isinstance(found, Function) else found


def _dispatch(
    table: dict[str, tuple[int, Type]],
    method: Callable[[_Base, str, list[Value]], Value],
    base: _Base,
    name: str,
    arguments: list[Value],
) -> Value:
    known = table.get(name)
    if known is None:
        raise Fault(f"cannot fetch {name} from {go_type(base)}")
    if len(arguments) != known[0]:
        given = len(arguments)
        raise Fault(f"invalid number of arguments: expected {known[0]}, got {given}")
    return method(base, name, arguments)


def _duration_method(base: Duration, name: str, arguments: list[Value]) -> Value:
    ns = base.ns
    match name:
        case "Hours" | "Minutes" | "Seconds":
            return _fraction(ns, {"Hours": 3600, "Minutes": 60, "Seconds": 1}[name] * SECOND)
        case "Milliseconds":
            return Int64(_quotient(ns, 1_000_000))
        case "Microseconds":
            return Int64(_quotient(ns, 1_000))
        case "Nanoseconds":
            return Int64(ns)
        case "String":
            return format_go_duration(ns)
        case "Abs":
            return Duration(abs(ns))
        case _:
            unit = _duration(arguments[0]).ns
            if unit <= 0:
                return base
            whole = _quotient(ns, unit) * unit
            if name == "Round" and abs(ns - whole) * 2 >= unit:
                whole += unit if ns > 0 else -unit
            return Duration(whole)


def _fraction(ns: int, unit: int) -> float:
    """Return the quotient the way Go rounds it: whole part and rest apart."""
    whole = _quotient(ns, unit)
    return float(whole) + float(ns - whole * unit) / float(unit)


def _quotient(ns: int, unit: int) -> int:
    return ns // unit if ns >= 0 else -(-ns // unit)


def _duration(value: Value) -> Duration:
    if isinstance(value, Duration):
        return value
    if type(value) is int:
        return Duration(value)
    raise Fault(f"reflect: Call using {go_type(value)} as type time.Duration")


def _time(value: Value) -> Time:
    if isinstance(value, Time):
        return value
    raise Fault(f"reflect: Call using {go_type(value)} as type time.Time")


def _time_method(base: Time, name: str, arguments: list[Value]) -> Value:
    seen = civil(base)
    fields: dict[str, Value] = {
        "Year": seen.year,
        "Month": Month(seen.month),
        "Day": seen.day,
        "Hour": seen.hour,
        "Minute": seen.minute,
        "Second": seen.second,
        "Nanosecond": seen.nano,
        "Weekday": Weekday(seen.weekday),
        "YearDay": seen.yearday,
        "Unix": Int64(base.ns // SECOND),
        "UnixMilli": Int64(base.ns // 1_000_000),
        "UnixMicro": Int64(base.ns // 1_000),
        "UnixNano": Int64(base.ns),
        "String": printed(base),
        "UTC": Time(base.ns, UTC),
        "Local": base,
        "IsZero": base.ns == ZERO.ns,
    }
    return fields[name] if name in fields else _time_with(base, name, arguments)


def _time_with(base: Time, name: str, arguments: list[Value]) -> Value:
    first = arguments[0]
    if name == "Format":
        if not isinstance(first, str):
            raise Fault(f"reflect: Call using {go_type(first)} as type string")
        return format_time(base, first)
    if name == "In":
        if not isinstance(first, Zone):
            raise Fault(f"reflect: Call using {go_type(first)} as type *time.Location")
        return Time(base.ns, first)
    if name == "AddDate":
        if not all(type(part) is int for part in arguments):
            raise Fault("reflect: Call using a wrong type as type int")
        return add_date(base, *(part for part in arguments if isinstance(part, int)))
    if name in ("Add", "Truncate", "Round"):
        return _time_by(base, name, _duration(first))
    return _time_against(base, name, _time(first))


def _time_by(base: Time, name: str, unit: Duration) -> Time:
    if name == "Add":
        return Time(base.ns + unit.ns, base.zone)
    down = truncate(base, unit)
    if name == "Round" and (base.ns - down.ns) * 2 >= unit.ns > 0:
        return Time(down.ns + unit.ns, base.zone)
    return down


def _time_against(base: Time, name: str, other: Time) -> Value:
    answers: dict[str, Value] = {
        "Sub": Duration(base.ns - other.ns),
        "Before": base.ns < other.ns,
        "After": base.ns > other.ns,
        "Equal": base.ns == other.ns,
        "Compare": (base.ns > other.ns) - (base.ns < other.ns),
    }
    return answers[name]
