"""The names of the built-in functions, and the arguments of those that take a predicate."""

from __future__ import annotations

from typing import Final

PREDICATES: Final = {
    "all": ("e", "p"),
    "none": ("e", "p"),
    "any": ("e", "p"),
    "one": ("e", "p"),
    "filter": ("e", "p"),
    "map": ("e", "p"),
    "count": ("e", "p?"),
    "sum": ("e", "p?"),
    "find": ("e", "p"),
    "findIndex": ("e", "p"),
    "findLast": ("e", "p"),
    "findLastIndex": ("e", "p"),
    "groupBy": ("e", "p"),
    "sortBy": ("e", "p", "e?"),
    "reduce": ("e", "p", "e?"),
}
"""Each argument: an expression or a predicate; "?" may be left out."""

BUILTINS: Final = frozenset(PREDICATES) | frozenset(
    """len type abs ceil floor round int float string trim trimPrefix trimSuffix upper lower split
    splitAfter replace repeat join indexOf lastIndexOf hasPrefix hasSuffix max min mean median
    toJSON fromJSON toBase64 fromBase64 now duration date timezone first last get take keys values
    toPairs fromPairs reverse uniq concat flatten sort bitand bitor bitxor bitnand bitnot bitshl
    bitshr bitushr""".split()
)
"""Every built-in function."""
