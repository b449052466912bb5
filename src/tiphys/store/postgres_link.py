"""A connection to Postgres that waits for each answer, for the writing thread and for migrations.

The thread has an event loop of its own. Whoever writes takes one lock of the whole database first,
so that a transaction is alone in it, as it is in SQLite: numbers of changes are committed in order,
and books (locks, objects) are never changed by two at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import asyncpg

from tiphys.store.dialect import translated, translated_table
from tiphys.store.postgres_address import Address
from tiphys.store.postgres_errors import FOREIGN, is_passing

WRITER_LOCK: Final = 0x74697068
"""The number of the lock that whoever writes holds ("tiph")."""
CHANNEL: Final = "tiphys"
"""Where others hear of a commit (an empty text) or are woken (the name of a process)."""
STATEMENT_SECONDS: Final = 90.0
_LOCK_SECONDS: Final = 60
_IDLE_SECONDS: Final = 30
"""A process that stands still amid a transaction, which keeps all others waiting, loses it."""
_CLOSE_SECONDS: Final = 5.0
_MOST_PREPARED: Final = 300
_TABLE: Final = re.compile(r"\s*CREATE TABLE (IF NOT EXISTS )?(\w+)")


class PostgresFound:
    """What a statement found or did."""

    def __init__(self, rows: Sequence[Any], status: str) -> None:
        """Take the rows, and the server's closing words such as "UPDATE 3"."""
        self._rows = iter(rows)
        last = status.rpartition(" ")[2]
        self.rowcount = int(last) if last.isdigit() else -1

    def fetchone(self) -> Any:
        """Return the next row, None after the last."""
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        return [*self._rows]

    def __iter__(self) -> Iterator[Any]:
        return self._rows


class PostgresTransaction:
    """`Transaction` on a connection of one thread's event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: asyncpg.Connection) -> None:
        """Use a connection that was made in `loop`."""
        self._loop = loop
        self._connection = connection
        self._prepared: dict[str, Any] = {}

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> PostgresFound:
        """Run one statement."""
        if statement.lstrip().startswith("CREATE "):
            return self._make(statement)
        return self._loop.run_until_complete(self._execute(statement, values))

    async def _execute(self, statement: str, values: Sequence[Any]) -> PostgresFound:
        prepared = self._prepared.get(statement)
        if prepared is None:
            if len(self._prepared) >= _MOST_PREPARED:
                self._prepared.clear()
            prepared = await self._connection.prepare(translated(statement))
            self._prepared[statement] = prepared
        rows = await prepared.fetch(*values, timeout=STATEMENT_SECONDS)
        return PostgresFound(rows, prepared.get_statusmsg() or "")

    def executemany(self, statement: str, values: Iterable[Sequence[Any]], /) -> None:
        """Run one statement for each of many values, sent together."""
        rows = [*values]
        if len(rows) == 1:
            self.execute(statement, rows[0])
        elif rows:
            many = self._connection.executemany(translated(statement), rows)
            self._loop.run_until_complete(asyncio.wait_for(many, STATEMENT_SECONDS))

    def run(self, script: str) -> None:
        """Run statements without values, sent together."""
        self._loop.run_until_complete(self._connection.execute(script, timeout=STATEMENT_SECONDS))

    def _make(self, statement: str) -> PostgresFound:
        """Make a table or an index; a table that is there, perhaps Argo's own, is used."""
        found = _TABLE.match(statement)
        if not (found and found[1] and self.has_table(found[2])):
            self.run(translated_table(statement))
        return PostgresFound((), "")

    def has_table(self, name: str) -> bool:
        """Tell whether there is a table of that name, in our schema or another one we see.

        A connection hears of others' tables when it locks one: without `pg_class` it may take for
        missing what it has looked for once.
        """
        query = "SELECT to_regclass(CAST(? AS TEXT)) IS NOT NULL FROM pg_catalog.pg_class LIMIT 1"
        row = self.execute(query, (name,)).fetchone()
        return bool(row[0])


class PostgresLink:
    """A connection and the event loop it is used in; see `writer.Link`."""

    def __init__(self, address: Address) -> None:
        """Connect. Raises what asyncpg raises."""
        self._loop = asyncio.new_event_loop()
        try:
            self._connection = self._loop.run_until_complete(connect(address))
        except BaseException:
            self._close_loop()
            raise
        self.db = PostgresTransaction(self._loop, self._connection)
        self._kept = ""

    def begin(self) -> None:
        """Begin a transaction that is alone in the database."""
        self._kept = ""
        self.db.run(f"BEGIN; SELECT pg_advisory_xact_lock({WRITER_LOCK})")

    def commit(self) -> None:
        """Return when the transaction is on the server's disk; others hear of it."""
        self.db.run(f"SELECT pg_notify('{CHANNEL}', ''); COMMIT")

    def roll_back(self) -> None:
        """End the transaction without effect."""
        self.db.run("ROLLBACK")

    def save(self) -> None:
        """Begin a part of the transaction."""
        self.db.run(f"{self._kept}SAVEPOINT one")
        self._kept = ""

    def keep(self) -> None:
        """End the part; the server is told together with what comes next."""
        self._kept = "RELEASE one; "

    def undo(self) -> None:
        """End the part without effect."""
        self.db.run("ROLLBACK TO one; RELEASE one")

    def is_broken_by(self, error: BaseException) -> bool:
        """Tell whether the whole transaction is lost; else only who met the error is."""
        return is_passing(error) or self._connection.is_closed()

    def is_open(self) -> bool:
        """Tell whether the server is still there, as far as one can know without asking it."""
        self._loop.run_until_complete(asyncio.sleep(0))  # hear that it has hung up
        return not self._connection.is_closed()

    def close(self) -> None:
        """Close the connection; what is not committed is lost."""
        with contextlib.suppress(*FOREIGN):
            if not self._connection.is_closed():
                self._loop.run_until_complete(self._connection.close(timeout=_CLOSE_SECONDS))
        self._connection.terminate()
        self._close_loop()

    def _close_loop(self) -> None:
        self._loop.run_until_complete(asyncio.sleep(0))  # sockets are closed in the next turn
        self._loop.close()


async def connect(address: Address) -> asyncpg.Connection:
    """Return a connection that sees our schema first, then that of Argo's archive."""
    return await asyncpg.connect(
        address.url,
        timeout=address.connect_seconds,
        server_settings={
            "application_name": "tiphys",
            "search_path": "tiphys, public",
            "lock_timeout": f"{_LOCK_SECONDS}s",
            "idle_in_transaction_session_timeout": f"{_IDLE_SECONDS}s",
            "tcp_keepalives_idle": "30",
            "timezone": "UTC",
        },
    )
