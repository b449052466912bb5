"""Whose turn it is, of all processes that share a Postgres database."""

from __future__ import annotations

import contextlib
import secrets
from typing import Final

from tiphys.errors import WorldError
from tiphys.ports_database import Database, Transaction

_PUT: Final = (
    "INSERT INTO turns VALUES (?, ?, ?)"
    " ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, holder = excluded.holder"
)


class PostgresTurn:
    """What one process at a time does; it loses its turn when its lease has run out."""

    def __init__(self, database: Database, name: str, owner: str) -> None:
        """Prepare to take the turn called `name`, for the process `owner`."""
        self._database = database
        self._name = name
        self._owner = owner
        self._holder = secrets.token_hex(8)

    async def take(self) -> bool:
        """Try to become the one; tell whether this is it, now."""
        query = "SELECT 1 FROM turns WHERE name = ? AND holder = ?"
        if await self._database.read(query, (self._name, self._holder)):
            return True
        return await self._database.write(self._take)

    def _take(self, db: Transaction) -> bool:
        query = "SELECT owner, holder FROM turns WHERE name = ?"
        found = db.execute(query, (self._name,)).fetchone()
        if found is not None and self._database.is_alive(db, str(found[0])):
            return str(found[1]) == self._holder
        db.execute(_PUT, (self._name, self._owner, self._holder))
        return True

    async def give_up(self) -> None:
        """Let another be the one."""
        statement = "DELETE FROM turns WHERE name = ? AND holder = ?"
        with contextlib.suppress(WorldError):  # it is free when this process has ended
            await self._database.write(lambda db: db.execute(statement, (self._name, self._holder)))
