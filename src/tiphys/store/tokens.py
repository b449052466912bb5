"""The tokens of a home, beside its runs: hashes, never secrets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from tiphys.errors import Corrupt, NotFound
from tiphys.ports_database import Database, Transaction
from tiphys.ports_server import Grant, TokenRow

_GRANTS = msgspec.json.Decoder(list[Grant])
_COLUMNS = "id, name, digest, created_at, expires_at, grants"


class SqlTokens:
    """`TokenBook` in a database."""

    def __init__(self, database: Database) -> None:
        """Use a database that its store closes."""
        self._database = database

    async def add(self, row: TokenRow) -> None:
        """Keep a token; those that expired before it was made go."""
        grants = msgspec.json.encode(row.grants)

        def work(db: Transaction) -> None:
            db.execute("DELETE FROM tokens WHERE expires_at <= ?", (row.created_at,))
            db.execute(
                "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?)",
                (row.id, row.name, row.digest, row.created_at, row.expires_at, grants),
            )

        await self._database.write(work)

    async def find(self, identity: str) -> TokenRow | None:
        """Return a token, None if there is none."""
        rows = await self._database.read(f"SELECT {_COLUMNS} FROM tokens WHERE id = ?", (identity,))  # noqa: S608
        return _row(rows[0]) if rows else None

    async def list(self) -> Sequence[TokenRow]:
        """Return all tokens, the oldest first."""
        rows = await self._database.read(f"SELECT {_COLUMNS} FROM tokens ORDER BY created_at", ())  # noqa: S608
        return [_row(row) for row in rows]

    async def revoke(self, identity: str) -> None:
        """Remove a token. Raises NotFound."""

        def work(db: Transaction) -> None:
            if db.execute("DELETE FROM tokens WHERE id = ?", (identity,)).rowcount != 1:
                raise NotFound(f'there is no token "{identity}"; `tiphys auth list` shows them')

        await self._database.write(work)


def _row(found: tuple[Any, ...]) -> TokenRow:
    identity, name, digest, created_at, expires_at, grants = found
    try:
        return TokenRow(identity, name, digest, created_at, expires_at, _GRANTS.decode(grants))
    except msgspec.MsgspecError as exc:
        raise Corrupt(f"token {identity} cannot be read: {exc}") from exc
