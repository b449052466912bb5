"""The store's SQL as Postgres wants it. Statements are written once, for SQLite.

What both understand stays: the statements keep to it. Here are placeholders, types, and the hints
that only SQLite needs.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_PARTS: Final = re.compile(r"'[^']*'|\?|\bINDEXED BY \w+|\bCROSS JOIN\b|\binstr\(", re.IGNORECASE)
_TYPES: Final = (
    ("INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
    ("INTEGER", "BIGINT"),
    ("REAL", "DOUBLE PRECISION"),
    ("BLOB", "BYTEA"),
    ("TEXT", 'TEXT COLLATE "C"'),  # bytes are compared, as in SQLite: ranges of names need it
    (") WITHOUT ROWID", ")"),
)
_WORDS: Final = {"CROSS JOIN": "JOIN", "INSTR(": "strpos("}


@lru_cache(maxsize=2048)
def translated(statement: str) -> str:
    """Return a statement with numbered placeholders and without hints for SQLite's planner."""
    count = 0

    def part(match: re.Match[str]) -> str:
        nonlocal count
        text = match.group()
        if text == "?":
            count += 1
            return f"${count}"
        if text.startswith("'"):
            return text
        return _WORDS.get(text.upper(), "")

    return _PARTS.sub(part, statement)


def translated_table(statement: str) -> str:
    """Return the statement that makes a table or an index, with Postgres' types."""
    for ours, theirs in _TYPES:
        statement = statement.replace(ours, theirs)
    return statement
