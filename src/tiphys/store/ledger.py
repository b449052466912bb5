"""The ledger of due times, in a database and in memory. See `ports.Ledger`.

What an outcome means is not known here: it is bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tiphys.errors import Conflict, LostOwnership
from tiphys.ports import DueRow
from tiphys.ports_database import Database, Transaction

_COLUMNS = "cron, at, owner, outcome, closed"


class SqlLedger:
    """The rows of one database."""

    def __init__(self, database: Database) -> None:
        """Use a database that its store closes."""
        self._database = database

    async def take(self, cron: str, at: int, owner: str) -> DueRow | None:
        """Become the one who decides about a due time; None if it is closed or another's."""

        def work(db: Transaction) -> DueRow | None:
            row = _find(db, cron, at)
            if row is None:
                db.execute("INSERT INTO due_times VALUES (?, ?, ?, ?, 0)", (cron, at, owner, b""))
                return DueRow(cron, at, owner)
            if row.closed or (row.owner != owner and self._database.is_alive(db, row.owner)):
                return None
            db.execute(
                "UPDATE due_times SET owner = ? WHERE cron = ? AND at = ?", (owner, cron, at)
            )
            return replace(row, owner=owner)

        return await self._database.write(work)

    async def decide(self, row: DueRow, outcome: bytes) -> DueRow:
        """Keep what was decided. Raises LostOwnership and Conflict."""

        def work(db: Transaction) -> DueRow:
            decided = _decided(_find(db, row.cron, row.at), row, outcome)
            db.execute(
                "UPDATE due_times SET outcome = ? WHERE cron = ? AND at = ?",
                (outcome, row.cron, row.at),
            )
            return decided

        return await self._database.write(work)

    async def close(self, row: DueRow) -> None:
        """Note that nothing is left to be done about a due time."""
        await self._database.write(
            lambda db: db.execute(
                "UPDATE due_times SET closed = 1 WHERE cron = ? AND at = ?", (row.cron, row.at)
            )
        )

    async def left(self, owner: str) -> Sequence[DueRow]:
        """Return the open rows that no living owner but this one has, oldest first."""
        query = f"SELECT {_COLUMNS} FROM due_times WHERE closed = 0 ORDER BY at"  # noqa: S608
        rows = [_row(found) for found in await self._database.read(query, ())]
        living = await self._database.living({row.owner for row in rows})
        return [row for row in rows if row.owner == owner or row.owner not in living]

    async def rows(self, cron: str, most: int) -> Sequence[DueRow]:
        """Return the latest rows of a CronWorkflow, newest first."""
        query = f"SELECT {_COLUMNS} FROM due_times WHERE cron = ? ORDER BY at DESC LIMIT ?"  # noqa: S608
        return [_row(found) for found in await self._database.read(query, (cron, most))]

    async def crons(self) -> Sequence[str]:
        """Return the uids of the CronWorkflows that have rows, or a runtime."""
        query = "SELECT cron FROM due_times UNION SELECT cron FROM cron_runtimes"
        return [cron for (cron,) in await self._database.read(query, ())]

    async def forget(self, cron: str, before: int | None = None) -> None:
        """Remove the closed rows up to a due time; all there is if None."""

        def work(db: Transaction) -> None:
            if before is None:
                db.execute("DELETE FROM due_times WHERE cron = ?", (cron,))
                db.execute("DELETE FROM cron_runtimes WHERE cron = ?", (cron,))
            else:
                db.execute(
                    "DELETE FROM due_times WHERE cron = ? AND at <= ? AND closed = 1",
                    (cron, before),
                )

        await self._database.write(work)

    async def set_runtime(self, cron: str, runtime: str) -> None:
        """Keep where the workflows of a CronWorkflow run; "" is wherever others do."""

        def work(db: Transaction) -> None:
            db.execute("DELETE FROM cron_runtimes WHERE cron = ?", (cron,))
            if runtime:
                db.execute("INSERT INTO cron_runtimes VALUES (?, ?)", (cron, runtime))

        await self._database.write(work)

    async def runtime(self, cron: str) -> str:
        """Return where the workflows of a CronWorkflow run, "" if nobody said so."""
        query = "SELECT runtime FROM cron_runtimes WHERE cron = ?"
        return next((str(name) for (name,) in await self._database.read(query, (cron,))), "")


def _find(db: Transaction, cron: str, at: int) -> DueRow | None:
    found = db.execute(
        f"SELECT {_COLUMNS} FROM due_times WHERE cron = ? AND at = ?",  # noqa: S608
        (cron, at),
    ).fetchone()
    return None if found is None else _row(found)


def _row(found: tuple[Any, ...]) -> DueRow:
    cron, at, owner, outcome, closed = found
    return DueRow(cron, at, owner, bytes(outcome), bool(closed))


def _decided(present: DueRow | None, row: DueRow, outcome: bytes) -> DueRow:
    """Return a row with its decision. Raises LostOwnership and Conflict."""
    if present is None or present.owner != row.owner:
        raise LostOwnership(f"due time {row.at} of {row.cron} has another owner")
    if present.outcome:
        raise Conflict(f"due time {row.at} of {row.cron} is decided")
    return replace(row, outcome=outcome)


class MemoryLedger:
    """The rows in a memory that several owners share; `is_alive` knows their names."""

    def __init__(
        self,
        rows: dict[tuple[str, int], DueRow],
        runtimes: dict[str, str],
        is_alive: Callable[[str], bool],
    ) -> None:
        """Keep rows in a dictionary, and runtimes by uid in another one."""
        self._rows = rows
        self._runtimes = runtimes
        self._is_alive = is_alive

    async def take(self, cron: str, at: int, owner: str) -> DueRow | None:
        """Become the one who decides about a due time; None if it is closed or another's."""
        row = self._rows.get((cron, at), DueRow(cron, at, owner))
        if row.closed or (row.owner != owner and self._is_alive(row.owner)):
            return None
        self._rows[cron, at] = replace(row, owner=owner)
        return self._rows[cron, at]

    async def decide(self, row: DueRow, outcome: bytes) -> DueRow:
        """Keep what was decided. Raises LostOwnership and Conflict."""
        key = (row.cron, row.at)
        self._rows[key] = _decided(self._rows.get(key), row, outcome)
        return self._rows[key]

    async def close(self, row: DueRow) -> None:
        """Note that nothing is left to be done about a due time."""
        present = self._rows.get((row.cron, row.at))
        if present is not None:
            self._rows[row.cron, row.at] = replace(present, closed=True)

    async def left(self, owner: str) -> Sequence[DueRow]:
        """Return the open rows that no living owner but this one has, oldest first."""
        rows = (row for row in self._rows.values() if not row.closed)
        free = [row for row in rows if row.owner == owner or not self._is_alive(row.owner)]
        return sorted(free, key=lambda row: row.at)

    async def rows(self, cron: str, most: int) -> Sequence[DueRow]:
        """Return the latest rows of a CronWorkflow, newest first."""
        own = (row for row in self._rows.values() if row.cron == cron)
        return sorted(own, key=lambda row: row.at, reverse=True)[:most]

    async def crons(self) -> Sequence[str]:
        """Return the uids of the CronWorkflows that have rows, or a runtime."""
        return [*dict.fromkeys([*(row.cron for row in self._rows.values()), *self._runtimes])]

    async def forget(self, cron: str, before: int | None = None) -> None:
        """Remove the closed rows up to a due time; all there is if None."""
        if before is None:
            self._runtimes.pop(cron, None)
        for key, row in [*self._rows.items()]:
            mine = row.cron == cron
            if mine and (before is None or (row.closed and row.at <= before)):
                del self._rows[key]

    async def set_runtime(self, cron: str, runtime: str) -> None:
        """Keep where the workflows of a CronWorkflow run; "" is wherever others do."""
        self._runtimes.pop(cron, None)
        if runtime:
            self._runtimes[cron] = runtime

    async def runtime(self, cron: str) -> str:
        """Return where the workflows of a CronWorkflow run, "" if nobody said so."""
        return self._runtimes.get(cron, "")
