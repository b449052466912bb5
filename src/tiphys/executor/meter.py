"""How far a transfer has come: drivers count bytes, whoever moves an artifact looks.

The meter travels in a context variable, so that the port of drivers needs no argument for it; what
a driver does not count is not shown. Nothing here writes or prints.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

Action = Literal["loading", "saving", "packing"]


class Meter:
    """Bytes moved so far, and in all as far as known, of one artifact or of several together.

    Counting is done from any thread: an addition that is lost now and then does no harm.
    """

    def __init__(self, artifact: str, action: Action, total_bytes: int | None = None) -> None:
        """`total_bytes` is what will be moved, None as long as nobody knows."""
        self.artifact = artifact
        self.action = action
        self._given = total_bytes
        self._expected = 0
        self._moved = 0
        self._parts: list[Meter] = []
        self._growing = ""

    def part(self) -> Meter:
        """Return the meter of one of several transfers."""
        made = Meter(self.artifact, self.action)
        self._parts.append(made)
        return made

    def add(self, count: int) -> None:
        """Count bytes that were moved."""
        self._moved += count

    def expect(self, count: int) -> None:
        """Count bytes that are going to be."""
        self._expected += count

    def grow(self, path: str) -> None:
        """Count a file as it grows, until the next call; "" for none."""
        self._growing = path

    def restart(self) -> None:
        """Forget what was counted: the transfer begins once more."""
        self._moved = self._expected = 0
        self._growing = ""

    @property
    def moved_bytes(self) -> int:
        """What was moved so far."""
        own = self._moved + (_size(self._growing) if self._growing else 0)
        return own + sum(part.moved_bytes for part in self._parts)

    @property
    def total_bytes(self) -> int | None:
        """What is to be moved, None if that is not known."""
        if self._given is not None:
            return self._given
        known = self._expected + sum(part.total_bytes or 0 for part in self._parts)
        return known or None


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


_CURRENT: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def counting(meter: Meter | None) -> Iterator[None]:
    """Have what is moved inside counted by `meter`."""
    token = _CURRENT.set(meter)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current() -> Meter | None:
    """Return the meter of this transfer, None if nobody looks."""
    return _CURRENT.get()


def moved(count: int) -> None:
    """Count bytes that were moved, if somebody looks."""
    if (meter := _CURRENT.get()) is not None:
        meter.add(count)


def expected(count: int | None) -> None:
    """Count bytes that will be moved, if somebody looks."""
    if count and (meter := _CURRENT.get()) is not None:
        meter.expect(count)
