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
        self._read: dict[str, int] = {}

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

    @contextmanager
    def reading(self, path: str) -> Iterator[None]:
        """Count a file as this process reads it inside, whoever does; all of it in the end."""
        self._read[path] = 0
        try:
            yield
            self.add(_size(path))
        finally:
            self._read.pop(path, None)

    def restart(self) -> None:
        """Forget what was counted: the transfer begins once more."""
        self._moved = self._expected = 0
        self._growing = ""

    @property
    def moved_bytes(self) -> int:
        """What was moved so far."""
        own = self._moved + (_size(self._growing) if self._growing else 0)
        if self._read:
            own += self._read_bytes()
        return own + sum(part.moved_bytes for part in self._parts)

    def _read_bytes(self) -> int:
        for path, position in _positions({*self._read}).items():
            if path in self._read:
                self._read[path] = max(self._read[path], position)
        return sum(self._read.values())

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


def _positions(paths: set[str]) -> dict[str, int]:
    """Return how far this process has read each of the files that it has open.

    Of a file that is open twice, the one that is behind counts: its digest is made meanwhile.
    """
    found: dict[str, int] = {}
    for fd in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(f"/proc/self/fd/{fd}")
            if path not in paths:
                continue
            with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as info:
                position = int(info.readline().split()[1])  # "pos:	1234"
        except (OSError, ValueError, IndexError):
            continue  # closed meanwhile
        found[path] = min(found.get(path, position), position)
    return found


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


@contextmanager
def read_by_others(path: str) -> Iterator[None]:
    """Count a file that a library of this process reads inside, if somebody looks."""
    meter = _CURRENT.get()
    if meter is None:
        yield
        return
    with meter.reading(path):
        yield
