"""One thread that writes, with group commit.

Jobs that arrive while a commit is on its way to the disk share the next one. Each job of several
runs in a savepoint of its own, so that one that fails takes nothing with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from tiphys.errors import TiphysError
from tiphys.ports_database import Transaction

_Result = TypeVar("_Result")
Work = Callable[[Transaction], _Result]
_Job = tuple[Work[Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]
_Answer = tuple[_Job, object, BaseException | None]


class Link(Protocol):
    """A connection as the writing thread has it. Savepoints are not nested."""

    @property
    def db(self) -> Transaction:
        """What statements are run on."""
        ...

    def begin(self) -> None:
        """Begin a transaction that is alone in the database."""
        ...

    def commit(self) -> None:
        """Return when the transaction is on the disk."""
        ...

    def roll_back(self) -> None:
        """End the transaction without effect."""
        ...

    def save(self) -> None:
        """Begin a part of the transaction."""
        ...

    def keep(self) -> None:
        """End the part."""
        ...

    def undo(self) -> None:
        """End the part without effect."""
        ...

    def is_broken_by(self, error: BaseException) -> bool:
        """Tell whether the whole transaction is lost; else only who met the error is."""
        ...

    def is_open(self) -> bool:
        """Tell whether the database is still there, as far as one can know without asking it."""
        ...

    def close(self) -> None:
        """Close the connection; what is not committed is lost."""
        ...


class Writer:
    """The writing thread of one database."""

    def __init__(
        self, connect: Callable[[], Link], refusal: Callable[[Exception], TiphysError]
    ) -> None:
        """Start the thread; `connect` is called in it, `refusal` says why nothing was written."""
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._connect = connect
        self._refusal = refusal
        self._thread = threading.Thread(target=self._run, name="tiphys-store", daemon=True)
        self._thread.start()

    async def do(self, work: Work[_Result]) -> _Result:
        """Run `work` in the next transaction and return its result once that is on the disk.

        Raises what `work` raises; what `refusal` makes of it if the database refuses.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Result] = loop.create_future()
        self._queue.put((work, future, loop))
        return await future

    def close(self) -> None:
        """Finish what is queued and end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        """Write until told to end. Whatever happens, every job gets its answer."""
        link: Link | None = None
        while True:
            jobs, open_ = self._take()
            try:
                if link is not None and not link.is_open():
                    link.close()
                    link = None
                link = link or self._connect()
                results = _commit(link, jobs) if jobs else []
            except Exception as exc:  # noqa: BLE001 - whoever asked is told
                results = [(job, None, self._refusal(exc)) for job in jobs]
                if link is not None:  # a new one next time: nothing half done is kept
                    with contextlib.suppress(Exception):
                        link.close()
                    link = None
            for (_, future, loop), value, error in results:
                with contextlib.suppress(RuntimeError):  # whoever asked has gone
                    loop.call_soon_threadsafe(_settle, future, value, error)
            if not open_:
                break
        if link is not None:
            link.close()

    def _take(self) -> tuple[list[_Job], bool]:
        """Return what waits (at least one job), and whether more may come."""
        jobs = [self._queue.get()]
        while not self._queue.empty():
            jobs.append(self._queue.get_nowait())
        return [job for job in jobs if job is not None], None not in jobs


def _commit(link: Link, jobs: list[_Job]) -> list[_Answer]:
    link.begin()
    if len(jobs) == 1:
        return [(jobs[0], *_alone(link, jobs[0][0]))]
    results = [(job, *_attempt(link, job[0])) for job in jobs]
    link.commit()
    return results


def _alone(link: Link, work: Work[Any]) -> tuple[object, BaseException | None]:
    """Do the only work of a transaction, and end it."""
    try:
        value = work(link.db)
    except BaseException as exc:
        if link.is_broken_by(exc):
            raise
        link.roll_back()
        return None, exc
    link.commit()
    return value, None


def _attempt(link: Link, work: Work[Any]) -> tuple[object, BaseException | None]:
    """Do one of several works of a transaction."""
    link.save()
    try:
        value = work(link.db)
    except BaseException as exc:
        if link.is_broken_by(exc):
            raise
        link.undo()
        return None, exc
    link.keep()
    return value, None


def _settle(future: asyncio.Future[Any], value: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(value)
