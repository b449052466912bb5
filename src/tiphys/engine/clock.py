"""Times as Argo writes them. Pure: every instant is handed in."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


def rfc3339(at: float) -> str:
    """Return an instant (epoch seconds) as RFC 3339 in UTC with whole seconds."""
    return _whole(int(at))


@lru_cache(maxsize=256)
def _whole(at: int) -> str:
    """Most nodes of a commit share a second, and strftime costs as much as encoding a node."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def human_duration(seconds: float) -> str:
    """Return a span as in "Backoff for 1 minute 30 seconds": the two largest units.

    Source: reference/engine.md 1.15; argo util/humanize, Duration.
    """
    whole = max(0, int(seconds))
    units = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
    for index, (name, size) in enumerate(units):
        count = whole // size
        if count or name == "second":
            text = f"{count} {name}" + ("" if count == 1 else "s")
            if index + 1 == len(units):
                return text
            smaller, smaller_size = units[index + 1]
            rest = whole % size // smaller_size
            return f"{text} {rest} {smaller}s" if rest else text
    return "0 seconds"
