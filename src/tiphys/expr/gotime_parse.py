"""Read a time by a Go layout. Source: Go time/format.go parse; language.md 11.8 (Time), 15.2."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tiphys.expr.civil import MONTHS, SECOND, WEEKDAYS, days_in, moment_of, offset_at
from tiphys.expr.errors import TimeError
from tiphys.expr.gotext import quote
from tiphys.expr.gotime_tokens import tokens
from tiphys.expr.values import UTC, Time, Zone

_MAX_TEXT: Final = 10_000
_OFFSET: Final = {
    "07": re.compile(r"([+-])(\d\d)", re.ASCII),
    "0700": re.compile(r"([+-])(\d\d)(\d\d)", re.ASCII),
    "07:00": re.compile(r"([+-])(\d\d):(\d\d)", re.ASCII),
    "070000": re.compile(r"([+-])(\d\d)(\d\d)(\d\d)", re.ASCII),
    "07:00:00": re.compile(r"([+-])(\d\d):(\d\d):(\d\d)", re.ASCII),
}
_TWO: Final = re.compile(r"\d\d", re.ASCII)
_ONE_OR_TWO: Final = re.compile(r"\d\d?", re.ASCII)
_YEARDAY: Final = {
    "002": re.compile(r"\d{3}", re.ASCII),
    "__2": re.compile(r" {0,2}\d{1,3}", re.ASCII),
}
_FRACTION: Final = re.compile(r"[.,]\d+", re.ASCII)
_ZONE_NAME: Final = re.compile(
    r"ChST|MeST|GMT(?:[+-]\d{1,2})?|[+-]\d{1,2}|WITA|[A-Z]{4}T(?![A-Z])|[A-Z]{3}T(?![A-Z])"
    r"|[A-Z]{3}(?![A-Z])"
)
_RANGES: Final = {"month": (1, 12), "hour": (0, 23), "hour12": (0, 12), "minute": (0, 59)}
_FIELDS: Final = {
    "01": "month",
    "1": "month",
    "02": "day",
    "2": "day",
    "_2": "day",
    "15": "hour",
    "03": "hour12",
    "3": "hour12",
    "04": "minute",
    "4": "minute",
    "05": "second",
    "5": "second",
}
_NAMES: Final = {
    "January": MONTHS,
    "Jan": [name[:3] for name in MONTHS],
    "Monday": WEEKDAYS,
    "Mon": [name[:3] for name in WEEKDAYS],
}


class _BadError(Exception):
    """The element does not fit; `range_name` when only its value does not."""

    def __init__(self, range_name: str = "") -> None:
        self.range_name = range_name
        super().__init__(range_name)


@dataclass(slots=True)
class _Fields:
    year: int = 0
    month: int = -1
    day: int = -1
    yearday: int = -1
    hour: int = 0
    minute: int = 0
    second: int = 0
    nano: int = 0
    afternoon: bool | None = None
    utc: bool = False
    offset: int | None = None
    zone_name: str = ""


def parse_time(layout: str, text: str, zone: Zone = UTC) -> Time:
    """Return the time that `text` writes in `layout`, in `zone` unless the text says otherwise.

    Raises TimeError with Go's text. Source: Go time.ParseInLocation.
    """
    fields = _Fields()
    rest = text[:_MAX_TEXT]
    parts = tokens(layout)
    for index, (part, is_element) in enumerate(parts):
        hold = rest
        try:
            if is_element:
                following = parts[index + 1][0] if index + 1 < len(parts) else ""
                rest = _element(fields, part, rest, following)
            else:
                rest, bad = _skip(part, rest)
                if bad:
                    raise _cannot(layout, text, part, rest)
        except _BadError as error:
            if error.range_name:
                raise _out_of_range(text, error.range_name) from error
            raise _cannot(layout, text, part, hold) from error
    if rest:
        raise TimeError(f"parsing time {quote(text)}: extra text: {quote(rest)}")
    return _finish(fields, text, zone)


def _cannot(layout: str, text: str, part: str, rest: str) -> TimeError:
    return TimeError(
        f"parsing time {quote(text)} as {quote(layout)}: cannot parse {quote(rest)} as "
        f"{quote(part)}"
    )


def _out_of_range(text: str, name: str) -> TimeError:
    return TimeError(f"parsing time {quote(text)}: {name} out of range")


def _skip(prefix: str, text: str) -> tuple[str, bool]:
    """Drop the literal part; runs of spaces match runs of spaces. True when it does not fit."""
    while prefix:
        if prefix[0] == " ":
            if text and text[0] != " ":
                return text, True
            prefix, text = prefix.lstrip(" "), text.lstrip(" ")
            continue
        if not text or text[0] != prefix[0]:
            return text, True
        prefix, text = prefix[1:], text[1:]
    return text, False


def _element(fields: _Fields, element: str, text: str, following: str) -> str:
    if element in _FIELDS:
        return _number(fields, element, text, following)
    if element in _NAMES:
        return _name(fields, element, text)
    if element in ("2006", "06"):
        return _year(fields, element, text)
    if element in _YEARDAY:
        found = _take(_YEARDAY[element], text)
        fields.yearday = int(found)
        return text[len(found) :]
    if element in ("PM", "pm"):
        if text[:2] not in (element, "AM" if element == "PM" else "am"):
            raise _BadError
        fields.afternoon = text[0] in "Pp"
        return text[2:]
    if element[0] in ".,":
        return _fraction_element(fields, element, text)
    return _zone(fields, element, text)


def _take(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.match(text)
    if found is None:
        raise _BadError
    return found.group()


def _number(fields: _Fields, element: str, text: str, following: str) -> str:
    if element == "_2" and text[:1] == " ":
        text = text[1:]
    name = _FIELDS[element]
    found = _take(_TWO if element[0] == "0" else _ONE_OR_TWO, text)
    value = int(found)
    text = text[len(found) :]
    if name == "second":
        if value > 59:
            raise _BadError("second")
        fields.second = value
        return _loose_fraction(fields, text, following)
    low, high = _RANGES.get(name, (0, 99))
    if not low <= value <= high:
        raise _BadError("hour" if name == "hour12" else name)
    setattr(fields, "hour" if name == "hour12" else name, value)
    return text


def _loose_fraction(fields: _Fields, text: str, following: str) -> str:
    found = _FRACTION.match(text)
    if found is None or (following[:1] in (".", ",") and following[1:2] in ("0", "9")):
        return text
    fields.nano = _nanoseconds(found.group())
    return text[found.end() :]


def _nanoseconds(fraction: str) -> int:
    return int(fraction[1:10].ljust(9, "0"))


def _fraction_element(fields: _Fields, element: str, text: str) -> str:
    if element[1] == "0":
        found = text[: len(element)]
        if len(found) < len(element) or not _FRACTION.fullmatch(found):
            raise _BadError
    else:
        match = _FRACTION.match(text)
        if match is None:
            return text
        found = match.group()
    fields.nano = _nanoseconds(found)
    return text[len(found) :]


def _name(fields: _Fields, element: str, text: str) -> str:
    for index, name in enumerate(_NAMES[element]):
        if text[: len(name)].lower() == name.lower():
            if element[0] == "J":
                fields.month = index + 1
            return text[len(name) :]
    raise _BadError


def _year(fields: _Fields, element: str, text: str) -> str:
    digits = _take(_TWO, text) if element == "06" else text[:4]
    if len(digits) != len(element) or not (digits.isascii() and digits.isdigit()):
        raise _BadError
    year = int(digits)
    if element == "06":
        year += 1900 if year >= 69 else 2000
    fields.year = year
    return text[len(digits) :]


def _zone(fields: _Fields, element: str, text: str) -> str:
    if element == "MST":
        if text.startswith("UTC"):
            fields.utc = True
            return text[3:]
        fields.zone_name = _take(_ZONE_NAME, text)
        return text[len(fields.zone_name) :]
    if element[0] == "Z" and text[:1] == "Z":
        fields.utc = True
        return text[1:]
    found = _OFFSET[element[1:]].match(text)
    if found is None:
        raise _BadError
    hours, minutes, seconds = [*map(int, found.groups()[1:]), 0, 0][:3]
    if hours > 24 or minutes > 60 or seconds > 60:
        unit = "hour" if hours > 24 else "minute" if minutes > 60 else "second"
        raise _BadError(f"time zone offset {unit}")
    offset = hours * 3600 + minutes * 60 + seconds
    fields.offset = -offset if found[1] == "-" else offset
    return text[found.end() :]


def _finish(fields: _Fields, text: str, zone: Zone) -> Time:
    if fields.afternoon and fields.hour < 12:
        fields.hour += 12
    elif fields.afternoon is False and fields.hour == 12:
        fields.hour = 0
    month, day = _date(fields, text)
    date = (fields.year, month, day)
    clock = (fields.hour, fields.minute, fields.second, fields.nano)
    if fields.utc:
        return moment_of(date, clock, UTC)
    if fields.offset is not None:
        moment = moment_of(date, clock, UTC)
        named = UTC if fields.offset == 0 and not fields.zone_name else None
        found = named or Zone(fields.zone_name, fields.offset)
        return Time(moment.ns - fields.offset * SECOND, found)
    if fields.zone_name:
        return _named_zone(fields.zone_name, moment_of(date, clock, UTC), zone)
    return moment_of(date, clock, zone)


def _date(fields: _Fields, text: str) -> tuple[int, int]:
    month, day = max(fields.month, 1), fields.day
    if fields.yearday >= 0:
        leap = days_in(fields.year, 2) == 29
        if not 1 <= fields.yearday <= 365 + leap:
            raise _out_of_range(text, "day-of-year")
        month, day = 1, fields.yearday
        while day > days_in(fields.year, month):
            day -= days_in(fields.year, month)
            month += 1
        return month, day
    if day == -1:
        day = 1
    if not 1 <= day <= days_in(fields.year, month):
        raise _out_of_range(text, "day")
    return month, day


def _named_zone(name: str, moment: Time, zone: Zone) -> Time:
    seconds = moment.ns // SECOND
    offset, abbreviation = offset_at(seconds, zone)
    if abbreviation == name:
        return Time(moment.ns - offset * SECOND, zone)
    hours = int(name[3:]) if name.startswith("GMT") and len(name) > 3 else 0
    return Time(moment.ns, Zone(name, hours * 3600))
