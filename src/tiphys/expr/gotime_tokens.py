"""The elements of a Go time layout. Source: Go time/format.go nextStdChunk."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_TOKEN: Final = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|0[1-6]|002|15|1|2006|2|__2|_2(?!006)|3|4|5"
    r"|PM|pm|[-Z]07:00:00|[-Z]070000|[-Z]07:00|[-Z]0700|[-Z]07|[.,](?:0+|9+)(?![0-9])"
)


@lru_cache(maxsize=256)
def tokens(layout: str) -> tuple[tuple[str, bool], ...]:
    """Return the layout cut into parts; the bool says whether a part is an element."""
    parts: list[tuple[str, bool]] = []
    position = 0
    for match in _TOKEN.finditer(layout):
        if match.start() > position:
            parts.append((layout[position : match.start()], False))
        parts.append((match.group(), True))
        position = match.end()
    if position < len(layout):
        parts.append((layout[position:], False))
    return tuple(parts)
