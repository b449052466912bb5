"""One evaluation under way: its names, its limits and its source of chance.

Every function that evaluates gets one. Chance is a hash of the seed and a counter, so the same
seed gives the same answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tiphys.expr.values import Context, Struct, Value
from tiphys.expr.weights import Weights

MAX_MEMORY: Final = 1_000_000
MAX_STEPS: Final = 5_000_000
MAX_TEXT: Final = 1 << 24
_LONG: Final = 1 << 10
"""Texts up to this length cost nothing worth counting."""
_SHIFT: Final = 8
"""Of longer ones, 256 letters count as one element."""


class Fault(Exception):
    """What went wrong in an operation, before anybody knows where in the source."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


class Running:
    """The state of one evaluation."""

    _memory = 0
    _steps = 0
    _drawn = 0
    _weights: Weights | None = None

    def __init__(self, env: Mapping[str, Value], context: Context) -> None:
        """Start an evaluation; nothing is spent yet."""
        self.env = env
        self.context = context
        self.scopes: list[list[Value]] = []
        self.variables: dict[int, Value] = {}

    def charge(self, elements: int) -> None:
        """Count elements allocated; raises Fault beyond the budget."""
        self._memory += elements
        if self._memory > MAX_MEMORY:
            raise Fault("memory budget exceeded")

    def step(self, turns: int = 1) -> None:
        """Count turns of a loop; raises Fault beyond the limit."""
        self._steps += turns
        if self._steps > MAX_STEPS:
            raise Fault("step budget exceeded")

    def text(self, text: str) -> str:
        """Return a text that was made, counted; raises Fault when it is too long."""
        if len(text) > _LONG:
            if len(text) > MAX_TEXT:
                raise Fault("memory budget exceeded")
            self.charge(len(text) >> _SHIFT)
        return text

    def read(self, value: Value) -> None:
        """Count a text, list or map that is gone through; raises Fault beyond the limit."""
        if isinstance(value, (str, list, dict)) and len(value) > _LONG:
            self.step(len(value) >> _SHIFT)

    def made(self, value: Value) -> Value:
        """Return what a function made, counted; raises Fault beyond the limit."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, (list, dict)) and len(value) > _LONG:
            self.charge(len(value) >> 4)
        return value

    def weigh(self, value: Value) -> None:
        """Count a value that is gone through with all that is in it; raises Fault likewise."""
        if isinstance(value, (list, dict, Struct)):
            if self._weights is None:
                self._weights = Weights()
            self.step(self._weights.of(value))

    def draw(self, count: int) -> bytes:
        """Return the next `count` bytes of chance; raises Fault when that is too many."""
        import hashlib

        self.charge(count)
        data = bytearray()
        while len(data) < count:
            data += hashlib.sha256(self.context.seed + b"/%d" % self._drawn).digest()
            self._drawn += 1
        return bytes(data[:count])

    def below(self, limit: int) -> int:
        """Return a whole number from 0 up to but not including `limit`."""
        return int.from_bytes(self.draw(16), "big") % limit
