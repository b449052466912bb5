"""How large a value is when it is gone through, as printing and comparing do.

A value may hold the same list in many places, and in those again: it is small in memory and without
end on paper. Nothing is gone through here but what is there once.
"""

from __future__ import annotations

from typing import Final

from tiphys.expr.values import Struct, Value

_LETTERS: Final = 16
"""Letters of a text that count as one element."""
_MOST: Final = 1 << 40
"""Beyond this it does not matter how large; numbers would grow without end."""


class Weights:
    """The sizes of values that do not change meanwhile."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._known: dict[int, tuple[int, Value]] = {}

    def of(self, value: Value) -> int:
        """Return the number of elements, at all depths. Raises RecursionError."""
        if isinstance(value, str):
            return 1 + len(value) // _LETTERS
        if isinstance(value, list):
            return self._inner(value, value)
        if isinstance(value, dict):
            return self._inner(value, [*value, *value.values()])
        if isinstance(value, Struct):
            return self._inner(value, [*value.members.values()])
        return 1

    def _inner(self, value: Value, parts: list[object]) -> int:
        known = self._known.get(id(value))
        if known is None:
            # The value is kept, so that no other one gets its id.
            known = min(1 + sum(map(self.of, parts)), _MOST), value
            self._known[id(value)] = known
        return known[0]
