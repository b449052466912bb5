"""A directory as the artifact repository: key `a/b` is the file or directory `a/b` below it.

A directory saved under `a` can be read file by file as `a/x`. Replacement is atomic for files;
for directories a reader may for an instant find nothing, never a mixture. Blocking work runs in
threads.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import shutil
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from tiphys.artifacts.digests import digest
from tiphys.artifacts.registry import in_default_repository
from tiphys.errors import NotFound, Permanent
from tiphys.executor.meter import current
from tiphys.model.artifacts import Artifact
from tiphys.ports import Entry, Stored

_Result = TypeVar("_Result")
_PIECE_BYTES: Final = 1 << 18
_SCRATCH: Final = ".tiphys-tmp"
"""Where things lie until they are whole; not a key anyone can use."""


class LocalDriver:
    """Keeps artifacts below `root`, which is made on first use."""

    def __init__(self, root: Path) -> None:
        self._root = Path(root)

    async def get(self, where: Artifact, to: Path) -> None:
        """Copy the file or directory to `to`. Raises NotFound."""
        source = self._path(where)
        await asyncio.to_thread(_guarded, where, lambda: _copy(source, to))

    async def put(self, source: Path, where: Artifact) -> Stored:
        """Copy `source` in; what was there is replaced."""
        target = self._path(where)
        return await asyncio.to_thread(_guarded, where, lambda: self._replace(source, target))

    async def open(self, where: Artifact) -> AsyncIterator[bytes]:
        """Yield a file's bytes. Raises NotFound, and Permanent for a directory."""
        path = self._path(where)
        if path.is_dir():
            raise Permanent(f"{_key(where)} is a directory")
        try:
            file = await asyncio.to_thread(path.open, "rb")
        except OSError as exc:
            raise NotFound(f"no artifact at key {_key(where)}") from exc
        with file:
            while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
                yield piece

    async def list(self, where: Artifact) -> AsyncIterator[Entry]:
        """Yield the files at or below the key, sorted."""
        path = self._path(where)
        for entry in await asyncio.to_thread(lambda: sorted(self._walk(path), key=_by_key)):
            yield entry

    async def delete(self, where: Artifact) -> None:
        """Remove the file or directory."""
        path = self._path(where)
        await asyncio.to_thread(_guarded, where, lambda: _remove(path))

    def _path(self, where: Artifact) -> Path:
        """Return the place of the key. Raises Permanent if it would be outside the repository."""
        key = _key(where)
        plain = posixpath.normpath(key.lstrip("/"))
        parts = plain.split("/")
        if not key.strip("/") or plain in (".", "..") or ".." in key.split("/") or "\0" in key:
            raise Permanent(f"artifact {where.name}: key {key!r} is not a place in the repository")
        if parts[0] == _SCRATCH:
            raise Permanent(f"artifact {where.name}: key {key!r} is reserved")
        path = self._root.joinpath(*parts)
        # Links that a stored directory holds may point anywhere: no key leads through them.
        for folder in (path, *path.parents):
            if folder == self._root:
                break
            if folder.is_symlink():
                raise Permanent(f"artifact {where.name}: key {key!r} leads through a link")
        return path

    def _replace(self, source: Path, target: Path) -> Stored:
        scratch = self._root / _SCRATCH / uuid.uuid4().hex
        scratch.mkdir(parents=True)
        try:
            _copy(source, scratch / "new")
            stored = digest(scratch / "new")
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_dir() and not target.is_symlink():
                os.rename(target, scratch / "old")
            elif (scratch / "new").is_dir():
                target.unlink(missing_ok=True)
            os.rename(scratch / "new", target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return stored

    def _walk(self, path: Path) -> Iterator[Entry]:
        if path.is_file():
            yield Entry(str(path.relative_to(self._root)), path.stat().st_size)
        for folder, _, files in os.walk(path):
            for name in files:
                full = Path(folder, name)
                yield Entry(str(full.relative_to(self._root)), full.lstat().st_size)


def _by_key(entry: Entry) -> str:
    return entry.key


def _key(where: Artifact) -> str:
    local = in_default_repository(where).local
    if local is None:
        raise Permanent(f"artifact {where.name} is not in the local repository")
    return local.key


def _guarded(where: Artifact, work: Callable[[], _Result]) -> _Result:
    """Return what blocking `work` returns, with the errors of this room."""
    try:
        return work()
    except FileNotFoundError as exc:
        raise NotFound(f"no artifact at key {_key(where)}") from exc
    except (OSError, shutil.Error) as exc:
        raise Permanent(f"artifact {where.name}, key {_key(where)}: {exc}") from exc


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, copy_function=_copy_file)
    else:
        _copy_file(str(source), str(target))


def _copy_file(source: str, target: str) -> None:
    """Copy one file in the kernel; who looks sees it grow."""
    meter = current()
    if meter is not None:
        meter.grow(target)
    shutil.copy2(source, target)
    if meter is not None:
        meter.grow("")
        meter.add(os.stat(target).st_size)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
