"""What a job will find, put where it belongs although another pod may be at work there.

A volume may be shared with a pod that exchanges a directory for a link at any moment. So nothing
is made where a job can reach it: it is ready when it is moved, into a directory that was opened
as `opened.py` opens what jobs left.
Source: openat(2), renameat(2).
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from tiphys.executor.layout import Spot
from tiphys.executor.opened import folder_of

_FOLDER: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECTORY
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_PIECE_BYTES: Final = 1 << 20


def place(source: Path, spot: Spot) -> None:
    """Move a file or tree that no job can reach to a spot, in place of what is there.

    Directories above it are made. Raises OSError.
    """
    with folder_of(spot, make=True) as (at, name):
        _remove(at, name)
        if source.is_symlink() or not source.is_dir():
            _move(source, at, name)
        else:
            _move_folder(source, at, name)


def clear(spot: Spot) -> None:
    """Remove what is at a spot; directories above it are made. Raises OSError."""
    with folder_of(spot, make=True) as (at, name):
        _remove(at, name)


def make_folders(spot: Spot) -> None:
    """Make a directory and those above it, unless they are there. Raises OSError."""
    with folder_of(Spot(spot.base, f"{spot.rest}/-", spot.within, spot.shown), make=True):
        pass


def _remove(at: int, name: str) -> None:
    with suppress(FileNotFoundError):
        if stat.S_ISDIR(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
            shutil.rmtree(name, dir_fd=at)  # which follows no link either
        else:
            os.unlink(name, dir_fd=at)


def _move_folder(source: Path, at: int, name: str) -> None:
    """Move a directory, which only who may write into it can."""
    mode = stat.S_IMODE(source.stat().st_mode)
    source.chmod(mode | stat.S_IRWXU)
    fd = os.open(source, _FOLDER)
    try:
        if _move(source, at, name):
            os.fchmod(fd, mode)
            return
    finally:
        os.close(fd)
    fd = os.open(name, _FOLDER, dir_fd=at)
    try:
        os.fchmod(fd, mode)
    finally:
        os.close(fd)


def _move(source: Path, at: int, name: str) -> bool:
    """Move; False if it had to be copied, into another file system."""
    try:
        os.rename(source, name, dst_dir_fd=at)
    except OSError as exc:
        if exc.errno != errno.EXDEV:
            raise
        _copy(source, at, name)
        return False
    return True


def _copy(source: Path, at: int, name: str) -> None:
    if source.is_symlink():
        os.symlink(os.readlink(source), name, dir_fd=at)
        return
    found = source.stat()
    if source.is_dir():
        os.mkdir(name, 0o700, dir_fd=at)
        fd = os.open(name, _FOLDER, dir_fd=at)
        try:
            for entry in sorted(source.iterdir()):
                _copy(entry, fd, entry.name)
            _keep(fd, found)
        finally:
            os.close(fd)
        return
    fd = os.open(name, _NEW_FILE, 0o600, dir_fd=at)
    with source.open("rb") as file, os.fdopen(fd, "wb") as out:
        shutil.copyfileobj(file, out, _PIECE_BYTES)
        _keep(fd, found)
        out.flush()
        os.utime(fd, ns=(found.st_atime_ns, found.st_mtime_ns))


def _keep(fd: int, found: os.stat_result) -> None:
    """Give a copy the permissions and, where we may, the owner of what it was made of."""
    if os.geteuid() == 0:
        os.fchown(fd, found.st_uid, found.st_gid)
    os.fchmod(fd, stat.S_IMODE(found.st_mode))
