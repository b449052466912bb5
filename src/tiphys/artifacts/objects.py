"""What the drivers of object stores share: keys, directories, streams, errors.

Each of them says how its store is opened (`_open`); obstore does the talking. obstore's own
retries are off. Needs the package obstore.
Source: reference/executor.md 10; argo workflow/artifacts/common, s3, gcs, azure, oss.
"""

from __future__ import annotations

import asyncio
import builtins
import mimetypes
import os
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

import obstore
from obstore.store import ObjectStore

from tiphys.artifacts.credentials import Credentials
from tiphys.artifacts.digests import digest, files_below, of_tree
from tiphys.artifacts.object_errors import NoBucket, translated
from tiphys.errors import NotFound, Permanent, Transient
from tiphys.executor.meter import expected, moved, read_by_others
from tiphys.model.artifacts import Artifact
from tiphys.model.locations import key_of
from tiphys.ports import Entry, Stored

if TYPE_CHECKING:  # types that exist for type checkers only
    from obstore.store import ClientConfig, RetryConfig

PART_BYTES: Final = 8 << 20
_PARTS_IN_MEMORY_BYTES: Final = 48 << 20
_MAX_PARTS: Final = 9_000
_STREAM_BYTES: Final = 4 << 20
_FILES_AT_ONCE: Final = 8
_KEYS_AT_ONCE: Final = 1000
NO_RETRIES: Final[RetryConfig] = {"max_retries": 0}
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Place:
    """A key in a bucket; `is_folder` if the key was written with a slash at its end."""

    bucket: str
    key: str
    is_folder: bool = False

    def __str__(self) -> str:
        return f"{self.bucket}/{self.key}"

    def child(self, name: str) -> Place:
        """Return the place of a file of the directory that is here."""
        return Place(self.bucket, f"{self.key}/{name}")


class ObjectDriver:
    """The common part.

    `read_seconds` is how long a store may send nothing: some put the parts of a large object
    together only at its end, and say nothing meanwhile.
    """

    kind: ClassVar[str]

    def __init__(
        self,
        credentials: Credentials,
        *,
        connect_seconds: float = 10.0,
        read_seconds: float = 300.0,
    ) -> None:
        self.credentials = credentials
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds

    def _bucket(self, where: Artifact) -> str:
        """Return the bucket or container. Raises UserError for an incomplete location."""
        raise NotImplementedError

    def _open(self, where: Artifact, place: Place) -> ObjectStore:
        """Return the store as it is reached for one object."""
        raise NotImplementedError

    async def _ready(self, where: Artifact) -> None:
        """Do what takes time before the store can be opened; it is asked for each operation."""

    async def _make_bucket(self, where: Artifact) -> bool:
        """Make the bucket if the artifact asks for that; tell whether it did."""
        del where
        return False

    async def _before_put(self, where: Artifact) -> None:
        """Do what the bucket needs before anything is stored in it."""

    def _key(self, where: Artifact) -> str:
        return key_of(where)

    def client(self, insecure: bool = False, ca: bytes | None = None) -> ClientConfig:
        """Return the options of the HTTP client."""
        made: ClientConfig = {
            "allow_http": insecure,
            "connect_timeout": timedelta(seconds=self._connect_seconds),
            "read_timeout": timedelta(seconds=self._read_seconds),
            "timeout": timedelta(days=7),  # of a whole transfer: it may be large
        }
        if ca is not None:
            made["root_certificate"] = ca
        return made

    # --------------------------------------------------------------------------------- reading

    async def get(self, where: Artifact, to: Path) -> None:
        """Write the object, or all objects below the key, to `to`. Raises NotFound."""
        await self._ready(where)
        place = self._place(where)
        if not place.is_folder:
            try:
                await self._download(where, place, to)
                return
            except NotFound as exc:
                absent = exc
        else:
            absent = NotFound(f"no key found of name {place.key}")
        if not await self._download_below(where, place, to):
            raise absent

    async def _download(self, where: Artifact, place: Place, to: Path) -> None:
        with translated(self.kind, place):
            found = await obstore.get_async(self._open(where, place), place.key)
            size, written = found.meta["size"], 0
            expected(size)
            to.parent.mkdir(parents=True, exist_ok=True)
            with to.open("wb") as file:
                async for piece in found.stream(min_chunk_size=_STREAM_BYTES):
                    written += await asyncio.to_thread(file.write, piece)
                    moved(len(piece))
        if written != size:
            raise Transient(f"{self.kind} {place}: got {written} of {size} bytes")

    async def _download_below(self, where: Artifact, place: Place, to: Path) -> bool:
        """Fetch all objects below the key; False if there are none."""
        entries = await self._entries(where, place)
        limit = asyncio.Semaphore(_FILES_AT_ONCE)

        async def fetch(entry: Entry) -> None:
            name = entry.key.removeprefix(f"{place.key}/")
            async with limit:
                await self._download(where, Place(place.bucket, entry.key), to / name)

        await _all([fetch(entry) for entry in entries])
        return bool(entries)

    async def open(self, where: Artifact) -> AsyncIterator[bytes]:
        """Yield an object's bytes. Raises NotFound, and Permanent for a directory."""
        await self._ready(where)
        place = self._place(where)
        try:
            with translated(self.kind, place):
                found = await obstore.get_async(self._open(where, place), place.key)
                async for piece in found.stream(min_chunk_size=_STREAM_BYTES):
                    yield bytes(piece)
        except NotFound:
            if await self._entries(where, place):
                name = self.kind.upper()
                raise Permanent(
                    f"Directory Stream capability currently unimplemented for {name}"
                ) from None
            raise

    async def list(self, where: Artifact) -> AsyncIterator[Entry]:
        """Yield the object at the key and those below it. Raises NotFound if there are none."""
        await self._ready(where)
        place = self._place(where)
        below = await self._entries(where, place)
        found = [] if place.is_folder else await self._head(where, place)
        if not found and not below:
            raise NotFound(f"no key found of name {place.key}")
        for entry in (*found, *below):
            yield entry

    async def _head(self, where: Artifact, place: Place) -> builtins.list[Entry]:
        try:
            with translated(self.kind, place):
                meta = await obstore.head_async(self._open(where, place), place.key)
        except NotFound:
            return []
        return [Entry(place.key, meta["size"])]

    async def _entries(self, where: Artifact, place: Place) -> Sequence[Entry]:
        """Return the objects below the key, without the empty ones that stand for folders."""
        found: builtins.list[Entry] = []
        with translated(self.kind, place):
            async for page in obstore.list(self._open(where, place), place.key, chunk_size=1000):
                found += [Entry(item["path"], item["size"]) for item in page]
        folders = {folder for entry in found for folder in _folders(entry.key)}
        return [entry for entry in found if entry.size_bytes or entry.key not in folders]

    # --------------------------------------------------------------------------------- writing

    async def put(self, source: Path, where: Artifact) -> Stored:
        """Store a file, or each file of a tree below the key; other objects there stay."""
        await self._ready(where)
        place = self._place(where)
        await self._before_put(where)
        try:
            return await self._put(source, where, place)
        except NoBucket:
            if not await self._make_bucket(where):
                raise
        return await self._put(source, where, place)

    async def _put(self, source: Path, where: Artifact, place: Place) -> Stored:
        if not source.is_dir():
            return await self._upload(source, where, place)
        files = await asyncio.to_thread(lambda: [*files_below(source)])
        limit = asyncio.Semaphore(_FILES_AT_ONCE)

        async def store(name: str, path: Path) -> tuple[str, Stored]:
            async with limit:
                return name, await self._upload(path, where, place.child(name))

        return of_tree(iter(await _all([store(name, path) for name, path in files])))

    async def _upload(self, source: Path, where: Artifact, place: Place) -> Stored:
        try:
            size = source.stat().st_size
            reading = asyncio.create_task(asyncio.to_thread(digest, source))
            try:
                with translated(self.kind, place):
                    await _put_file(self._open(where, place), place.key, source, size)
            finally:
                stored = await reading
        except NotFound as exc:  # the upload, which was given up: something failed before
            raise Transient(f"the upload was broken off: {exc}") from exc
        except OSError as exc:
            raise Permanent(f"{self.kind} {place}: {source}: {exc}") from exc
        if stored.size_bytes != size:
            raise Permanent(f"{self.kind} {place}: {source} changed while it was stored")
        return stored

    # -------------------------------------------------------------------------------- deleting

    async def delete(self, where: Artifact) -> None:
        """Remove the object, or the directory that was stored here, with all below it.

        What was stored as it is (`archive: none`) may be a directory: if there is no object of that
        name, all below the key goes. Anything else is one object, and what lies below its key is
        somebody else's, unless the key ends with a slash.
        Differs: Argo's drivers leave the files of a directory whose key has no slash at its end.
        Source: argo workflow/artifacts/s3/s3.go, Delete.
        """
        await self._ready(where)
        place = self._place(where)
        archive = where.archive
        is_tree = place.is_folder or (
            archive is not None and archive.none is not None and not await self._head(where, place)
        )
        if is_tree:
            await self._delete_below(where, place)
        else:
            await self._delete(where, place, [place.key])

    async def _delete_below(self, where: Artifact, place: Place) -> None:
        keys = [entry.key for entry in await self._entries(where, place)]
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            await self._delete(where, place, keys[start : start + _KEYS_AT_ONCE])

    async def _delete(self, where: Artifact, place: Place, keys: Sequence[str]) -> None:
        """Delete objects; those that are gone already keep none of the others."""
        try:
            with translated(self.kind, place):
                await obstore.delete_async(self._open(where, place), keys)
        except NotFound:
            for key in keys if len(keys) > 1 else ():
                await self._delete(where, place, [key])

    def _place(self, where: Artifact) -> Place:
        """Return the artifact's place. Raises UserError and Permanent for one that cannot be."""
        key = self._key(where)
        plain = key.strip("/")
        if not plain:
            raise Permanent(f"artifact {where.name}: key {key!r} is not a place in a bucket")
        if any(part in ("", ".", "..") for part in plain.split("/")):
            raise Permanent(
                f"artifact {where.name}: key {key!r} has an empty part, `.` or `..` between slashes"
            )
        return Place(self._bucket(where), plain, key.endswith("/"))


async def _put_file(store: ObjectStore, key: str, source: Path, size: int) -> None:
    part = max(PART_BYTES, -(-size // _MAX_PARTS))
    content = mimetypes.guess_type(source.name)[0] or "application/octet-stream"
    # obstore reads the file by itself, without Python, so it is looked at from outside.
    with read_by_others(os.path.realpath(source)):
        await obstore.put_async(
            store,
            key,
            source,
            attributes={"Content-Type": content},
            use_multipart=size > part,
            chunk_size=part,
            max_concurrency=max(1, _PARTS_IN_MEMORY_BYTES // part),
        )


def _folders(key: str) -> list[str]:
    parts = key.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


async def _all(works: Sequence[Coroutine[None, None, _Result]]) -> list[_Result]:
    """Return the results of all works; the first error ends the others and is raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
