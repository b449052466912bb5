"""A Postgres of our own for tests: a cluster in a folder, reached by a Unix socket.

One for each run of the tests; each test that asks gets a database. Postgres does not run as root:
then the cluster belongs to somebody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

USERS = ("postgres", "nobody")
LOCKED = "locked"
"""A role that needs a password; a test makes it."""


def programs() -> Path | None:
    """Return the folder of initdb and postgres, None without them."""
    found = [Path(path).resolve().parent for path in (shutil.which("initdb"),) if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in found if (folder / "initdb").exists()), None)


def user() -> str | None:
    """Return who the server is to be, None for whoever we are."""
    if os.getuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in USERS if name in known), None)


class Cluster:
    """A running server; `is_safe`: a commit is on the disk, which tests need not wait for."""

    def __init__(self, bin_: Path, is_safe: bool = False) -> None:
        self._fsync = "on" if is_safe else "off"
        self._bin = bin_
        self._user = user()
        self._folder = Path(tempfile.mkdtemp(prefix="pg"))
        if self._user:
            shutil.chown(self._folder, self._user)
        self._numbers = itertools.count(1)
        self._run("initdb", "-D", "data", "-U", "tiphys", "-A", "trust", "-E", "UTF8", "--no-sync")
        rules = self._folder / "data" / "pg_hba.conf"
        rules.write_text(f"local all {LOCKED} scram-sha-256\n{rules.read_text()}")
        self.start()

    def _run(self, *words: str) -> None:
        command = [str(self._bin / words[0]), *words[1:]]
        done = subprocess.run(
            command, cwd=self._folder, user=self._user, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"-c listen_addresses= -c fsync={self._fsync} -c max_connections=200"
        words = ("-D", "data", "-l", "log", "-w", "-o", f"-k {self._folder} {options}")
        self._run("pg_ctl", "start", *words)

    def stop(self, how: str = "fast") -> None:
        """Stop the server; `immediate` is a crash."""
        self._run("pg_ctl", "stop", "-D", "data", "-w", "-m", how)

    def close(self) -> None:
        """Stop the server and remove its folder."""
        with contextlib.suppress(AssertionError):
            self.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str) -> str:
        """Return the address of a database."""
        return f"postgresql://tiphys@/{database}?host={self._folder}"

    def new(self) -> str:
        """Make a database and return its address."""
        name = f"test{next(self._numbers)}"
        run(self.url("postgres"), f"CREATE DATABASE {name} STRATEGY FILE_COPY")
        return self.url(name)


def run(url: str, statement: str, *values: object) -> list[asyncpg.Record]:
    """Run one statement in a connection of its own and return its rows, from any thread."""

    async def work() -> list[asyncpg.Record]:
        path = {"search_path": "tiphys, public"}
        connection = await asyncpg.connect(url, server_settings=path)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(statement, *values)
            return rows
        finally:
            await connection.close()

    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as other:  # this thread may be busy with an event loop
        return other.submit(asyncio.run, work()).result()


@functools.cache
def why_not() -> str:
    """Return why there can be no server here, "" if there can."""
    if programs() is None:
        return "Postgres is not installed: initdb is not found"
    if os.getuid() == 0 and user() is None:
        return "Postgres does not run as root, and there is nobody else"
    return ""


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """Start a server of one's own; the test is skipped where there can be none."""
    folder = programs()
    if folder is None or why_not():
        pytest.skip(why_not())
    server = Cluster(folder)
    try:
        yield server
    finally:
        server.close()
