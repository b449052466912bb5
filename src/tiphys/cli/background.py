"""The background engine: one process per home, started when needed, ended when idle."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tiphys.cli.session import Session, is_asynchronous, settings_option, with_session
from tiphys.errors import Permanent

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.ports import RunRow
    from tiphys.settings import Settings

_LOOK_SECONDS = 0.3
_HOME_SECONDS = 5.0
_MOST_STARTS = 20


def _lock_file(home: Path) -> Path:
    return home / "engine.lock"


@contextlib.contextmanager
def only_engine(home: Path) -> Iterator[bool]:
    """Hold the home's engine lock; False if another process has it."""
    lock = os.open(_lock_file(home), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        yield _locked(lock)
    finally:
        os.close(lock)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Keeper:
    """Sees to it that a run somebody waits for is driven, also when its engine is killed."""

    def __init__(self, session: Session, home: Local) -> None:
        """Prepare to look after runs."""
        self._session = session
        self._home = home
        self._next = 0.0
        self._left = _MOST_STARTS
        self._started = 0

    async def look(self, row: RunRow) -> None:
        """Start an engine if nobody drives the run. To be called often; it seldom does anything.

        One that was started and has not got as far as its lock is waited for, not doubled: on a
        busy machine many at once would be what keeps each of them from starting.

        Raises Permanent if engines come and go and none of them drives it.
        """
        now = self._home.clock.now()
        if now < self._next:
            return
        self._next = now + _LOOK_SECONDS
        if await self._home.store.is_driven(row):
            self._left = _MOST_STARTS
        elif not _is_alive(self._started):
            self._start(row)

    def _start(self, row: RunRow) -> None:
        self._started = ensure_engine(self._session)
        if not self._started:
            return
        self._left -= 1
        if self._left < 0:
            log = self._session.settings.home / "engine.log"
            raise Permanent(f"no engine drives workflow {row.name}; the reason is in {log}")


def _is_alive(child: int) -> bool:
    """Say whether a process that this one started still runs; 0 is none."""
    try:
        return child > 0 and os.waitpid(child, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return False


async def say_if_nobody_drives(home: Local, row: RunRow) -> None:
    """Say on standard error that the process which drove a run is gone, and how it goes on.

    An engine that lives takes it over at once, so it is looked at twice.
    """
    if row.done or not row.owner or await home.store.is_driven(row):
        return
    await asyncio.sleep(_LOOK_SECONDS)
    fresh = await home.store.find(row.namespace, row.name)
    if fresh.run == row.run and not fresh.done and not await home.store.is_driven(fresh):
        place = "" if row.namespace == "default" else f" -n {row.namespace}"
        sys.stderr.write(
            f"Nobody drives workflow {row.name} any more: the process that did has ended; "
            f"`tiphys wait {row.name}{place}` has it go on.\n"
        )


def ensure_engine(session: Session) -> int:
    """Start a background engine if none serves the session's home; return its process id, or 0.

    Called after a run was stored: an engine about to end looks once more after it has let its
    lock go, so that either it or the new one sees the run.
    """
    home = session.settings.home
    with only_engine(home) as free:
        if not free:
            return 0
    command = [sys.executable, "-m", "tiphys.cli.main", "engine", "--home", str(home)]
    if session.settings_file:
        command += ["--settings", os.path.abspath(session.settings_file)]
    log = os.open(home / "engine.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        return os.posix_spawn(
            command[0],
            command,
            {**session.settings.environ, "TIPHYS_DATABASE": session.settings.database},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ],
            setsid=True,
        )
    finally:
        os.close(log)
        os.close(null)


@click.command(hidden=True)
@settings_option
@with_session
@is_asynchronous
async def engine(session: Session) -> None:
    """Drive the runs of a home and keep its schedules, until there are none."""
    from tiphys.app import local

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings = session.settings
    with local(settings, drives=True) as home:
        while True:
            with only_engine(settings.home) as mine:
                if not mine:
                    return
                if not await _serve(home, settings):
                    return
            if not await home.has_work():
                return


async def _serve(home: Local, settings: Settings) -> bool:
    """Drive runs until there is nothing to do; False if the home was deleted meanwhile."""
    serving = asyncio.ensure_future(home.serve())
    while not serving.done():
        await asyncio.wait({serving}, timeout=_HOME_SECONDS)
        if not _lock_file(settings.home).exists():
            logging.getLogger(__name__).error("%s is gone; the engine ends", settings.home)
            serving.cancel()
            await asyncio.wait({serving})
            return False
    await serving
    return True
