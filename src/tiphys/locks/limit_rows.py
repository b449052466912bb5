"""The limits that people give semaphores of the database: Argo's table `sync_limit`."""

from __future__ import annotations

from tiphys.locks.tables import STATEMENTS
from tiphys.ports_database import Transaction, Write


class SqlLimitRows:
    """`LimitRows` on a home's database."""

    def __init__(self, write: Write) -> None:
        """Use the database behind `write`."""
        self._write = write

    async def create(self, name: str, limit: int) -> bool:
        """Add a limit; False if there is one."""
        statement = "INSERT INTO sync_limit VALUES (?, ?) ON CONFLICT DO NOTHING"
        return await self._change(statement, (name, limit))

    async def update(self, name: str, limit: int) -> bool:
        """Change a limit; False if there is none."""
        statement = "UPDATE sync_limit SET sizelimit = ? WHERE name = ?"
        return await self._change(statement, (limit, name))

    async def delete(self, name: str) -> bool:
        """Remove a limit; False if there is none."""
        return await self._change("DELETE FROM sync_limit WHERE name = ?", (name,))

    async def get(self, name: str) -> int | None:
        """Return a limit, None if there is none."""

        def work(db: Transaction) -> int | None:
            _prepare(db)
            query = "SELECT sizelimit FROM sync_limit WHERE name = ?"
            row = db.execute(query, (name,)).fetchone()
            return None if row is None else int(row[0])

        return await self._write(work)

    async def _change(self, statement: str, values: tuple[object, ...]) -> bool:
        def work(db: Transaction) -> bool:
            _prepare(db)
            return db.execute(statement, values).rowcount == 1

        return await self._write(work)


def _prepare(db: Transaction) -> None:
    for statement in STATEMENTS:
        if "TABLE IF NOT EXISTS sync_limit " in statement:
            db.execute(statement)
