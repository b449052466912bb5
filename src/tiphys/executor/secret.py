"""Secret values: a type that cannot be printed, and texts in which they do not show.

Messages and errors are masked by value. What a job prints or writes is its own and stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

MASK: Final = "***"
_SHORTEST: Final = 4
"""Shorter values would mask half of every text, and say little."""


class SecretBytes:
    """The value of a Secret's key; only `reveal` gives it away."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Return the value, for the job it belongs to."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("secret values are not written down")


def mask(text: str, secrets: Iterable[SecretBytes]) -> str:
    """Return a text without the values of secrets: whole ones, and the lines of long ones."""
    if not text:
        return text
    hidden: set[str] = set()
    for secret in secrets:
        value = secret.reveal().decode("utf-8", "replace")
        hidden.update(part.strip() for part in (value, *value.splitlines()))
    for part in sorted(hidden, key=len, reverse=True):
        if len(part) >= _SHORTEST:
            text = text.replace(part, MASK)
    return text
