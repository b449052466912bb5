"""One thread that writes, with group commit.

Jobs that arrive while a commit is on its way to the disk share the next one. Each job runs in a
savepoint of its own, so that one that fails takes nothing with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from tiphys.errors import Permanent

_Result = TypeVar("_Result")
Work = Callable[[sqlite3.Connection], _Result]
_Job = tuple[Work[Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]
_Answer = tuple[_Job, object, BaseException | None]


class Writer:
    """The writing thread of one database."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """Start the thread; `connect` is called in it."""
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._connect = connect
        self._thread = threading.Thread(target=self._run, name="tiphys-store", daemon=True)
        self._thread.start()

    async def do(self, work: Work[_Result]) -> _Result:
        """Run `work` in the next transaction and return its result once that is on the disk.

        Raises what `work` raises; Permanent if the disk refuses.
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
        connection: sqlite3.Connection | None = None
        while True:
            jobs, open_ = self._take()
            try:
                connection = connection or self._connect()
                results = _commit(connection, jobs) if jobs else []
            except (sqlite3.Error, OSError, MemoryError) as exc:
                results = _refused(jobs, exc)
                if connection is not None:  # a new one next time: nothing half done is kept
                    connection.close()
                    connection = None
            for (_, future, loop), value, error in results:
                with contextlib.suppress(RuntimeError):  # whoever asked has gone
                    loop.call_soon_threadsafe(_settle, future, value, error)
            if not open_:
                break
        if connection is not None:
            connection.close()

    def _take(self) -> tuple[list[_Job], bool]:
        """Return what waits (at least one job), and whether more may come."""
        jobs = [self._queue.get()]
        while not self._queue.empty():
            jobs.append(self._queue.get_nowait())
        return [job for job in jobs if job is not None], None not in jobs


def _commit(connection: sqlite3.Connection, jobs: list[_Job]) -> list[_Answer]:
    connection.execute("BEGIN IMMEDIATE")
    results = [(job, *_attempt(connection, job[0])) for job in jobs]
    connection.execute("COMMIT")
    return results


def _refused(jobs: list[_Job], cause: Exception) -> list[_Answer]:
    text = f"the database cannot be written: {cause}"
    if "full" in str(cause) or "disk I/O" in str(cause):
        text += "; is there space on the disk?"
    return [(job, None, Permanent(text)) for job in jobs]


def _attempt(
    connection: sqlite3.Connection, work: Work[Any]
) -> tuple[object, BaseException | None]:
    connection.execute("SAVEPOINT one")
    try:
        value = work(connection)
    except sqlite3.Error:
        raise
    except BaseException as exc:  # noqa: BLE001 - handed to whoever asked
        connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")
        return None, exc
    connection.execute("RELEASE one")
    return value, None


def _settle(future: asyncio.Future[Any], value: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(value)
