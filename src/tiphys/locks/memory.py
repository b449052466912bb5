"""Locks and room for the workflows of one process: simulations, and a run that is alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

from tiphys.locks.desk import Desk
from tiphys.locks.memory_book import MemoryBook
from tiphys.locks.rooms import RoomLimits
from tiphys.ports import Clock, Objects

_Result = TypeVar("_Result")


class MemoryLocks(Desk[MemoryBook]):
    """An `Answerer` for locks and room, lost with the process."""

    def __init__(
        self,
        objects: Objects,
        clock: Clock,
        room: RoomLimits | None = None,
        database_limits: Mapping[str, int] | None = None,
    ) -> None:
        """Start with nothing held.

        `database_limits` stand for the table `sync_limit`: "<namespace>/<key>" to limit.
        """
        super().__init__(objects, clock, room)
        self._book = MemoryBook(database_limits)

    async def _apply(self, work: Callable[[MemoryBook], _Result]) -> _Result:
        return work(self._book)

    async def _tick(self) -> None:
        """Never return: nobody else has this book."""
        await asyncio.get_running_loop().create_future()
