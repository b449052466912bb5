"""The few connections that read. Each query is a transaction of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from tiphys.ports_database import Row
from tiphys.store.dialect import translated
from tiphys.store.postgres_address import Address
from tiphys.store.postgres_errors import FOREIGN
from tiphys.store.postgres_link import STATEMENT_SECONDS, connect

_MOST: Final = 4
_CLOSE_SECONDS: Final = 5.0


class Reader:
    """Connections that are made when they are needed, in one event loop."""

    def __init__(self, address: Address) -> None:
        """Prepare; nothing is connected yet."""
        self._address = address
        self._free: list[asyncpg.Connection] = []
        self._room = asyncio.Semaphore(_MOST)

    async def read(self, query: str, values: Sequence[object] = ()) -> Sequence[Row]:
        """Return the rows of a query. Raises what asyncpg raises."""
        async with self._room:
            connection = await self._take()
            try:
                rows: list[Any] = await connection.fetch(
                    translated(query), *values, timeout=STATEMENT_SECONDS
                )
            except asyncpg.PostgresError:
                self._free.append(connection)
                raise
            except BaseException:  # who asked has gone, amid an answer
                connection.terminate()
                raise
            self._free.append(connection)
            return rows

    async def _take(self) -> asyncpg.Connection:
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():  # the server may have been started again meanwhile
                return connection
        return await connect(self._address)

    async def close(self) -> None:
        """Close all connections."""
        while self._free:
            connection = self._free.pop()
            try:
                await connection.close(timeout=_CLOSE_SECONDS)
            except FOREIGN:
                connection.terminate()
