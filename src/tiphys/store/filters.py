"""Filters as SQL over `run_index i`. Source of what they mean: reference/rest-api.md 6.3."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from tiphys.expr.selectors import Requirement
from tiphys.ports_server import Filter, NameTest

Clause = tuple[str, tuple[object, ...]]
_POSITIVE: Final = frozenset({"=", "==", "in"})
_EVERYWHERE: Final = "workflows.argoproj.io/completed"
"""A label that half of all workflows have with the same value: poor to begin a search with."""
_PLACES: Final = {"live": "i.live = 1", "archived": "i.archived = 1"}
_SURROGATES: Final = range(0xD800, 0xE000)
"""Code points that no text has."""
_PAST_SURROGATES: Final = _SURROGATES.stop
_NAMES: Final = {
    "Exact": "i.name = ?",
    "NotEquals": "i.name <> ?",
    "Contains": "instr(i.name, ?) > 0",
}


def clauses(wanted: Filter) -> Iterator[Clause]:
    """Yield the conditions that all hold for what is wanted, each with its values."""
    if wanted.namespace is not None:
        yield "i.namespace = ?", (wanted.namespace,)
    if wanted.not_namespace:
        yield "i.namespace <> ?", (wanted.not_namespace,)
    if wanted.place in _PLACES:
        yield _PLACES[wanted.place], ()
    for name in wanted.names:
        yield _name(name)
    for requirement in wanted.labels:
        yield _label(requirement)
    for condition, value in (
        ("i.created_at >= ?", wanted.created_after),
        ("i.finished_at <= ?", wanted.finished_before),
        ("i.started_at > ?", wanted.started_after),
        ("i.started_at < ?", wanted.started_before),
    ):
        if value is not None:
            yield condition, (value,)


def driver(wanted: Filter) -> Requirement | None:
    """Return the label to begin the search with, None to go through all workflows."""
    found = [item for item in wanted.labels if item.operator in _POSITIVE]
    found.sort(key=lambda item: (item.key == _EVERYWHERE, len(item.values)))
    return found[0] if found else None


def _name(test: NameTest) -> Clause:
    if test.how != "Prefix":
        return _NAMES[test.how], (test.text,)
    after = _after(test.text)
    if after is None:
        return "i.name >= ?", (test.text,)
    return "i.name >= ? AND i.name < ?", (test.text, after)


def _after(prefix: str) -> str | None:
    """Return the least text that is greater than all with a prefix, None if there is none.

    Texts are in the order of their code points, which is that of their bytes in UTF-8.
    """
    rest = prefix.rstrip(chr(sys.maxunicode))
    if not rest:
        return None
    following = ord(rest[-1]) + 1
    return rest[:-1] + chr(_PAST_SURROGATES if following in _SURROGATES else following)


def _label(term: Requirement) -> Clause:
    exists = "EXISTS (SELECT 1 FROM run_labels l WHERE l.born = i.born AND l.name = ?"
    marks = ",".join("?" * len(term.values))
    match term.operator:
        case "exists":
            return f"{exists})", (term.key,)
        case "!":
            return f"NOT {exists})", (term.key,)
        case "!=" | "notin":
            return f"NOT {exists} AND l.value IN ({marks}))", (term.key, *term.values)
        case "gt" | "lt":
            sign = ">" if term.operator == "gt" else "<"
            whole = "ltrim(l.value, '0123456789') = '' AND length(l.value) BETWEEN 1 AND 19"
            number = f"CASE WHEN {whole} THEN CAST(l.value AS NUMERIC) END"
            compared = f"AND {number} {sign} CAST(CAST(? AS TEXT) AS NUMERIC))"
            return f"{exists} {compared}", (term.key, term.values[0])
        case _:
            return f"{exists} AND l.value IN ({marks}))", (term.key, *term.values)
