"""The ledger of artifact deletions, in a database and in memory. See `ports.Deletions`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tiphys.errors import Corrupt
from tiphys.model.artifact_gc import Deletion
from tiphys.model.ids import RunId
from tiphys.ports import DeletionRow
from tiphys.ports_database import Database

_COLUMNS: Final = "run, namespace, deletion, state, tries, due_at, error"
_decode: Final = msgspec.json.Decoder(Deletion).decode
_encode: Final = msgspec.json.Encoder().encode


class SqlDeletions:
    """The rows of one database."""

    def __init__(self, database: Database) -> None:
        """Use a database that its store closes."""
        self._database = database

    async def add(self, rows: Sequence[DeletionRow]) -> None:
        """Keep new rows; rows that are there already stay as they are."""
        values = [_values(row) for row in rows]
        await self._database.write(
            lambda db: db.executemany(
                "INSERT INTO artifact_deletions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                values,
            )
        )

    async def due(self, at: float, limit: int) -> Sequence[DeletionRow]:
        """Return wanted rows whose time has come, the longest due first."""
        return await self._rows(
            "WHERE state = 'wanted' AND due_at <= ? ORDER BY due_at, run, node, name LIMIT ?",
            (at, limit),
        )

    async def next_due(self) -> float | None:
        """Return when the next wanted row is due, None if none is wanted."""
        query = "SELECT MIN(due_at) FROM artifact_deletions WHERE state = 'wanted'"
        (found,) = (await self._database.read(query))[0]
        return None if found is None else float(found)

    async def settle(self, row: DeletionRow) -> None:
        """Replace a row by what became of it."""
        key = (row.run, row.deletion.node, row.deletion.artifact.name)
        await self._database.write(
            lambda db: db.execute(
                "UPDATE artifact_deletions SET state = ?, tries = ?, due_at = ?, error = ?"
                " WHERE run = ? AND node = ? AND name = ?",
                (row.state, row.tries, row.due_at, row.error, *key),
            )
        )

    async def of(self, run: RunId) -> Sequence[DeletionRow]:
        """Return all rows of a run, by node and name."""
        return await self._rows("WHERE run = ? ORDER BY node, name", (run,))

    async def forget(self, run: RunId) -> None:
        """Remove the rows of a run."""
        await self._database.write(
            lambda db: db.execute("DELETE FROM artifact_deletions WHERE run = ?", (run,))
        )

    async def _rows(self, where: str, values: Sequence[object]) -> list[DeletionRow]:
        query = f"SELECT {_COLUMNS} FROM artifact_deletions {where}"  # noqa: S608 - our own words
        rows = await self._database.read(query, values)
        try:
            return [_row(row) for row in rows]
        except msgspec.MsgspecError as exc:
            raise Corrupt(f"the ledger of artifact deletions cannot be read: {exc}") from exc


class MemoryDeletions:
    """Rows in memory, lost with the process."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str], DeletionRow] = {}

    async def add(self, rows: Sequence[DeletionRow]) -> None:
        """Keep new rows; rows that are there already stay as they are."""
        for row in rows:
            self._rows.setdefault(_key(row), row)

    async def due(self, at: float, limit: int) -> Sequence[DeletionRow]:
        """Return wanted rows whose time has come, the longest due first."""
        found = [row for row in self._wanted() if row.due_at <= at]
        return sorted(found, key=lambda row: (row.due_at, _key(row)))[:limit]

    async def next_due(self) -> float | None:
        """Return when the next wanted row is due, None if none is wanted."""
        return min((row.due_at for row in self._wanted()), default=None)

    async def settle(self, row: DeletionRow) -> None:
        """Replace a row by what became of it."""
        if _key(row) in self._rows:
            self._rows[_key(row)] = row

    async def of(self, run: RunId) -> Sequence[DeletionRow]:
        """Return all rows of a run, by node and name."""
        return [self._rows[key] for key in sorted(self._rows) if key[0] == run]

    async def forget(self, run: RunId) -> None:
        """Remove the rows of a run."""
        self._rows = {key: row for key, row in self._rows.items() if key[0] != run}

    def _wanted(self) -> list[DeletionRow]:
        return [row for row in self._rows.values() if row.state == "wanted"]


def _key(row: DeletionRow) -> tuple[str, str, str]:
    return row.run, row.deletion.node, row.deletion.artifact.name


def _values(row: DeletionRow) -> tuple[object, ...]:
    return (
        *(*_key(row), row.namespace, _encode(row.deletion)),
        *(row.state, row.tries, row.due_at, row.error),
    )


def _row(found: tuple[Any, ...]) -> DeletionRow:
    run, namespace, deletion, *rest = found
    return DeletionRow(RunId(run), namespace, _decode(deletion), *rest)
