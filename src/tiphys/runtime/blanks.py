"""Job directories that are made before their jobs are known.

A job begins with some ten small files and directories. On a disk on which many files have just been
deleted each takes as long as starting a program, because the file system looks for places that were
not used a moment ago. So the next directories are made, empty, in another thread while jobs
run, and a job that is to start gets one by a single rename.

A blank is no job: it lies outside the runs, and nothing in it says anything. Every runtime has a
folder of its own for them, whose lock it holds; what a dead engine left is removed by the next one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from tiphys.executor import contract
from tiphys.runtime.files import names_in, remove_tree

FOLDER: Final = ".blank"
_MOST: Final = 16


class Blanks:
    """The directories that wait for a job; `fill` makes what is in one, in another thread."""

    def __init__(self, runs: Path, fill: Callable[[str], None]) -> None:
        self._parent = runs / FOLDER
        self._fill = fill
        self._own: Path | None = None
        self._lock = -1
        self._ready: list[str] = []
        self._times = 0
        self._making: asyncio.Task[None] | None = None

    def take(self, directory: str) -> bool:
        """Move a blank to where there is nothing yet; tell whether there was one."""
        if not self._ready or os.path.lexists(directory):
            return False
        try:
            _move(self._ready.pop(), directory)
        except OSError:  # somebody has removed it
            return False
        return True

    def refill(self) -> None:
        """Begin to make more if few are left: as many as it was asked to, since no more may come.

        Seldom, and then many: another thread with the interpreter's lock may be in the way.
        """
        self._times += 1
        wanted = min(_MOST, self._times - 1)
        if 4 * len(self._ready) < wanted and self._making is None:
            count = wanted - len(self._ready)
            self._making = asyncio.get_running_loop().create_task(self._make(count))

    async def wait_until_made(self) -> None:
        """Return when nothing is being made."""
        if self._making is not None:
            await self._making

    async def close(self) -> None:
        """Remove what no job got."""
        await self.wait_until_made()
        if self._own is not None:
            await asyncio.to_thread(remove_tree, str(self._own))
            with suppress(OSError):  # another runtime has some
                self._parent.rmdir()
        self._forget()

    def _forget(self) -> None:
        if self._own is not None:
            os.close(self._lock)
        self._own, self._ready = None, []

    async def _make(self, count: int) -> None:
        try:
            self._ready += await asyncio.to_thread(self._made, count)
        except OSError:
            self._forget()  # jobs make their directories themselves, and say what is wrong
        finally:
            self._making = None

    def _made(self, count: int) -> list[str]:
        own = self._own or self._open()
        paths = [f"{own}/{uuid4().hex}" for _ in range(count)]
        for path in paths:
            os.mkdir(path, 0o700)
            self._fill(path)
        return paths

    def _open(self) -> Path:
        """Make the folder, and remove those of engines that are gone."""
        self._parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in names_in(self._parent):
            _remove_if_left(self._parent / name)
        own = self._parent / uuid4().hex
        own.mkdir(mode=0o700)
        lock = contract.try_lock(str(own))
        if lock is None:  # it was taken for left; it is removed by who thought so
            raise FileNotFoundError(own)
        self._own, self._lock = own, lock
        return own


def _remove_if_left(folder: Path) -> None:
    with suppress(OSError):
        lock = contract.try_lock(str(folder))
        if lock is not None:
            try:
                remove_tree(str(folder))
            finally:
                os.close(lock)


def _move(blank: str, directory: str) -> None:
    try:
        os.rename(blank, directory)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(directory), mode=0o700, exist_ok=True)
        os.rename(blank, directory)
