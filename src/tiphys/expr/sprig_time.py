"""The sprig functions on dates. Source: sprig date.go; language.md 12.7."""

from __future__ import annotations

from typing import Final

from tiphys.expr.civil import SECOND, ZERO, from_datetime, load_zone
from tiphys.expr.durations import format_go_duration, parse_go_duration
from tiphys.expr.errors import DurationError, TimeError
from tiphys.expr.functions import text
from tiphys.expr.functions_numbers import parse_integer
from tiphys.expr.gotime import format_time
from tiphys.expr.gotime_parse import parse_time
from tiphys.expr.numbers import wrap64
from tiphys.expr.running import Fault, Running
from tiphys.expr.sprig_base import Implementation, Table
from tiphys.expr.values import UTC, Int32, Int64, Time, Value, Zone

_HOUR: Final = 3600 * SECOND
_UNITS: Final = (
    ("y", 365 * 24 * _HOUR),
    ("mo", 30 * 24 * _HOUR),
    ("d", 24 * _HOUR),
    ("h", _HOUR),
    ("m", 60 * SECOND),
    ("s", SECOND),
)


def _now(running: Running) -> Time:
    return Time(from_datetime(running.context.now).ns, running.context.local)


def _moment(running: Running, value: Value) -> Time:
    if isinstance(value, Time):
        return value
    if type(value) in (int, Int64, Int32) and isinstance(value, int):
        return Time(int(value) * SECOND)
    return _now(running)


def _zone(name: str, running: Running) -> Zone:
    if name == "Local":
        return running.context.local
    try:
        return load_zone(name)
    except TimeError:
        return UTC


def _format(running: Running, layout: str, value: Value, zone: Zone) -> str:
    return format_time(Time(_moment(running, value).ns, zone), layout)


def _date(running: Running, arguments: list[Value]) -> Value:
    return _format(running, text(arguments[0]), arguments[1], running.context.local)


def _date_in_zone(running: Running, arguments: list[Value]) -> Value:
    zone = _zone(text(arguments[2]), running)
    return _format(running, text(arguments[0]), arguments[1], zone)


def _html_date(running: Running, arguments: list[Value]) -> Value:
    return _format(running, "2006-01-02", arguments[0], running.context.local)


def _html_date_in_zone(running: Running, arguments: list[Value]) -> Value:
    return _format(running, "2006-01-02", arguments[0], _zone(text(arguments[1]), running))


def _modify(must: bool) -> Implementation:
    def run(running: Running, arguments: list[Value]) -> Value:
        moment = _moment(running, arguments[1])
        try:
            return Time(moment.ns + parse_go_duration(text(arguments[0])), moment.zone)
        except DurationError as error:
            if must:
                raise Fault(error.message) from error
            return moment

    return run


def _to_date(must: bool) -> Implementation:
    def run(running: Running, arguments: list[Value]) -> Value:
        try:
            return parse_time(text(arguments[0]), text(arguments[1]), running.context.local)
        except TimeError as error:
            if must:
                raise Fault(error.message) from error
            return ZERO

    return run


def _ago(running: Running, arguments: list[Value]) -> Value:
    passed = _now(running).ns - _moment(running, arguments[0]).ns
    whole = (abs(passed) + SECOND // 2) // SECOND * SECOND
    return format_go_duration(whole if passed >= 0 else -whole)


def _duration(_: Running, arguments: list[Value]) -> Value:
    value = arguments[0]
    seconds = 0
    if isinstance(value, str):
        seconds = parse_integer(value) or 0
    elif isinstance(value, Int64):
        seconds = int(value)
    return format_go_duration(wrap64(seconds * SECOND))


def _duration_round(running: Running, arguments: list[Value]) -> Value:
    value = arguments[0]
    nanoseconds = 0
    if isinstance(value, str):
        try:
            nanoseconds = parse_go_duration(value)
        except DurationError:
            nanoseconds = 0
    elif isinstance(value, Int64):
        nanoseconds = int(value)
    elif isinstance(value, Time):
        nanoseconds = _now(running).ns - value.ns
    size = abs(nanoseconds)
    for name, unit in _UNITS:
        if size > unit:
            return f"{'-' if nanoseconds < 0 else ''}{size // unit}{name}"
    return "0s"


TIMES: Final[Table] = {
    "now": ("", lambda running, _: _now(running)),
    "date": ("sa", _date),
    "dateInZone": ("sas", _date_in_zone),
    "date_in_zone": ("sas", _date_in_zone),
    "htmlDate": ("a", _html_date),
    "htmlDateInZone": ("as", _html_date_in_zone),
    "dateModify": ("st", _modify(must=False)),
    "date_modify": ("st", _modify(must=False)),
    "mustDateModify": ("st", _modify(must=True)),
    "must_date_modify": ("st", _modify(must=True)),
    "toDate": ("ss", _to_date(must=False)),
    "mustToDate": ("ss", _to_date(must=True)),
    "ago": ("a", _ago),
    "duration": ("a", _duration),
    "durationRound": ("a", _duration_round),
    "unixEpoch": ("t", lambda running, a: str(_moment(running, a[0]).ns // SECOND)),
}
