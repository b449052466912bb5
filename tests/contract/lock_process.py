"""A process that takes a mutex of a home and keeps it: HOME NAME PRIORITY."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.contract.lock_places import connect, reader_of, writer_of

from tiphys.app import SystemClock
from tiphys.locks.sql import Shared, SqlLocks
from tiphys.model.ids import RunId
from tiphys.store.objects import MemoryObjects
from tiphys.store.owners import Owner, is_alive
from tiphys.testing.answerer_contract import MUTEX, locks


def answerer(home: Path, name: str) -> SqlLocks:
    path = home / "tiphys.db"

    async def lives(runs):
        return runs

    async def living(names):
        return [other for other in names if is_alive(home, other)]

    shared = Shared(writer_of(path).do, reader_of(connect(path)), name, living, lives)
    return SqlLocks(shared, MemoryObjects(SystemClock()), SystemClock())


async def main(home: Path, name: str, priority: int) -> None:
    owner = Owner(home, name)
    held = answerer(home, name)
    await held.ask(locks(name, MUTEX, priority=priority))
    async for _, answer in held.watch(RunId(f"run-{name}")):
        sys.stdout.write(f"{type(answer).__name__}\n")
        sys.stdout.flush()
    owner.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
