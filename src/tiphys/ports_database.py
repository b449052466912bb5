"""What a database offers to those who keep rows in it: SQLite and Postgres alike.

Statements are written once, in the SQL that both understand, with `?` for values; what differs is
translated by the adapter (`store/dialect.py`). Apart from `ports.py`: only adapters use this.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

_Result = TypeVar("_Result")
Row: TypeAlias = tuple[Any, ...]


class Found(Protocol):
    """What a statement found or did."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        ...

    def fetchone(self) -> Any:
        """Return the next row, None after the last."""
        ...

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Transaction(Protocol):
    """A transaction that is alone in its database: no other one writes until it is committed."""

    def execute(self, statement: str, values: Sequence[Any] = ..., /) -> Found:
        """Run one statement."""
        ...

    def executemany(self, statement: str, values: Iterable[Sequence[Any]], /) -> object:
        """Run one statement for each of many values."""
        ...


class Write(Protocol):
    """Runs work in a transaction and returns its result once that is committed.

    Raises what the work raises; Permanent if the database cannot be written, Transient if it
    cannot be reached at present. After a Transient the work may have been done nevertheless.
    """

    async def __call__(self, work: Callable[[Transaction], _Result], /) -> _Result:
        """Run the work. It is called in another thread, and may be called once only."""
        ...


class Read(Protocol):
    """Returns the rows of a query. Raises Transient, Permanent and Corrupt."""

    async def __call__(self, query: str, values: Sequence[object] = (), /) -> Sequence[Row]:
        """Run the query."""
        ...


class Turn(Protocol):
    """What one process of all at a time does, as long as it lives."""

    async def take(self) -> bool:
        """Try to become the one; tell whether this is it, now."""
        ...

    async def give_up(self) -> None:
        """Let another be the one."""
        ...


class Database(Protocol):
    """A database, and who of those that share it is alive."""

    name: str
    """How people know it; no password is in it."""
    archived_json: str
    """The SQL that takes the text of a document into the archive's column, with its `?`."""
    archived_part: str
    """The SQL that yields, as JSON text, what lists show of an archived document: without its
    templates and nodes, which are most of it."""
    archived_time: str
    """The same for a time in RFC 3339, or NULL."""

    async def write(self, work: Callable[[Transaction], _Result], /) -> _Result:
        """See `Write`."""
        ...

    async def read(self, query: str, values: Sequence[object] = (), /) -> Sequence[Row]:
        """See `Read`."""
        ...

    def look(self, query: str, values: Sequence[object] = ()) -> Sequence[Row]:
        """Return the rows of a query at once, for the few who cannot wait for `read`."""
        ...

    def is_alive(self, db: Transaction, owner: str) -> bool:
        """Tell, inside a transaction, whether a process that owns something lives."""
        ...

    async def living(self, owners: Collection[str]) -> Collection[str]:
        """Return which of these processes live."""
        ...

    async def wake(self, owner: str) -> None:
        """Tell a process to look for requests; a dead one does not hear it."""
        ...

    async def ask(self, owner: str, question: str) -> str | None:
        """Return what another process answers within a moment, None if it does not.

        Both texts are short, a few thousand bytes. Who shares the disk need not be asked.
        """
        ...

    def on_question(self, answer: Callable[[str], str]) -> None:
        """Have questions of other processes answered, in a thread of their own."""
        ...

    def on_change(self, ring: Callable[[], None]) -> float:
        """Have `ring` called, in any thread, when another process has changed something.

        Return after how many seconds one has to look nevertheless; 0.0: nobody rings.
        """
        ...

    def turn(self, name: str) -> Turn:
        """Return what has to be taken for work of this name, of which there is one here."""
        ...

    def close(self) -> None:
        """Finish writing and close."""
        ...
