"""Go time layouts: formatting and parsing, and the engine's `%` letters.

Source: Go time/format.go; Argo util/strftime; language.md 5.1, 15.2.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from tiphys.expr.civil import MONTHS, WEEKDAYS, Civil, civil
from tiphys.expr.gotime_parse import parse_time
from tiphys.expr.gotime_tokens import tokens
from tiphys.expr.values import UTC, Time

__all__ = ["format_time", "parse_time", "printed", "rfc3339", "rfc3339_nano", "strftime"]

RFC3339: Final = "2006-01-02T15:04:05Z07:00"
RFC3339_NANO: Final = "2006-01-02T15:04:05.999999999Z07:00"
_STRFTIME: Final = {
    "B": "January",
    "b": "Jan",
    "m": "01",
    "A": "Monday",
    "a": "Mon",
    "d": "02",
    "H": "15",
    "I": "03",
    "M": "04",
    "S": "05",
    "Y": "2006",
    "y": "06",
    "p": "PM",
    "Z": "MST",
    "z": "-0700",
    "L": ".000",
}
STRFTIME_LETTERS: Final = tuple(_STRFTIME)
_LETTER: Final = re.compile("%(.)", re.DOTALL)


def format_time(moment: Time, layout: str) -> str:
    """Return the time written in a Go layout."""
    seen = civil(moment)
    parts = [_write(part, seen) if is_element else part for part, is_element in tokens(layout)]
    return "".join(parts)


def rfc3339(moment: Time) -> str:
    """Return the time as RFC 3339 with whole seconds."""
    return format_time(moment, RFC3339)


def rfc3339_nano(moment: Time) -> str:
    """Return the time as RFC 3339 with as many decimals as it needs, Go's JSON form."""
    return format_time(moment, RFC3339_NANO)


def printed(moment: Time) -> str:
    """Return the time as Go's `%v` prints it."""
    return format_time(moment, "2006-01-02 15:04:05.999999999 -0700 MST")


def strftime(moment: Time, pattern: str) -> str:
    """Return the pattern with its `%` letters filled in; unknown letters stay.

    Source: Argo's use of lestrrat strftime letters; language.md 5.1.
    """
    return _LETTER.sub(lambda match: _letter(moment, match), pattern)


def _letter(moment: Time, match: re.Match[str]) -> str:
    if match[1] == "%":
        return "%"
    layout = _STRFTIME.get(match[1])
    return match.group() if layout is None else format_time(moment, layout)


def _write(element: str, seen: Civil) -> str:
    if element[0] in ".,":
        return _fraction(element, seen.nano)
    if element[0] in "-Z":
        return _offset(element, seen.offset)
    if element == "MST":
        return seen.abbreviation or _offset("-0700", seen.offset)
    return _table(seen)[element]


@lru_cache(maxsize=64)
def _table(seen: Civil) -> dict[str, str]:
    month, weekday = MONTHS[seen.month - 1], WEEKDAYS[seen.weekday]
    hour12 = seen.hour % 12 or 12
    return {
        "2006": f"{seen.year:04d}" if seen.year >= 0 else f"-{-seen.year:04d}",
        "06": f"{seen.year % 100:02d}",
        "January": month,
        "Jan": month[:3],
        "01": f"{seen.month:02d}",
        "1": str(seen.month),
        "Monday": weekday,
        "Mon": weekday[:3],
        "02": f"{seen.day:02d}",
        "_2": f"{seen.day:2d}",
        "2": str(seen.day),
        "002": f"{seen.yearday:03d}",
        "__2": f"{seen.yearday:3d}",
        "15": f"{seen.hour:02d}",
        "03": f"{hour12:02d}",
        "3": str(hour12),
        "04": f"{seen.minute:02d}",
        "4": str(seen.minute),
        "05": f"{seen.second:02d}",
        "5": str(seen.second),
        "PM": "PM" if seen.hour >= 12 else "AM",
        "pm": "pm" if seen.hour >= 12 else "am",
    }


def _fraction(element: str, nano: int) -> str:
    digits = f"{nano:09d}"[: len(element) - 1].ljust(len(element) - 1, "0")
    if element[1] == "9":
        digits = digits.rstrip("0")
        if not digits:
            return ""
    return element[0] + digits


def _offset(element: str, offset: int) -> str:
    if element[0] == "Z" and offset == 0:
        return "Z"
    colon = ":" if ":" in element else ""
    sign = "-" if offset < 0 else "+"
    minutes, seconds = divmod(abs(offset), 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{sign}{hours:02d}"
    digits = sum(char.isdigit() for char in element)
    if digits >= 4:
        text += f"{colon}{minutes:02d}"
    return text + f"{colon}{seconds:02d}" if digits >= 6 else text


def at_utc(moment: Time) -> Time:
    """Return the same moment seen in UTC."""
    return Time(moment.ns, UTC)
