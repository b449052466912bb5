"""The tree of a Go regular expression, how it is written for `re`, and whether that is safe.

`re` backtracks; `is_risky` says which trees could make it take exponential or high polynomial
time. Those run on `goregex_vm` instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Final, TypeAlias


@dataclass(frozen=True, slots=True)
class Char:
    """One character, as a piece of `re` pattern."""

    text: str


@dataclass(frozen=True, slots=True)
class Edge:
    """An assertion of no width, as a piece of `re` pattern."""

    text: str


@dataclass(frozen=True, slots=True)
class Run:
    """One after the other."""

    items: tuple[Regex, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The first that leads to a match."""

    options: tuple[Regex, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """From `low` to `high` times (-1: no bound)."""

    body: Regex
    low: int
    high: int
    lazy: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Parentheses; `index` 0 captures nothing."""

    index: int
    body: Regex


Regex: TypeAlias = Char | Edge | Run | Choice | Repeat | Group


_MOST_WAYS: Final = 4096
_MOST_LOOPS: Final = 5
_POWERS: Final = 12


def write(node: Regex) -> str:
    """Return the pattern for `re`."""
    match node:
        case Char(text) | Edge(text):
            return text
        case Run(items):
            return "".join(map(write, items))
        case Choice(options):
            return "|".join(map(write, options))
        case Group(index, body):
            return f"({write(body)})" if index else f"(?:{write(body)})"
        case Repeat(body, low, high, lazy):
            return f"(?:{write(body)}){_quantifier(low, high)}{'?' if lazy else ''}"


def _quantifier(low: int, high: int) -> str:
    if high < 0:
        return {0: "*", 1: "+"}.get(low, f"{{{low},}}")
    return f"{{{low}}}" if low == high else f"{{{low},{high}}}"


def is_risky(node: Regex) -> bool:
    """Return whether backtracking may take far longer than any text is long."""
    return _nests(node, False) or ways(node) > _MOST_WAYS or loops(node) > _MOST_LOOPS


def ways(node: Regex) -> int:
    """Return a bound of the ways to go through a pattern, one per unbounded loop; not exact."""
    match node:
        case Repeat(body, low, high, _):
            inner = ways(body)
            if high < 0:
                return inner
            many: int = inner ** min(high, _POWERS)
            return min((high - low + 1) * many, _MOST_WAYS + 1)
        case Run(items):
            return min(prod(map(ways, items)), _MOST_WAYS + 1)
        case Choice(options):
            return min(sum(map(ways, options)), _MOST_WAYS + 1)
        case Group(_, body):
            return ways(body)
        case _:
            return 1


def _nests(node: Regex, inside: bool) -> bool:
    """Return whether a repeat of variable length holds a choice or another such repeat."""
    match node:
        case Repeat(body, low, high, _):
            variable = high != low and high not in (0, 1)
            if inside and high != low:
                return True
            return _nests(body, inside or variable)
        case Run(items):
            return any(_nests(item, inside) for item in items)
        case Choice(options):
            return inside or any(_nests(option, inside) for option in options)
        case Group(_, body):
            return _nests(body, inside)
        case _:
            return False


def degree(node: Regex) -> int:
    """Return the power of the text's length that bounds a backtracking search."""
    anchored = isinstance(node, Run) and node.items[:1] == (Edge(r"\A"),)
    return loops(node) + (not anchored)


def loops(node: Regex) -> int:
    """Return the number of unbounded repeats: each may multiply the time by the text's length."""
    match node:
        case Repeat(body, _, high, _):
            return loops(body) * max(high, 1) + (high < 0)
        case Run(items) | Choice(items):
            return sum(map(loops, items))
        case Group(_, body):
            return loops(body)
        case _:
            return 0
