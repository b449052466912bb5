"""Columns as Go's `text/tabwriter` lines them up.

A line is a sequence of cells: every cell but the last ends with a tab and is padded; the text after
the last tab is not. A column is as wide as the longest cell of a run of consecutive lines that
have that cell, plus the padding; width counts code points.

Source: Go text/tabwriter; reference/cli.md 3.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Line: TypeAlias = Sequence[str]


def one_line(text: str) -> str:
    """Return a text of several lines as one; others stay as they are."""
    return " ".join(text.split()) if len(text.splitlines()) > 1 else text


def render_table(lines: Sequence[Line], padding: int) -> str:
    """Return the lines, each ended by a newline, with their cells lined up."""
    widths: list[list[int]] = [[0] * (len(line) - 1) for line in lines]
    for column in range(max((len(line) for line in lines), default=0)):
        _measure(lines, widths, column, padding)
    return "".join(map(_padded, lines, widths))


def _measure(lines: Sequence[Line], widths: list[list[int]], column: int, padding: int) -> None:
    first = 0
    while first < len(lines):
        last = first
        while last < len(lines) and column < len(lines[last]) - 1:
            last += 1
        width = max((len(line[column]) for line in lines[first:last]), default=0) + padding
        for index in range(first, last):
            widths[index][column] = width
        first = last + 1


def _padded(line: Line, widths: list[int]) -> str:
    cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=False))
    return "".join(cells) + line[-1] + "\n"
