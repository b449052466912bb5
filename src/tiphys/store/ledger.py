"""The ledger of artifact deletions, on SQLite and in memory.

It lies in the home's database, but its table is its own: it is made when it is first needed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from tiphys.errors import Corrupt, Permanent
from tiphys.model.artifact_gc import Deletion
from tiphys.model.ids import RunId
from tiphys.ports import LedgerRow
from tiphys.store.writer import Writer

_TABLE: Final = (
    """
    CREATE TABLE IF NOT EXISTS artifact_deletions (
        run TEXT NOT NULL,
        node TEXT NOT NULL,
        name TEXT NOT NULL,
        namespace TEXT NOT NULL,
        deletion BLOB NOT NULL,
        state TEXT NOT NULL,
        tries INTEGER NOT NULL,
        due_at REAL NOT NULL,
        error TEXT NOT NULL,
        PRIMARY KEY (run, node, name)
    ) WITHOUT ROWID
    """,
    """
    CREATE INDEX IF NOT EXISTS which_artifact_deletions_are_due
    ON artifact_deletions (due_at) WHERE state = 'wanted'
    """,
)
_COLUMNS: Final = "run, namespace, deletion, state, tries, due_at, error"
_decode: Final = msgspec.json.Decoder(Deletion).decode
_encode: Final = msgspec.json.Encoder().encode


class SqliteLedger:
    """Rows in the database `path`."""

    def __init__(self, path: Path) -> None:
        """Open the database. Raises Permanent."""
        self._path = path
        try:
            self._reader = _connect(path)
        except sqlite3.Error as exc:
            raise Permanent(f"the database {path} cannot be opened: {exc}") from exc
        self._writer = Writer(lambda: _connect(path))

    def close(self) -> None:
        """Finish writing and close."""
        self._writer.close()
        self._reader.close()

    async def add(self, rows: Sequence[LedgerRow]) -> None:
        """Keep new rows; rows that are there already stay as they are."""
        values = [_values(row) for row in rows]
        await self._writer.do(
            lambda db: db.executemany(
                "INSERT OR IGNORE INTO artifact_deletions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
        )

    async def due(self, at: float, limit: int) -> Sequence[LedgerRow]:
        """Return wanted rows whose time has come, the longest due first."""
        return self._read(
            "WHERE state = 'wanted' AND due_at <= ? ORDER BY due_at, run, node, name LIMIT ?",
            (at, limit),
        )

    async def next_due(self) -> float | None:
        """Return when the next wanted row is due, None if none is wanted."""
        found = self._reader.execute(
            "SELECT MIN(due_at) FROM artifact_deletions WHERE state = 'wanted'"
        ).fetchone()
        return None if found[0] is None else float(found[0])

    async def settle(self, row: LedgerRow) -> None:
        """Replace a row by what became of it."""
        key = (row.run, row.deletion.node, row.deletion.artifact.name)
        await self._writer.do(
            lambda db: db.execute(
                "UPDATE artifact_deletions SET state = ?, tries = ?, due_at = ?, error = ?"
                " WHERE run = ? AND node = ? AND name = ?",
                (row.state, row.tries, row.due_at, row.error, *key),
            )
        )

    async def of(self, run: RunId) -> Sequence[LedgerRow]:
        """Return all rows of a run, by node and name."""
        return self._read("WHERE run = ? ORDER BY node, name", (run,))

    async def forget(self, run: RunId) -> None:
        """Remove the rows of a run."""
        await self._writer.do(
            lambda db: db.execute("DELETE FROM artifact_deletions WHERE run = ?", (run,))
        )

    def _read(self, where: str, values: Sequence[object]) -> list[LedgerRow]:
        try:
            rows = self._reader.execute(
                f"SELECT {_COLUMNS} FROM artifact_deletions {where}",  # noqa: S608
                values,
            ).fetchall()
            return [_row(row) for row in rows]
        except sqlite3.Error as exc:
            raise Permanent(f"the database {self._path} cannot be read: {exc}") from exc
        except msgspec.MsgspecError as exc:
            raise Corrupt(f"the ledger in {self._path} cannot be read: {exc}") from exc


class MemoryLedger:
    """Rows in memory, lost with the process."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str], LedgerRow] = {}

    async def add(self, rows: Sequence[LedgerRow]) -> None:
        """Keep new rows; rows that are there already stay as they are."""
        for row in rows:
            self._rows.setdefault(_key(row), row)

    async def due(self, at: float, limit: int) -> Sequence[LedgerRow]:
        """Return wanted rows whose time has come, the longest due first."""
        found = [row for row in self._wanted() if row.due_at <= at]
        return sorted(found, key=lambda row: (row.due_at, _key(row)))[:limit]

    async def next_due(self) -> float | None:
        """Return when the next wanted row is due, None if none is wanted."""
        return min((row.due_at for row in self._wanted()), default=None)

    async def settle(self, row: LedgerRow) -> None:
        """Replace a row by what became of it."""
        if _key(row) in self._rows:
            self._rows[_key(row)] = row

    async def of(self, run: RunId) -> Sequence[LedgerRow]:
        """Return all rows of a run, by node and name."""
        return [self._rows[key] for key in sorted(self._rows) if key[0] == run]

    async def forget(self, run: RunId) -> None:
        """Remove the rows of a run."""
        self._rows = {key: row for key, row in self._rows.items() if key[0] != run}

    def _wanted(self) -> list[LedgerRow]:
        return [row for row in self._rows.values() if row.state == "wanted"]


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    for statement in _TABLE:
        db.execute(statement)
    return db


def _key(row: LedgerRow) -> tuple[str, str, str]:
    return row.run, row.deletion.node, row.deletion.artifact.name


def _values(row: LedgerRow) -> tuple[object, ...]:
    return (
        *(*_key(row), row.namespace, _encode(row.deletion)),
        *(row.state, row.tries, row.due_at, row.error),
    )


def _row(found: tuple[Any, ...]) -> LedgerRow:
    run, namespace, deletion, *rest = found
    return LedgerRow(RunId(run), namespace, _decode(deletion), *rest)
