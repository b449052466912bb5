"""Size and SHA-256 of what is stored, and the files of a tree in a settled order.

`Stored` in `tiphys.ports` says what the digest of a directory is.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO, Final

from tiphys.executor.meter import moved
from tiphys.ports import Stored

PIECE_BYTES: Final = 1 << 20


def files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (path relative to `folder`, path) of the regular files in a tree, by path.

    Links are left out, as in Argo: an object store has none.
    """
    found = []
    for parent, _, names in os.walk(folder):
        for name in names:
            full = Path(parent, name)
            if full.is_file() and not full.is_symlink():
                found.append((full.relative_to(folder).as_posix(), full))
    yield from sorted(found)


def digest(source: Path) -> Stored:
    """Return the size and digest of a file or tree. Raises OSError."""
    if not source.is_dir():
        with source.open("rb") as file:
            content = hashlib.file_digest(file, "sha256")
            return Stored(file.tell(), content.hexdigest())
    return of_tree((name, digest(path)) for name, path in files_below(source))


def of_tree(files: Iterator[tuple[str, Stored]]) -> Stored:
    """Return the size and digest of a directory from those of its files, which come by path."""
    total, lines = 0, hashlib.sha256()
    for name, stored in files:
        total += stored.size_bytes
        lines.update(f"{stored.sha256}  {name}\n".encode("utf-8", "surrogateescape"))
    return Stored(total, lines.hexdigest())


class Reading:
    """A file read in pieces, once, and what was read; `stored` is valid at its end."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self._bytes = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the file's bytes. Reading waits for the disk in a thread. Raises OSError."""
        with self._source.open("rb") as file:
            while piece := await asyncio.to_thread(self._read, file):
                yield piece
                moved(len(piece))

    def _read(self, file: IO[bytes]) -> bytes:
        piece = file.read(PIECE_BYTES)
        self._hash.update(piece)
        self._bytes += len(piece)
        return piece

    @property
    def stored(self) -> Stored:
        """What was read so far."""
        return Stored(self._bytes, self._hash.hexdigest())
