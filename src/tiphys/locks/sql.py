"""Locks and room for all engine processes of one home, on its database.

Whoever releases a lock decides, in the same transaction, who gets it next, and writes that down.
If the next one belongs to another process, that process finds it when its lookout looks, a few
times a second while anything of it waits.

What is held outlives the process that asked for it: it belongs to the run, which asks again when
another process takes it over. What merely waits does not: a process that is dead would head a queue
for ever.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from tiphys.locks import queue
from tiphys.locks.book import News
from tiphys.locks.desk import Desk, Lives
from tiphys.locks.rooms import RoomLimits
from tiphys.locks.sql_book import SqlBook
from tiphys.locks.tables import STATEMENTS
from tiphys.messages import Granted
from tiphys.ports import Clock, Objects
from tiphys.ports_database import Read, Transaction, Write

_LOOK_SECONDS: Final = 0.1
_SWEEP_SECONDS: Final = 2.0
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Shared:
    """A home's database, as one of its processes has it.

    `controller` is this process's name, `living` tells which processes live, `lives` which runs do.
    """

    write: Write
    read: Read
    controller: str
    living: Callable[[Collection[str]], Awaitable[Collection[str]]]
    lives: Lives


class SqlLocks(Desk[SqlBook]):
    """An `Answerer` for locks and room, shared by the processes of a home."""

    def __init__(
        self, shared: Shared, objects: Objects, clock: Clock, room: RoomLimits | None = None
    ) -> None:
        """Prepare; the tables are made when they are first needed."""
        super().__init__(objects, clock, room)
        self._shared = shared
        self._is_prepared = False
        self._look_at = 0.0
        self._sweep_at = 0.0

    async def _apply(self, work: Callable[[SqlBook], _Result]) -> _Result:
        """Run work on the book in a transaction, in the database's own thread."""

        def transaction(db: Transaction) -> _Result:
            book = SqlBook(db, self._shared.controller)
            if not self._is_prepared:
                for statement in STATEMENTS:
                    db.execute(statement)
                book.enter(self._clock.now())
            return work(book)

        result = await self._shared.write(transaction)
        self._is_prepared = True
        return result

    async def _tick(self) -> None:
        """Look at what others did, a little later than the last time."""
        await self._clock.sleep_until(self._look_at)
        if self._clock.now() >= self._sweep_at:
            await self._clean_up()
            self._sweep_at = self._clock.now() + _SWEEP_SECONDS
        if await self._has_untold():
            await self._tell(lambda book: [News(*key, Granted()) for key in book.tell()])
        self._look_at = self._clock.now() + _LOOK_SECONDS

    async def _clean_up(self) -> None:
        """Drop what dead processes want and dead runs have; read limits of the database again."""
        others = await self._apply(SqlBook.others)
        living = await self._shared.living(others)
        dead = [one for one in others if one not in living]
        await self._tell(lambda book: self._without(book, dead))
        await self.sweep(self._shared.lives)

    def _without(self, book: SqlBook, dead: Sequence[str]) -> list[News]:
        lost = [key for controller in dead for key in book.leave(controller)]
        return [*self._drop(book, lost), *queue.limits_changed(book, {})]

    async def _has_untold(self) -> bool:
        query = "SELECT 1 FROM sync_question WHERE controller = ? AND held = 1 AND told = 0 LIMIT 1"
        return bool(await self._shared.read(query, (self._shared.controller,)))
