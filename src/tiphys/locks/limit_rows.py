"""The limits that people give semaphores of the database: Argo's table `sync_limit`."""

from __future__ import annotations

import sqlite3

from tiphys.locks.sql import Write
from tiphys.locks.tables import STATEMENTS


class SqlLimitRows:
    """`LimitRows` on a home's database."""

    def __init__(self, write: Write) -> None:
        """Use the database behind `write`."""
        self._write = write

    async def create(self, name: str, limit: int) -> bool:
        """Add a limit; False if there is one."""
        return await self._change("INSERT OR IGNORE INTO sync_limit VALUES (?, ?)", (name, limit))

    async def update(self, name: str, limit: int) -> bool:
        """Change a limit; False if there is none."""
        statement = "UPDATE sync_limit SET sizelimit = ? WHERE name = ?"
        return await self._change(statement, (limit, name))

    async def delete(self, name: str) -> bool:
        """Remove a limit; False if there is none."""
        return await self._change("DELETE FROM sync_limit WHERE name = ?", (name,))

    async def get(self, name: str) -> int | None:
        """Return a limit, None if there is none."""

        def work(db: sqlite3.Connection) -> int | None:
            _prepare(db)
            query = "SELECT sizelimit FROM sync_limit WHERE name = ?"
            row = db.execute(query, (name,)).fetchone()
            return None if row is None else int(row[0])

        return await self._write(work)

    async def _change(self, statement: str, values: tuple[object, ...]) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            _prepare(db)
            return db.execute(statement, values).rowcount == 1

        return await self._write(work)


def _prepare(db: sqlite3.Connection) -> None:
    for statement in STATEMENTS:
        if "TABLE IF NOT EXISTS sync_limit " in statement:
            db.execute(statement)
