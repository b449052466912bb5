"""The file `moving` of a job directory: what artifact is on its way, for whoever looks on.

It is written only for transfers that take a while, once a second, and is gone at their end. It is
no event: nobody decides anything by it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import msgspec

from tiphys.executor import contract
from tiphys.executor.meter import Action, Meter

FIRST_SECONDS: Final = 0.5
"""A transfer that is over sooner is never told of."""
EVERY_SECONDS: Final = 1.0
_STALE_SECONDS: Final = 10.0
"""What is older was left by an engine that was killed."""


class Moving(msgspec.Struct, frozen=True):
    """What is on its way: an artifact, and bytes so far and in all (None: not known)."""

    artifact: str
    action: Action
    moved_bytes: int
    total_bytes: int | None = None


_decode: Final = msgspec.json.Decoder(Moving).decode
_encode: Final = msgspec.json.Encoder().encode


class MoveFile:
    """Writes the file for one job."""

    def __init__(self, directory: str) -> None:
        """`directory` is the job's."""
        self._path = f"{directory}/{contract.MOVING}"

    @contextmanager
    def showing(self, meter: Meter) -> Iterator[Meter]:
        """Show a transfer while it lasts."""
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle | None = None

        def tick() -> None:
            nonlocal timer
            self._write(meter)
            timer = loop.call_later(EVERY_SECONDS, tick)

        first = timer = loop.call_later(FIRST_SECONDS, tick)
        try:
            yield meter
        finally:
            timer.cancel()
            if timer is not first:
                with suppress(OSError):
                    os.unlink(self._path)

    def _write(self, meter: Meter) -> None:
        told = Moving(meter.artifact, meter.action, meter.moved_bytes, meter.total_bytes)
        with suppress(OSError):  # a full disk is the transfer's own trouble
            contract.write_file(self._path, _encode(told))


def read_moving(directory: str) -> Moving | None:
    """Return what a job is loading or saving, None if that is nothing or not known."""
    path = f"{directory}/{contract.MOVING}"
    try:
        if time.time() - os.stat(path).st_mtime > _STALE_SECONDS:
            return None
        return _decode(contract.read_file(path) or b"")
    except (OSError, msgspec.DecodeError):
        return None
