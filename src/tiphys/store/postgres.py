"""Postgres as the database of one home or of many: one thread writes, a few connections read.

A second thread has the event loop of what reads, listens for what other processes commit, and
keeps this process alive in the table `engines`. So nothing here depends on the caller's loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Collection, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from tiphys.errors import TiphysError
from tiphys.ports_database import Row, Transaction, Turn
from tiphys.store.owners import Owner
from tiphys.store.postgres_address import Address
from tiphys.store.postgres_archive import enter_archive
from tiphys.store.postgres_errors import FOREIGN, refusal
from tiphys.store.postgres_leases import Leases, living_query
from tiphys.store.postgres_link import CHANNEL, PostgresLink
from tiphys.store.postgres_listener import Listener
from tiphys.store.postgres_reader import Reader
from tiphys.store.postgres_tables import bring_up_to_date
from tiphys.store.postgres_talk import Talk
from tiphys.store.postgres_turn import PostgresTurn
from tiphys.store.sql_store import SqlStore
from tiphys.store.writer import Writer

_LOOK_SECONDS: Final = 2.0
"""How often one looks for changes nevertheless: a listener may just be connecting again."""
_CLOSE_SECONDS: Final = 10.0
_Result = TypeVar("_Result")


class PostgresStore(SqlStore):
    """A store in Postgres. `owner` is this process, None for one that only reads."""

    def __init__(self, address: Address, home: Path, owner: Owner | None = None) -> None:
        """Open the database, making its tables if it is new. Raises Permanent and Transient."""
        super().__init__(PostgresDatabase(address, home, owner), owner)


class PostgresDatabase:
    """`Database` in Postgres. `home` is this process's own, where its processes are known to it."""

    archived_json = "CAST(CAST(? AS TEXT) AS JSONB)"
    archived_part = (
        "CAST(CAST(workflow AS JSONB) #- '{spec,templates}' #- '{status,nodes}'"
        " #- '{status,storedTemplates}' AS TEXT)"
    )
    archived_time = "COALESCE(CAST(CAST(? AS TEXT) AS TIMESTAMP), TIMESTAMP '0001-01-01 00:00:00')"

    def __init__(self, address: Address, home: Path, owner: Owner | None = None) -> None:
        """Open the database, making its tables if it is new. Raises Permanent and Transient."""
        self.name = address.name
        self._address = address
        self._leases = Leases(home)
        self._owner = "" if owner is None else owner.name
        with ThreadPoolExecutor(1) as other:  # this one may be busy with an event loop
            other.submit(self._prepare, owner).result()
        self._reader = Reader(address)
        self._talk = Talk(self._reader, self._owner)
        self._listener = Listener(address, None if owner is None else owner.name, home, self._talk)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._turn, name="tiphys-postgres", daemon=True)
        self._thread.start()
        self._tasks: list[asyncio.Task[None]] = []
        self._run(self._begin(owner))
        self._writer = Writer(
            lambda: PostgresLink(address), lambda exc: refusal(exc, self.name, "written")
        )

    def _prepare(self, owner: Owner | None) -> None:
        """Make the database ready, and this process alive in it."""
        try:
            link = PostgresLink(self._address)
            try:
                bring_up_to_date(link, self.name)
                if owner is not None:
                    link.begin()
                    enter_archive(link.db)
                    self._leases.renew(link.db, owner.name)
                    link.commit()
            finally:
                link.close()
        except (*FOREIGN, ValueError) as exc:  # ValueError: what the driver says of the address
            raise refusal(exc, self.name, "opened") from exc

    # --------------------------------------------------------------------- the other thread

    def _turn(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(_leave())
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Do something in the other thread and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _begin(self, owner: Owner | None) -> None:
        keeping = [self._listener.listen()]
        if owner is not None:
            keeping.append(self._leases.keep(self._reader, owner.name))
        self._tasks = [asyncio.ensure_future(one) for one in keeping]

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._leases.give_up(self._reader)
        await self._reader.close()

    # ----------------------------------------------------------------------------- the port

    async def write(self, work: Callable[[Transaction], _Result], /) -> _Result:
        """Run work in a transaction and return its result once that is on the server's disk."""
        try:
            return await self._writer.do(work)
        except FOREIGN as exc:  # of this work alone: a text that Postgres does not take
            raise refusal(exc, self.name, "written") from exc

    async def read(self, query: str, values: Sequence[object] = (), /) -> Sequence[Row]:
        """Return the rows of a query. Raises Transient and Permanent."""
        try:
            asked = asyncio.run_coroutine_threadsafe(self._reader.read(query, values), self._loop)
            return await asyncio.wrap_future(asked)
        except FOREIGN as exc:
            raise refusal(exc, self.name, "read") from exc

    def look(self, query: str, values: Sequence[object] = ()) -> Sequence[Row]:
        """Return the rows of a query at once. Raises Transient and Permanent."""
        try:
            return self._run(self._reader.read(query, values))
        except FOREIGN as exc:
            raise refusal(exc, self.name, "read") from exc

    def is_alive(self, db: Transaction, owner: str) -> bool:
        """Tell, inside a transaction, whether a process that owns something lives."""
        rows = db.execute(living_query(1), (owner,)).fetchall()
        return bool(self._leases.living(rows))

    async def living(self, owners: Collection[str]) -> Collection[str]:
        """Return which of these processes live."""
        if not owners:
            return ()
        rows = await self.read(living_query(len(owners)), [*owners])
        return self._leases.living(rows)

    async def wake(self, owner: str) -> None:
        """Tell a process to look for requests, wherever it runs; a dead one does not hear it."""
        with contextlib.suppress(TiphysError):  # the request is kept, and its owner looks as well
            await self.read("SELECT pg_notify(CAST(? AS TEXT), CAST(? AS TEXT))", (CHANNEL, owner))

    async def ask(self, owner: str, question: str) -> str | None:
        """Return what another process answers within a moment, None if it does not."""
        if owner == self._owner:
            return None
        asked = asyncio.run_coroutine_threadsafe(self._talk.ask(owner, question), self._loop)
        return await asyncio.wrap_future(asked)

    def on_question(self, answer: Callable[[str], str]) -> None:
        """Have questions of other processes answered, in a thread of their own."""
        self._talk.answer = answer

    def on_change(self, ring: Callable[[], None]) -> float:
        """Have `ring` called when another process has changed something."""
        self._listener.rings.append(ring)
        return _LOOK_SECONDS

    def turn(self, name: str) -> Turn:
        """Return a row of the table `turns`."""
        return PostgresTurn(self, name, self._owner)

    def close(self) -> None:
        """Finish writing and close."""
        self._writer.close()
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(_CLOSE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


async def _leave() -> None:
    """Cancel what still waits in this loop, for a server that does not answer."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
