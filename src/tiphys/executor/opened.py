"""What a job left or will find, reached so that none of its links leads anywhere.

`Layout.spot` says where a path is, by the names that are there at that moment. Another pod that
shares a volume may put a link in place of any of them at any time, so they are opened one by one,
each in the directory that was opened before it, and never followed. What is open cannot be
exchanged any more; only from there is it read, and only there is anything put.
Source: openat(2), O_NOFOLLOW.
"""

from __future__ import annotations

import errno
import os
import posixpath
import shutil
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tiphys.executor.layout import Spot

_PLAIN: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_SEARCH: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC | os.O_DIRECTORY
_MOST_LEVELS: Final = 200
"""Each level of directories is an open file: no job shall use up all that this process may have."""


@dataclass(frozen=True, slots=True)
class Item:
    """A file, directory, link or special file at `path` ("" for the top) of a tree.

    `fd` is open for files and directories, until the next item is asked for; else it is -1.
    """

    path: str
    stat: os.stat_result
    fd: int = -1
    link: str = ""
    shown: bool = False

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.stat.st_mode)

    @property
    def is_folder(self) -> bool:
        """Whether it is a directory."""
        return stat.S_ISDIR(self.stat.st_mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.stat.st_mode)


Follow = Callable[[str], AbstractContextManager[Item]]
"""Opens what a link at a path of a tree leads to. Raises OSError if the job had nothing there."""


@contextmanager
def opened(spot: Spot) -> Iterator[Item]:
    """Open what is at a spot. Raises OSError: nothing is there, or a link has come in its way."""
    with folder_of(spot) as (at, name):
        item = _open(name, "", at, spot.shown)
    with _closed(item):
        yield item


@contextmanager
def folder_of(spot: Spot, make: bool = False) -> Iterator[tuple[int, str]]:
    """Open the directory that a spot lies in; yield it, and the name that the spot has there.

    With `make` directories of the job's that are missing are made. Raises OSError: one is not
    there, a link has come in its way, or it is to be made in what is the host's.
    """
    base, rest = spot.base, spot.rest.strip("/")
    if spot.within:
        base, inner = _inside(spot.base, spot.within)
        rest = posixpath.join(inner, rest) if rest else inner
    elif spot.base:
        base = os.path.realpath(spot.base)
    if not rest:
        base, _, rest = base.rpartition("/")
    if make and spot.shown:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(spot))
    *folders, name = (rest or ".").split("/")
    at = os.open(base or "/", _SEARCH)
    try:
        for folder in folders:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(folder, 0o755, dir_fd=at)
            below = os.open(folder, _SEARCH | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
            _check(folder, os.fstat(at), spot.shown)
        yield at, name
    finally:
        os.close(at)


def _inside(source: str, volume: str) -> tuple[str, str]:
    """Return the volume and the way to `source` in it, both real. Raises OSError if it left it."""
    real, whole = os.path.realpath(source), os.path.realpath(volume)
    if real != whole and not real.startswith(whole.rstrip("/") + "/"):
        raise OSError(errno.EXDEV, "leads out of its volume", source)
    return whole, real[len(whole) :].strip("/")


def tree(top: Item, level: int = 0) -> Generator[Item]:
    """Yield an item and, if it is a directory, all below it, by name; links are not followed.

    Raises OSError if something cannot be opened or changes meanwhile.
    """
    yield top
    if not top.is_folder:
        return
    if level == _MOST_LEVELS:
        raise OSError(errno.ENAMETOOLONG, f"more than {_MOST_LEVELS} directories deep", top.path)
    for name in sorted(os.listdir(top.fd)):
        item = _open(name, posixpath.join(top.path, name), top.fd, top.shown)
        with _closed(item), closing(tree(item, level + 1)) as items:
            yield from items


@contextmanager
def _closed(item: Item) -> Iterator[None]:
    try:
        yield
    finally:
        if item.fd >= 0:
            os.close(item.fd)


def _open(name: str, path: str, at: int, shown: bool) -> Item:
    """Open a name in a directory; only files and directories, a device may mind being opened."""
    found = os.stat(name, dir_fd=at, follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        return Item(path, found, link=os.readlink(name, dir_fd=at), shown=shown)
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        return Item(path, found, shown=shown)
    item = Item(path, found, os.open(name, _PLAIN, dir_fd=at), shown=shown)
    try:
        now = os.fstat(item.fd)
        if stat.S_IFMT(now.st_mode) != stat.S_IFMT(found.st_mode):
            raise OSError(errno.ESTALE, "was exchanged for something else", name)
        _check(name, now, shown)
    except OSError:
        os.close(item.fd)
        raise
    return Item(path, now, item.fd, shown=shown)


def _check(name: str, found: os.stat_result, shown: bool) -> None:
    """Of the host a job is given what anyone may read: we may have more rights than it had."""
    wanted = stat.S_IXOTH if stat.S_ISDIR(found.st_mode) else stat.S_IROTH
    if shown and not found.st_mode & wanted:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)


# ------------------------------------------------------------------------------------ keeping


def keep(top: Item, target: Path) -> None:
    """Make `target`, which must not exist, the same files and links, where no job can reach.

    Files are hard links where that is possible, else copies. Raises OSError.
    """
    for item in tree(top):
        place = target / item.path if item.path else target
        if item.is_folder:
            place.mkdir()
            place.chmod(stat.S_IMODE(item.stat.st_mode) | stat.S_IRWXU)
        elif item.is_link:
            place.symlink_to(item.link)
        elif item.is_file:
            _keep_file(item, place)
        elif item is top:
            raise OSError("not a file or directory")  # a pipe would never end


def _keep_file(item: Item, place: Path) -> None:
    try:
        # Given a directory, Python calls linkat, which can follow the name of what is open.
        at = os.open(place.parent, _SEARCH)
        try:
            os.link(f"/proc/self/fd/{item.fd}", place.name, dst_dir_fd=at, follow_symlinks=True)
        finally:
            os.close(at)
    except OSError:  # another file system, another owner, or no /proc
        with os.fdopen(item.fd, "rb", closefd=False) as file, place.open("xb") as out:
            shutil.copyfileobj(file, out, 1 << 20)
        place.chmod(stat.S_IMODE(item.stat.st_mode) & 0o777 | stat.S_IRUSR)
        os.utime(place, ns=(item.stat.st_atime_ns, item.stat.st_mtime_ns))
