"""Times of documents: RFC 3339 text in UTC with whole seconds.

Source: reference/resources.md 6.12, Kubernetes metav1.Time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,]\d+)?(Z|[+-]\d\d:\d\d)\Z", re.ASCII
)


def normal_time(text: str) -> str | None:
    """Return any RFC 3339 time in UTC without its fraction; None if it is not one."""
    match = _RFC3339.match(text)
    if match is None:
        return None
    *parts, zone = match.groups()
    year, month, day, hour, minute, second = map(int, parts)
    try:
        made = datetime(year, month, day, hour, minute, second, tzinfo=_zone(zone))
        return f"{made.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}".rjust(20, "0")
    except (ValueError, OverflowError):
        return None


def time_text(seconds: float) -> str:
    """Return a time in seconds since 1970 as documents write it; the fraction is dropped."""
    made = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(seconds // 1))
    return f"{made:%Y-%m-%dT%H:%M:%SZ}".rjust(20, "0")


def time_seconds(text: str) -> int:
    """Return the seconds since 1970 of a time as documents write it.

    Raises ValueError if it is not RFC 3339.
    """
    found = normal_time(text)
    if found is None:
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    made = datetime.strptime(found, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return round((made - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())


def _zone(text: str) -> timezone:
    if text == "Z":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
