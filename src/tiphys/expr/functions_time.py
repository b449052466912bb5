"""Built-in functions on times. Source: expr-lang builtin; language.md 11.8 (Time)."""

from __future__ import annotations

from typing import Final

from tiphys.expr.civil import from_datetime, load_zone
from tiphys.expr.durations import parse_go_duration
from tiphys.expr.errors import DurationError, TimeError
from tiphys.expr.functions import Implementation, text
from tiphys.expr.gotime_parse import parse_time
from tiphys.expr.operate import conversion
from tiphys.expr.running import Fault, Running
from tiphys.expr.values import UTC, Duration, Time, Value, Zone

_LAYOUTS: Final = (
    "2006-01-02",
    "15:04:05",
    "2006-01-02 15:04:05",
    "2006-01-02T15:04:05Z07:00",
    "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 MST",
)


def _now(running: Running, arguments: list[Value]) -> Value:
    moment = from_datetime(running.context.now)
    zone = arguments[0] if arguments else running.context.local
    if not isinstance(zone, Zone):
        raise conversion(zone, "*time.Location")
    return Time(moment.ns, zone)


def _duration(_: Running, arguments: list[Value]) -> Value:
    try:
        return Duration(parse_go_duration(text(arguments[0])))
    except DurationError as error:
        raise Fault(error.message) from error


def zone_of(name: str) -> Zone:
    """Return a zone by name; raises Fault."""
    try:
        return load_zone(name)
    except TimeError as error:
        raise Fault(error.message) from error


def _date(_: Running, arguments: list[Value]) -> Value:
    zone = UTC
    if isinstance(arguments[0], Zone):
        zone, arguments = arguments[0], arguments[1:]
    if not arguments:
        raise Fault("runtime error: index out of range [0] with length 0")
    source = text(arguments[0])
    if len(arguments) > 2:
        zone = zone_of(text(arguments[2]))
    if len(arguments) > 1:
        try:
            return parse_time(text(arguments[1]), source, zone)
        except TimeError as error:
            raise Fault(error.message) from error
    for layout in _LAYOUTS:
        try:
            return parse_time(layout, source, zone)
        except TimeError:
            continue
    raise Fault(f"invalid date {source}")


TIMES: Final[dict[str, Implementation]] = {
    "now": _now,
    "duration": _duration,
    "date": _date,
    "timezone": lambda _, arguments: zone_of(text(arguments[0])),
}
