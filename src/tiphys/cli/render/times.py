"""Instants and spans of time as Argo prints them.

Source: argo util/humanize/duration.go and github.com/dustin/go-humanize times.go;
reference/cli.md 3.1 to 3.3 and 8.1. All numbers truncate.
"""

from __future__ import annotations

from datetime import datetime, tzinfo

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
MONTH = 30 * DAY
YEAR = 12 * MONTH
LONG_TIME = 37 * YEAR

# A span below the limit is written with the words; {n} is the span in units of `unit` seconds.
_MAGNITUDES: tuple[tuple[int, str, int], ...] = (
    (2, "1 second", 1),
    (MINUTE, "{n} seconds", 1),
    (2 * MINUTE, "1 minute", 1),
    (HOUR, "{n} minutes", MINUTE),
    (2 * HOUR, "1 hour", 1),
    (DAY, "{n} hours", HOUR),
    (2 * DAY, "1 day", 1),
    (WEEK, "{n} days", DAY),
    (2 * WEEK, "1 week", 1),
    (MONTH, "{n} weeks", WEEK),
    (2 * MONTH, "1 month", 1),
    (YEAR, "{n} months", MONTH),
    (18 * MONTH, "1 year", 1),
    (2 * YEAR, "2 years", 1),
    (LONG_TIME, "{n} years", YEAR),
)


def instant(text: str | None) -> float | None:
    """Return an RFC 3339 time as seconds since the epoch, None if there is none."""
    return datetime.fromisoformat(text).timestamp() if text else None


def timestamp(at: float, now: float, zone: tzinfo | None = None) -> str:
    """Return `Sat Jan 31 10:05:00 +0100 (3 minutes ago)`."""
    return f"{_local(at, zone):%a %b %d %H:%M:%S %z} ({relative(at, now)})"


def go_time(at: float, zone: tzinfo | None = None) -> str:
    """Return Go's own form of a time, as `wait` prints it: `2026-01-31 10:05:22 +0100 CET`."""
    return f"{_local(at, zone):%Y-%m-%d %H:%M:%S %z %Z}"


def clock(at: float, zone: tzinfo | None = None) -> str:
    """Return the time of day, `10:05:22`."""
    return f"{_local(at, zone):%H:%M:%S}"


def relative(at: float, now: float) -> str:
    """Return how far `at` lies from `now`: `3 minutes ago`, `1 day from now`, `now`."""
    seconds = int(abs(now - at))
    if seconds < 1:
        return "now"
    return f"{_magnitude(seconds)} {'ago' if at < now else 'from now'}"


def long_duration(seconds: float) -> str:
    """Return a span with two units: `1 minute 5 seconds`, `2 days 3 hours`."""
    whole = int(seconds)
    if whole < 1:
        return "0 seconds"
    first = _magnitude(whole)
    if whole < MINUTE:
        return first
    if whole < HOUR:
        return f"{first} {whole % MINUTE} seconds"
    if whole < DAY:
        return f"{first} {whole // MINUTE % 60} minutes"
    return f"{first} {whole // HOUR % 24} hours"


def short_duration(seconds: float) -> str:
    """Return a span with one unit and one letter: `0s`, `5m`, `400d`."""
    whole = max(int(seconds), 0)
    if whole < MINUTE:
        return f"{whole}s"
    if whole < HOUR:
        return f"{whole // MINUTE}m"
    if whole < DAY:
        return f"{whole // HOUR}h"
    return f"{whole // DAY}d"


def go_duration(seconds: int) -> str:
    """Return whole seconds in Go's notation: `14s`, `1m0s`, `2h0m5s`."""
    if seconds < MINUTE:
        return f"{seconds}s"
    minutes, rest = divmod(seconds, MINUTE)
    if minutes < 60:
        return f"{minutes}m{rest}s"
    return f"{minutes // 60}h{minutes % 60}m{rest}s"


def span(started: str | None, finished: str | None, now: float) -> float:
    """Return the seconds between two times; an open end is `now`, no start is no span."""
    begin = instant(started)
    if begin is None:
        return 0.0
    end = instant(finished)
    return (now if end is None else end) - begin


def _magnitude(seconds: int) -> str:
    for limit, words, unit in _MAGNITUDES:
        if seconds < limit:
            return words.format(n=seconds // unit)
    return "a long while"


def _local(at: float, zone: tzinfo | None) -> datetime:
    moment = datetime.fromtimestamp(int(at), zone)
    return moment if zone else moment.astimezone()
