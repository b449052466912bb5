"""The tokens of a home, beside its runs: hashes, never secrets."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tiphys.errors import Corrupt, NotFound
from tiphys.ports_server import Grant, TokenRow
from tiphys.store.writer import Writer

_GRANTS = msgspec.json.Decoder(list[Grant])
_COLUMNS = "id, name, digest, created_at, expires_at, grants"
Read = Callable[[str, Sequence[object]], Sequence[tuple[Any, ...]]]


class SqliteTokens:
    """`TokenBook` over the writer and the reader of a `SqliteStore`."""

    def __init__(self, writer: Writer, read: Read) -> None:
        """Use what the store of this home has opened."""
        self._writer = writer
        self._read = read

    async def add(self, row: TokenRow) -> None:
        """Keep a token; those that expired before it was made go."""
        grants = msgspec.json.encode(row.grants)

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM tokens WHERE expires_at <= ?", (row.created_at,))
            db.execute(
                "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?)",
                (row.id, row.name, row.digest, row.created_at, row.expires_at, grants),
            )

        await self._writer.do(work)

    async def find(self, identity: str) -> TokenRow | None:
        """Return a token, None if there is none."""
        rows = self._read(f"SELECT {_COLUMNS} FROM tokens WHERE id = ?", (identity,))  # noqa: S608
        return _row(rows[0]) if rows else None

    async def list(self) -> Sequence[TokenRow]:
        """Return all tokens, the oldest first."""
        rows = self._read(f"SELECT {_COLUMNS} FROM tokens ORDER BY created_at", ())  # noqa: S608
        return [_row(row) for row in rows]

    async def revoke(self, identity: str) -> None:
        """Remove a token. Raises NotFound."""

        def work(db: sqlite3.Connection) -> None:
            if db.execute("DELETE FROM tokens WHERE id = ?", (identity,)).rowcount != 1:
                raise NotFound(f'there is no token "{identity}"; `tiphys auth list` shows them')

        await self._writer.do(work)


def _row(found: tuple[Any, ...]) -> TokenRow:
    identity, name, digest, created_at, expires_at, grants = found
    try:
        return TokenRow(identity, name, digest, created_at, expires_at, _GRANTS.decode(grants))
    except msgspec.MsgspecError as exc:
        raise Corrupt(f"token {identity} cannot be read: {exc}") from exc
