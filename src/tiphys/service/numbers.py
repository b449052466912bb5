"""A set of numbers that lie close together, in little memory: a bit for each, in blocks.

For what a watcher remembers of each workflow that it selected, however many there are.
"""

from __future__ import annotations

from typing import Final

_BLOCK: Final = 1_024
"""Bits: one number alone costs 200 bytes or so, a thousand neighbours no more."""


class Numbers:
    """Numbers that are not negative."""

    __slots__ = ("_blocks",)

    def __init__(self) -> None:
        """Begin empty."""
        self._blocks: dict[int, int] = {}

    def add(self, number: int) -> None:
        """Put a number in; again to no further effect."""
        block, bit = divmod(number, _BLOCK)
        self._blocks[block] = self._blocks.get(block, 0) | 1 << bit

    def discard(self, number: int) -> None:
        """Take a number out, if it is there."""
        block, bit = divmod(number, _BLOCK)
        left = self._blocks.get(block, 0) & ~(1 << bit)
        if left:
            self._blocks[block] = left
        else:
            self._blocks.pop(block, None)

    def __contains__(self, number: int) -> bool:
        """Tell whether a number is there."""
        block, bit = divmod(number, _BLOCK)
        return bool(self._blocks.get(block, 0) >> bit & 1)
