"""Transfers that take long: in the live tree, as a line now and then in a pipe, and of one command.

Nothing here decides anything: bytes are counted by drivers and written down by the engine.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from tiphys.cli.render.sizes import transfer
from tiphys.cli.render.times import clock
from tiphys.cli.session import write

if TYPE_CHECKING:
    from tiphys.service.moving import Meter, Moves

TREE_SECONDS = 1.0
LINE_SECONDS = 10.0
_FIRST_SECONDS = 0.5
_DRAW_SECONDS = 0.2


class Told(Protocol):
    """A transfer, here or on a server: an artifact, and bytes so far and in all."""

    @property
    def artifact(self) -> str:
        """Return the artifact's name."""
        ...

    @property
    def action(self) -> str:
        """Return `loading` or `saving`."""
        ...

    @property
    def moved_bytes(self) -> int:
        """Return how much has moved."""
        ...

    @property
    def total_bytes(self) -> int | None:
        """Return how much there is, None if that is not known."""
        ...


def transfer_text(told: Told) -> str:
    """Return what is told of a transfer."""
    return transfer(f"{told.action} {told.artifact}", told.moved_bytes, told.total_bytes)


class Notes:
    """What the live tree shows beside nodes; looked up once a second, however often it draws."""

    def __init__(self, moves: Moves) -> None:
        """Begin with nothing known."""
        self._moves = moves
        self._known: dict[str, str] = {}
        self._looked_at = 0.0

    def __call__(self) -> Mapping[str, str]:
        """Return the note of each node that has one, by its id."""
        now = time.monotonic()
        if now - self._looked_at >= TREE_SECONDS:
            self._looked_at = now
            self._known = {
                key: transfer_text(moving) for key, (_, moving) in self._moves.now().items()
            }
        return self._known


@asynccontextmanager
async def lines(moves: Moves, every_seconds: float = LINE_SECONDS) -> AsyncIterator[None]:
    """Print a line for each transfer every so often, as long as this is open."""

    async def tell() -> None:
        while True:
            await asyncio.sleep(every_seconds)
            now = clock(time.time())
            for name, moving in moves.now().values():
                write(f"{now}  {name}  {transfer_text(moving)}\n")

    async with _beside(asyncio.create_task(tell())):
        yield


@asynccontextmanager
async def shown(meter: Meter) -> AsyncIterator[None]:
    """Show one transfer on standard error while it lasts: in place, or a line now and then."""
    is_live = sys.stderr.isatty()
    began = time.monotonic()

    def text() -> str:
        moved, total = meter.moved_bytes, meter.total_bytes
        return transfer(meter.artifact, moved, total, moved / (time.monotonic() - began))

    async def draw() -> None:
        await asyncio.sleep(_FIRST_SECONDS if is_live else LINE_SECONDS)
        while True:
            sys.stderr.write(f"\r\x1b[K{text()}" if is_live else f"{text()}\n")
            sys.stderr.flush()
            await asyncio.sleep(_DRAW_SECONDS if is_live else LINE_SECONDS)

    async with _beside(asyncio.create_task(draw())):
        yield
    if is_live:
        sys.stderr.write("\r\x1b[K")


@asynccontextmanager
async def _beside(task: asyncio.Task[None]) -> AsyncIterator[None]:
    """Have a task run for as long as this is open."""
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
