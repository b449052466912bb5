"""Durations: Go's, Argo's (a plain integer is seconds) and the TTLs of the configuration.

Source: Go time.ParseDuration and Duration.String; Argo util/strings ParseStringToDuration;
language.md 15.1.
"""

from __future__ import annotations

import re
from typing import Final

from tiphys.expr.errors import DurationError
from tiphys.expr.gotext import quote

SECOND: Final = 1_000_000_000
_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3600 * SECOND,
}
_INTEGER: Final = re.compile(r"[+-]?[0-9]+\Z", re.ASCII)
_NUMBER: Final = re.compile(r"([0-9]*)(?:(\.)([0-9]*))?", re.ASCII)
_UNIT: Final = re.compile(r"[^.0-9]*")
_TTL_UNITS: Final = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_LIMIT: Final = 1 << 63


def parse_go_duration(text: str) -> int:
    """Return a Go duration in nanoseconds.

    Raises DurationError with Go's text. Source: Go time.ParseDuration.
    """
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    if not rest:
        raise _invalid(text)
    total = 0
    while rest:
        amount, rest = _take_part(rest, text)
        total += amount
        if total > _LIMIT:
            raise _invalid(text)
    if text[0] == "-":
        return -total
    if total >= _LIMIT:
        raise _invalid(text)
    return total


def _take_part(rest: str, text: str) -> tuple[int, str]:
    match = _NUMBER.match(rest)
    if match is None or not (match[1] or match[3]):
        raise _invalid(text)
    rest = rest[match.end() :]
    unit_match = _UNIT.match(rest)
    unit_name = unit_match.group() if unit_match else ""
    if not unit_name:
        raise DurationError(f"time: missing unit in duration {quote(text)}")
    unit = _UNITS.get(unit_name)
    if len(match[1].lstrip("0")) > 19:
        raise _invalid(text)
    if unit is None:
        raise DurationError(f"time: unknown unit {quote(unit_name)} in duration {quote(text)}")
    amount = int(match[1] or "0") * unit
    if amount > _LIMIT:
        raise _invalid(text)
    fraction = (match[3] or "")[:18]
    if fraction:
        amount += int(float(int(fraction)) * (float(unit) / 10.0 ** len(fraction)))
    return amount, rest[len(unit_name) :]


def _invalid(text: str) -> DurationError:
    return DurationError(f"time: invalid duration {quote(text)}")


def argo_duration_ns(text: str) -> int:
    """Return an Argo duration in nanoseconds: a plain integer counts seconds.

    Raises DurationError. Source: Argo util/strings/strings.go ParseStringToDuration.
    """
    if _INTEGER.match(text) and len(text) <= 21:
        seconds = int(text)
        if -_LIMIT <= seconds < _LIMIT:
            return _wrap(seconds * SECOND)
    try:
        return parse_go_duration(text)
    except DurationError as error:
        raise DurationError(f"unable to parse {text} as a duration: {error.message}") from error


def parse_argo_duration(text: str) -> float:
    """Return an Argo duration in seconds; raises DurationError."""
    return argo_duration_ns(text) / SECOND


def parse_ttl(text: str) -> int:
    """Return a TTL of the configuration in nanoseconds; empty is 0.

    Raises DurationError. Source: Argo config/ttl.go; language.md 15.1.
    """
    if not text:
        return 0
    unit = _TTL_UNITS.get(text[-1])
    if unit is None:
        return parse_go_duration(text)
    digits = text[:-1]
    if not _INTEGER.match(digits) or len(digits) > 19:
        raise DurationError(f"strconv.Atoi: parsing {quote(digits)}: invalid syntax")
    return _wrap(int(digits) * unit * SECOND)


def _wrap(number: int) -> int:
    return (number + _LIMIT) % (2 * _LIMIT) - _LIMIT


def format_go_duration(nanoseconds: int) -> str:
    """Return a duration as Go prints it: `1h30m0s`, `1.5s`, `100µs`."""
    sign = "-" if nanoseconds < 0 else ""
    rest = abs(nanoseconds)
    if rest == 0:
        return "0s"
    if rest < SECOND:
        return sign + _small(rest)
    seconds, fraction = divmod(rest, SECOND)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{_decimal(second, fraction, 9)}s"
    if minutes:
        text = f"{minute}m{text}"
    return sign + (f"{hours}h{text}" if hours else text)


def _small(rest: int) -> str:
    if rest < 1_000:
        return f"{rest}ns"
    if rest < 1_000_000:
        return f"{_decimal(*divmod(rest, 1_000), 3)}µs"
    return f"{_decimal(*divmod(rest, 1_000_000), 6)}ms"


def _decimal(whole: int, fraction: int, digits: int) -> str:
    return f"{whole}.{fraction:0{digits}d}".rstrip("0").rstrip(".") if fraction else str(whole)
