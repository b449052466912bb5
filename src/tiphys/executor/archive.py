"""tar, zip and none, both ways: how artifacts are packed and, with suspicion, unpacked.

Unpacking writes below one fresh directory and nowhere else. Since that directory is fresh, the
only links in it are the ones the archive made, so "no member may lie behind a link of this
archive" is all it takes to stay inside.
Source: reference/executor.md 4 and 6.3; argo workflow/executor/executor.go, unpack and untar.
"""

from __future__ import annotations

import gzip
import os
import posixpath
import shutil
import stat
import tarfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from isal import igzip, isal_zlib

from tiphys.errors import Permanent
from tiphys.executor.opened import Follow, Item, tree
from tiphys.model.artifacts import ArchiveStrategy

_LEVEL: Final = 2
"""isal's level with the best size for its time."""
_BUFFER_BYTES: Final = 1 << 20
_FOREIGN_ERRORS: Final = (
    tarfile.TarError,
    zipfile.BadZipFile,
    EOFError,
    zlib.error,
    RuntimeError,  # zipfile's for a password or a compression that it does not know
    cast("type[Exception]", isal_zlib.error),  # the stub calls it an instance
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may grow to before it is taken for an attack.

    `ratio` (unpacked to packed bytes) is looked at only beyond `ratio_from_bytes`: honest text
    compresses well, and a small bomb does no harm.
    """

    total_bytes: int = 1 << 40
    entries: int = 5_000_000
    ratio: float = 500.0
    ratio_from_bytes: int = 1 << 30


# ------------------------------------------------------------------------------------- packing


def suffix(strategy: ArchiveStrategy | None) -> str:
    """Return what is appended to an artifact's name: "", ".tgz" or ".zip"."""
    if is_none(strategy):
        return ""
    return ".zip" if strategy is not None and strategy.zip is not None else ".tgz"


def is_none(strategy: ArchiveStrategy | None) -> bool:
    """Tell whether the artifact travels as it is; a strategy without a member does."""
    return strategy is not None and strategy.tar is None and strategy.zip is None


def pack(
    top: Item,
    target: Path,
    strategy: ArchiveStrategy | None,
    path: str,
    behind: Follow | None = None,
) -> None:
    """Write a file or directory that is open to the archive `target`.

    `path` is its path for the job; the last part is its name inside. `behind` opens what links
    lead to, for archives that have none; without it they are left out there, as are links to
    nothing. Pipes, sockets and devices are left out everywhere. Raises Permanent on failure.
    """
    try:
        if not (top.is_file or top.is_folder or top.is_link):
            raise OSError("not a file or directory")  # a pipe would never end
        if strategy is not None and strategy.zip is not None:
            _pack_zip(top, target, path, behind)
        else:
            level = strategy.tar.compression_level if strategy and strategy.tar else None
            _pack_tar(top, target, posixpath.basename(path), level)
    except (OSError, *_FOREIGN_ERRORS) as exc:
        raise Permanent(f"cannot pack {path}: {exc}") from exc


def _pack_tar(top: Item, target: Path, name: str, level: int | None) -> None:
    with (
        _gzip_writer(target, level) as out,
        tarfile.open(fileobj=out, mode="w|", bufsize=_BUFFER_BYTES) as tar,
    ):
        for item in tree(top):
            inside = posixpath.join(name, item.path) if item.path else name
            if item.is_link:
                tar.addfile(_tar_link(item, inside))
            elif item.is_folder:
                tar.addfile(_tar_info(tar, inside, item.fd))
            elif item.is_file:
                with os.fdopen(item.fd, "rb", closefd=False) as file:
                    info = _tar_info(tar, inside, item.fd)
                    tar.addfile(info, file if info.isreg() else None)


@dataclass(frozen=True, slots=True)
class _Named:
    """What tarfile asks of something open: directories are no file objects in Python."""

    name: str
    fd: int

    def fileno(self) -> int:
        return self.fd


def _tar_info(tar: tarfile.TarFile, name: str, fd: int) -> tarfile.TarInfo:
    return tar.gettarinfo(arcname=name, fileobj=cast("IO[bytes]", _Named(name, fd)))


def _tar_link(item: Item, name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = tarfile.SYMTYPE, item.link, 0o777
    info.uid, info.gid, info.mtime = item.stat.st_uid, item.stat.st_gid, item.stat.st_mtime
    return info


def _gzip_writer(target: Path, level: int | None) -> AbstractContextManager[IO[bytes]]:
    if level == 0:
        return cast("IO[bytes]", gzip.GzipFile(target, "wb", compresslevel=0, mtime=0))
    chosen = _LEVEL if level is None or level < 0 else min(level, isal_zlib.ISAL_BEST_COMPRESSION)
    made = igzip.IGzipFile(str(target), "wb", compresslevel=chosen, mtime=0)  # type: ignore[no-untyped-call]
    return cast("IO[bytes]", made)


def _gzip_reader(source: Path) -> IO[bytes]:
    opened = igzip.open(str(source), "rb")  # type: ignore[no-untyped-call]
    return cast("IO[bytes]", opened)


def _pack_zip(top: Item, target: Path, path: str, behind: Follow | None) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        for item in tree(top):
            # Argo's quirk: a single file keeps its whole path.
            inside = posixpath.join(posixpath.basename(path), item.path) if item.path else path
            with ExitStack() as stack:
                file = _behind(stack, item, behind) if item.is_link and behind else item
                if file is not None and file.is_file:
                    _zip_file(out, file, inside)


def _behind(stack: ExitStack, link: Item, behind: Follow) -> Item | None:
    try:
        return stack.enter_context(behind(link.path))
    except (FileNotFoundError, NotADirectoryError, Permanent):  # or links in a circle
        return None


def _zip_file(out: zipfile.ZipFile, item: Item, name: str) -> None:
    at = time.localtime(item.stat.st_mtime)[:6]
    at = min(max(at, (1980, 1, 1, 0, 0, 0)), (2107, 12, 31, 23, 59, 59))
    info = zipfile.ZipInfo(name.lstrip("/"), at)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (item.stat.st_mode & 0xFFFF) << 16
    info.file_size = item.stat.st_size
    with os.fdopen(item.fd, "rb", closefd=False) as file, out.open(info, "w") as packed:
        shutil.copyfileobj(file, packed, _BUFFER_BYTES)


# ----------------------------------------------------------------------------------- unpacking


def unpack(
    source: Path, target: Path, strategy: ArchiveStrategy | None, limits: Limits = Limits()
) -> None:
    """Make the downloaded `source` into `target`, which must not exist; `source` is consumed.

    No strategy: unpacked if it is a gzip that holds a tar, else taken as it is. One entry at the
    top becomes `target` itself, so that the archived name is lost, as in Argo.
    Raises Permanent for a broken or hostile archive; nothing is left at `target` then.
    """
    if is_none(strategy) or (strategy is None and not is_tar(source)):
        os.rename(source, target)
        return
    scratch = target.with_name(target.name + ".tmpdir")
    scratch.mkdir(mode=0o755)
    try:
        if strategy is not None and strategy.zip is not None:
            _unzip(source, scratch, limits)
        else:
            _untar(source, scratch, limits)
        _settle(scratch, target)
    except (OSError, *_FOREIGN_ERRORS) as exc:
        raise Permanent(f"cannot unpack: {exc}") from exc
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    source.unlink()


def is_tar(path: Path) -> bool:
    """Tell whether a file is a gzip with a readable tar header in it."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            if file.read(2) != b"\x1f\x8b":
                return False
        with _gzip_reader(path) as plain:
            tarfile.TarInfo.frombuf(plain.read(512), tarfile.ENCODING, "surrogateescape")
    except (OSError, *_FOREIGN_ERRORS):
        return False
    return True


def _settle(scratch: Path, target: Path) -> None:
    """Rename; a lone entry moves up by one level, so its links may lead to `target`'s siblings."""
    entries = os.listdir(scratch)
    os.rename(scratch / entries[0] if len(entries) == 1 else scratch, target)


class _Guard:
    """Counts what an archive unpacks to."""

    def __init__(self, packed: Path, limits: Limits) -> None:
        self._packed_bytes = max(1, packed.stat().st_size)
        self._limits = limits
        self._bytes = self._entries = 0

    def count(self, name: str, size_bytes: int) -> None:
        """Add one member. Raises Permanent when the archive has become too large."""
        limits = self._limits
        self._bytes += size_bytes
        self._entries += 1
        if self._bytes > limits.total_bytes or self._entries > limits.entries:
            raise Permanent(f"archive too large at {name}: over {limits.total_bytes} bytes")
        if self._bytes > max(limits.ratio_from_bytes, limits.ratio * self._packed_bytes):
            raise Permanent(f"archive refused at {name}: unpacks to over {limits.ratio:g} times")


def _untar(source: Path, scratch: Path, limits: Limits) -> None:
    with (
        _gzip_reader(source) as plain,
        tarfile.open(fileobj=plain, mode="r|", bufsize=_BUFFER_BYTES) as tar,
    ):
        _Untar(tar, scratch, _Guard(source, limits)).run()


class _Untar:
    """One archive on its way to the disk; `links` are the symbolic links it has made."""

    def __init__(self, tar: tarfile.TarFile, scratch: Path, guard: _Guard) -> None:
        self.tar, self.scratch, self.guard = tar, scratch, guard
        self.links: set[str] = set()

    def run(self) -> None:
        """Unpack all members, then give directories the times they had."""
        for member in self.tar:
            name = self.check(member)
            self.guard.count(member.name, member.size if member.isreg() else 0)
            if name != ".":
                self.place(member, name)

    def check(self, member: tarfile.TarInfo) -> str:
        """Return the member's name, made plain. Raises Permanent if it would leave the place."""
        name = posixpath.normpath(member.name or ".")
        if member.name.startswith("/") or name.startswith("../") or name == "..":
            raise Permanent(f"illegal file path: {member.name}")
        if any(folder in self.links for folder in _folders(name)):
            raise Permanent(f"illegal file path: {member.name} is behind a symbolic link")
        if member.issym() or member.islnk():
            self.check_link(member, name)
        elif not (member.isreg() or member.isdir()):
            raise Permanent(f"illegal file type: {member.name} is a device or a pipe")
        return name

    def check_link(self, member: tarfile.TarInfo, name: str) -> None:
        """Refuse a link that points, or may come to point, outside.

        A symbolic link may climb only at its beginning: after that, any name may be or become
        another link, and `..` behind a link climbs from wherever that one leads. A hard link
        must not meet a link at all.
        """
        target = member.linkname.split("/")
        base = name.split("/")[:-1] if member.issym() else []
        climbs = next((i for i, part in enumerate(target) if part != ".."), len(target))
        bad = member.linkname.startswith("/") or climbs > len(base) or ".." in target[climbs:]
        if member.islnk():
            end = posixpath.normpath(member.linkname)
            bad = bad or any(folder in self.links for folder in (*_folders(end), end))
        if bad:
            raise Permanent(f"illegal symlink target: {member.name} -> {member.linkname}")

    def place(self, member: tarfile.TarInfo, name: str) -> None:
        """Write one member; a later member of the same name replaces the earlier one."""
        path = self.scratch / name
        if member.isdir():
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
            return
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if path.is_symlink() or path.is_file():
            path.unlink()
            self.links.discard(name)
        if member.issym():
            path.symlink_to(member.linkname)
            self.links.add(name)
        elif member.islnk():
            os.link(self.scratch / posixpath.normpath(member.linkname), path)
        else:
            self.extract(member, path)

    def extract(self, member: tarfile.TarInfo, path: Path) -> None:
        """Write a regular file that was checked and does not exist.

        tarfile's own data filter would do, but Python 3.11 has it only from its fourth patch on.
        """
        content = self.tar.extractfile(member)
        if content is None:
            raise Permanent(f"illegal file type: {member.name} has no content")
        with path.open("xb") as file:
            shutil.copyfileobj(content, file, _BUFFER_BYTES)
        path.chmod(_data_mode(member.mode))
        os.utime(path, (member.mtime, member.mtime))


def _data_mode(mode: int) -> int:
    """Return a file's mode as tarfile's data filter leaves it: nothing special, nothing foreign."""
    executable = 0o111 if mode & 0o100 else 0
    return (mode & 0o755 & ~0o111) | (mode & executable) | 0o600


def _folders(name: str) -> Iterator[str]:
    """Yield the proper leading parts of a path."""
    at = name.find("/")
    while at > 0:
        yield name[:at]
        at = name.find("/", at + 1)


def _unzip(source: Path, scratch: Path, limits: Limits) -> None:
    guard = _Guard(source, limits)
    with zipfile.ZipFile(source) as archive:
        for member in archive.infolist():
            name = posixpath.normpath(member.filename)
            if member.filename.startswith("/") or name == ".." or name.startswith("../"):
                raise Permanent(f"{member.filename}: Illegal file path")
            guard.count(member.filename, member.file_size)
            _unzip_one(archive, member, scratch / name)


def _unzip_one(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    if member.is_dir():
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
        return
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with archive.open(member) as packed, path.open("wb") as out:
        shutil.copyfileobj(packed, out, _BUFFER_BYTES)
    # A link in a zip is a file with a mode that says so; it stays a file.
    mode = stat.S_IMODE(member.external_attr >> 16) & 0o777
    path.chmod(mode | 0o600 if mode else 0o644)
