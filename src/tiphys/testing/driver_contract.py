"""What every artifact driver must do: one suite, run for each of them.

Subclass `DriverContract` in a test module and give it a fixture `shelf` that returns a `Shelf`;
what a kind of store cannot do is told there, and then must be refused. A driver that speaks over a
network passes `NetworkContract` as well, with a fixture `through` that returns a function from a
proxy's port to a shelf whose server is reached through that proxy.
"""

# A test module that lives in the package.

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from tiphys.errors import NotFound, Permanent, Transient, UserError
from tiphys.model.artifacts import ArchiveStrategy, Artifact, NoneStrategy
from tiphys.ports import ArtifactDriver
from tiphys.testing.proxy import Fault, Proxy

LARGE_BYTES = 20 << 20
"""More than any driver sends at once."""


@dataclass(frozen=True)
class Shelf:
    """A driver, artifacts by key, and what this kind of store can do."""

    driver: ArtifactDriver
    at: Callable[[str], Artifact]
    folders: bool = True
    lists: bool = True
    deletes: bool = True
    tells_sizes: bool = True
    odd_names: bool = True
    """Whether keys may hold any character."""


def a_file(folder: Path, content: bytes, name: str = "source") -> Path:
    """Return a new file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def noise(size: int) -> bytes:
    """Return bytes that do not repeat soon; the same for the same size."""
    block = b"".join(
        hashlib.sha256(number.to_bytes(8, "big")).digest() for number in range(1 << 15)
    )
    return (block * (size // len(block) + 1))[:size]


@pytest.mark.anyio
class DriverContract:
    """The promises of `ports.ArtifactDriver`."""

    async def test_a_file_comes_back_as_it_was(self, shelf: Shelf, tmp_path: Path) -> None:
        content = noise(100_000)
        source = a_file(tmp_path, content)
        stored = await shelf.driver.put(source, shelf.at("wf/pod/out"))
        assert (stored.size_bytes, stored.sha256) == (100_000, hashlib.sha256(content).hexdigest())
        await shelf.driver.get(shelf.at("wf/pod/out"), tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == content

    async def test_an_empty_file_is_a_file(self, shelf: Shelf, tmp_path: Path) -> None:
        await shelf.driver.put(a_file(tmp_path, b""), shelf.at("wf/empty"))
        await shelf.driver.get(shelf.at("wf/empty"), tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == b""

    async def test_a_large_file_comes_back_as_it_was(self, shelf: Shelf, tmp_path: Path) -> None:
        content = noise(LARGE_BYTES)
        stored = await shelf.driver.put(a_file(tmp_path, content), shelf.at("wf/large"))
        assert stored.sha256 == hashlib.sha256(content).hexdigest()
        await shelf.driver.get(shelf.at("wf/large"), tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == content

    async def test_a_file_is_replaced_whole(self, shelf: Shelf, tmp_path: Path) -> None:
        await shelf.driver.put(a_file(tmp_path, b"a longer text"), shelf.at("wf/x"))
        await shelf.driver.put(a_file(tmp_path, b"short"), shelf.at("wf/x"))
        assert await read(shelf, "wf/x") == b"short"

    async def test_a_file_is_streamed_in_pieces(self, shelf: Shelf, tmp_path: Path) -> None:
        content = noise(LARGE_BYTES)
        await shelf.driver.put(a_file(tmp_path, content), shelf.at("wf/stream"))
        sizes, whole = [], hashlib.sha256()
        async for piece in shelf.driver.open(shelf.at("wf/stream")):
            sizes.append(len(piece))
            whole.update(piece)
        assert whole.digest() == hashlib.sha256(content).digest()
        assert max(sizes) <= LARGE_BYTES // 2

    async def test_what_is_not_there_is_not_found(self, shelf: Shelf, tmp_path: Path) -> None:
        with pytest.raises(NotFound):
            await shelf.driver.get(shelf.at("wf/none"), tmp_path / "back")
        with pytest.raises(NotFound):
            await read(shelf, "wf/none")
        assert not (tmp_path / "back").exists()

    async def test_a_key_may_hold_what_is_special_elsewhere(
        self, shelf: Shelf, tmp_path: Path
    ) -> None:
        if not shelf.odd_names:
            return
        for key in ("wf/a b/é+#%20?&=.txt", "wf/~x/(1)/a'b.txt", "wf/日本"):
            await shelf.driver.put(a_file(tmp_path, key.encode()), shelf.at(key))
            assert await read(shelf, key) == key.encode()

    async def test_a_directory_comes_back(self, shelf: Shelf, tmp_path: Path) -> None:
        folder = a_folder(tmp_path)
        if not shelf.folders:
            with pytest.raises(Permanent):
                await shelf.driver.put(folder, shelf.at("wf/tree"))
            return
        stored = await shelf.driver.put(folder, shelf.at("wf/tree"))
        assert stored.size_bytes == 3
        lines = "".join(
            f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n"
            for name, text in (("sub/y", "22"), ("x", "1"))
        )
        assert stored.sha256 == hashlib.sha256(lines.encode()).hexdigest()
        await shelf.driver.get(shelf.at("wf/tree"), tmp_path / "back")
        assert files_of(tmp_path / "back") == {"x": b"1", "sub/y": b"22"}
        assert await read(shelf, "wf/tree/sub/y") == b"22"

    async def test_a_key_is_not_a_prefix_of_other_names(self, shelf: Shelf, tmp_path: Path) -> None:
        if not shelf.folders:
            return
        await shelf.driver.put(a_file(tmp_path, b"mine"), shelf.at("wf/near/x"))
        await shelf.driver.put(a_file(tmp_path, b"other"), shelf.at("wf/near-by/x"))
        await shelf.driver.get(shelf.at("wf/near"), tmp_path / "back")
        assert files_of(tmp_path / "back") == {"x": b"mine"}

    async def test_a_directory_is_not_streamed(self, shelf: Shelf, tmp_path: Path) -> None:
        if not shelf.folders:
            return
        await shelf.driver.put(a_folder(tmp_path), shelf.at("wf/stream-tree"))
        with pytest.raises(Permanent):
            await read(shelf, "wf/stream-tree")

    async def test_a_listing_has_what_lies_at_and_below_a_key(
        self, shelf: Shelf, tmp_path: Path
    ) -> None:
        if not shelf.lists:
            with pytest.raises(Permanent, match="ListObjects is currently not supported"):
                await listed(shelf, "wf/list")
            return
        for key, content in (("wf/list/b", b"22"), ("wf/list/a/c", b"1"), ("wf/lister", b"333")):
            await shelf.driver.put(a_file(tmp_path, content), shelf.at(key))
        sizes = (1, 2, 2) if shelf.tells_sizes else (0, 0, 0)
        assert await listed(shelf, "wf/list") == [
            ("wf/list/a/c", sizes[0]),
            ("wf/list/b", sizes[1]),
        ]
        assert await listed(shelf, "wf/list/b") == [("wf/list/b", sizes[2])]

    async def test_a_listing_of_nothing_is_empty_or_not_found(self, shelf: Shelf) -> None:
        if not shelf.lists:
            return
        with contextlib.suppress(NotFound):
            assert await listed(shelf, "wf/nothing") == []

    async def test_deleting_takes_one_artifact_and_leaves_the_others(
        self, shelf: Shelf, tmp_path: Path
    ) -> None:
        if not shelf.deletes:
            with pytest.raises(Permanent, match="delete not supported"):
                await shelf.driver.delete(shelf.at("wf/gone"))
            return
        for key in ("wf/gone", "wf/gone.too"):
            await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at(key))
        await shelf.driver.delete(shelf.at("wf/gone"))
        with pytest.raises(NotFound):
            await shelf.driver.get(shelf.at("wf/gone"), tmp_path / "back")
        assert await read(shelf, "wf/gone.too") == b"1"

    async def test_deleting_what_is_gone_has_no_effect(self, shelf: Shelf) -> None:
        if shelf.deletes:
            await shelf.driver.delete(shelf.at("wf/never"))

    async def test_a_directory_is_deleted_by_its_key_and_a_slash(
        self, shelf: Shelf, tmp_path: Path
    ) -> None:
        if not (shelf.deletes and shelf.folders):
            return
        await shelf.driver.put(a_folder(tmp_path), shelf.at("wf/old"))
        await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at("wf/older"))
        await shelf.driver.delete(shelf.at("wf/old/"))
        with pytest.raises(NotFound):
            await shelf.driver.get(shelf.at("wf/old"), tmp_path / "back")
        assert await read(shelf, "wf/older") == b"1"

    async def test_a_directory_stored_as_it_is_is_deleted_by_its_key(
        self, shelf: Shelf, tmp_path: Path
    ) -> None:
        if not (shelf.deletes and shelf.folders):
            return
        await shelf.driver.put(a_folder(tmp_path), shelf.at("wf/dir"))
        for key in ("wf/dir2/x", "wf/dir.txt"):
            await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at(key))
        await shelf.driver.delete(as_it_is(shelf.at("wf/dir")))
        with pytest.raises(NotFound):
            await shelf.driver.get(shelf.at("wf/dir"), tmp_path / "back")
        if shelf.lists:
            with contextlib.suppress(NotFound):
                assert await listed(shelf, "wf/dir") == []
        for key in ("wf/dir2/x", "wf/dir.txt"):
            assert await read(shelf, key) == b"1"

    async def test_a_file_stored_as_it_is_is_deleted_by_its_key(
        self, shelf: Shelf, tmp_path: Path
    ) -> None:
        if not shelf.deletes:
            return
        for key in ("wf/plain", "wf/plainer"):
            await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at(key))
        await shelf.driver.delete(as_it_is(shelf.at("wf/plain")))
        with pytest.raises(NotFound):
            await shelf.driver.get(shelf.at("wf/plain"), tmp_path / "back")
        assert await read(shelf, "wf/plainer") == b"1"

    async def test_keys_that_climb_are_refused(self, shelf: Shelf, tmp_path: Path) -> None:
        if not shelf.folders:
            return
        for key in ("", "..", "../x", "a/../../x"):
            with pytest.raises((Permanent, UserError)):
                await shelf.driver.put(a_file(tmp_path, b"1"), shelf.at(key))


@pytest.mark.anyio
class NetworkContract:
    """What a driver makes of a bad connection. Drivers do not retry, so one fault is one error."""

    async def test_a_connection_that_is_cut_while_reading_is_transient(
        self, shelf: Shelf, through: Callable[[int], Shelf], server_port: int, tmp_path: Path
    ) -> None:
        await shelf.driver.put(a_file(tmp_path, noise(LARGE_BYTES)), shelf.at("wf/cut"))
        async with Proxy(server_port) as proxy:
            broken = through(proxy.port)
            proxy.fault = Fault(answer_bytes=LARGE_BYTES // 2)
            with pytest.raises(Transient):
                await broken.driver.get(broken.at("wf/cut"), tmp_path / "back")
            proxy.fault = None
            await broken.driver.get(broken.at("wf/cut"), tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == noise(LARGE_BYTES)

    async def test_a_connection_that_is_cut_while_writing_is_transient(
        self, shelf: Shelf, through: Callable[[int], Shelf], server_port: int, tmp_path: Path
    ) -> None:
        source = a_file(tmp_path, noise(LARGE_BYTES))
        async with Proxy(server_port) as proxy:
            broken = through(proxy.port)
            proxy.fault = Fault(request_bytes=1 << 20)
            with pytest.raises(Transient):
                await broken.driver.put(source, broken.at("wf/half"))
        with pytest.raises(NotFound):
            await shelf.driver.get(shelf.at("wf/half"), tmp_path / "back")

    async def test_a_server_that_falls_silent_is_transient(
        self, shelf: Shelf, through: Callable[[int], Shelf], server_port: int, tmp_path: Path
    ) -> None:
        await shelf.driver.put(a_file(tmp_path, noise(LARGE_BYTES)), shelf.at("wf/slow"))
        async with Proxy(server_port) as proxy:
            slow = through(proxy.port)
            proxy.fault = Fault(answer_bytes=1 << 20, hangs=True)
            with pytest.raises(Transient):
                await slow.driver.get(slow.at("wf/slow"), tmp_path / "back")

    async def test_a_server_that_is_not_there_is_transient(
        self, through: Callable[[int], Shelf], server_port: int, tmp_path: Path
    ) -> None:
        async with Proxy(server_port) as proxy:
            gone = through(proxy.port)
        with pytest.raises(Transient):
            await gone.driver.get(gone.at("wf/x"), tmp_path / "back")


def a_folder(tmp_path: Path) -> Path:
    """Return a tree of two files and a link."""
    folder = tmp_path / "folder"
    a_file(folder, b"1", "x")
    a_file(folder, b"22", "sub/y")
    return folder


def as_it_is(artifact: Artifact) -> Artifact:
    """Return the artifact as one that is stored without an archive."""
    return replace(artifact, archive=ArchiveStrategy(none=NoneStrategy()))


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a tree by their paths."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


async def read(shelf: Shelf, key: str) -> bytes:
    """Return all that is streamed of an artifact."""
    pieces: AsyncIterator[bytes] = shelf.driver.open(shelf.at(key))
    return b"".join([piece async for piece in pieces])


async def listed(shelf: Shelf, key: str) -> list[tuple[str, int]]:
    """Return keys, without a slash at their beginning, and sizes, by key."""
    entries = shelf.driver.list(shelf.at(key))
    return sorted([(entry.key.lstrip("/"), entry.size_bytes) async for entry in entries])
