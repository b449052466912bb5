"""Who is alive: every engine process holds a lock file, and a socket that wakes it.

The kernel releases the lock when the process ends, however it ends, so no lease has to time out.
The socket is of Linux' abstract kind: it has no path, and nothing is left of it afterwards. A
wake-up says only "look", so it does not matter who sends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
from pathlib import Path


class Owner:
    """This process as an owner of runs."""

    def __init__(self, home: Path, name: str) -> None:
        """Take the lock `engines/<name>` under `home` and listen for wake-ups."""
        self.name = name
        self._home = home
        folder = home / "engines"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / name
        self._lock = _lock(self._path)
        _sweep(folder, name)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(_address(home, name))

    def close(self) -> None:
        """Stop being an owner."""
        self._socket.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        os.close(self._lock)

    async def wait(self, seconds: float) -> None:
        """Return at the next wake-up, or after `seconds`."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(loop.sock_recv(self._socket, 1), seconds)
            with contextlib.suppress(BlockingIOError):
                while self._socket.recv(64):
                    pass


class Lease:
    """What one process of a home does at a time, as long as it lives."""

    def __init__(self, home: Path, name: str) -> None:
        """Prepare to take the lock `<name>.lock` under `home`."""
        self._path = home / f"{name}.lock"
        self._lock: int | None = None

    async def take(self) -> bool:
        """Try to become the one; tell whether this process is it."""
        if self._lock is not None:
            return True
        lock = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    async def give_up(self) -> None:
        """Let another process be the one."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _lock(path: Path) -> int:
    """Return a locked descriptor of the file that has this name now."""
    while True:
        lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_ino == os.fstat(lock).st_ino:
                return lock
        os.close(lock)  # swept away by another process before it was locked


def _sweep(folder: Path, mine: str) -> None:
    """Remove the files of processes that were killed."""
    for name in os.listdir(folder):
        if name == mine:
            continue
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            lock = os.open(folder / name, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(folder / name)  # under the lock: a process just starting looks again
            finally:
                os.close(lock)


def is_alive(home: Path, name: str) -> bool:
    """Return whether the process that owns under `name` still lives."""
    try:
        lock = os.open(home / "engines" / name, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def wake(home: Path, name: str) -> None:
    """Tell an owner to look for requests; a dead one does not hear it."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
        contextlib.suppress(OSError),
    ):
        sender.setblocking(False)
        sender.sendto(b"!", _address(home, name))


def _address(home: Path, name: str) -> bytes:
    return f"\0tiphys/{home.stat().st_ino}/{name}".encode()
