"""An artifact plugin that keeps its artifacts in a directory, with the real gRPC server."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import grpc

from tiphys.artifacts import plugin_wire as wire


class Plugin:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: list[wire.Fields] = []

    def place(self, artifact: bytes) -> Path:
        found = wire.fields(artifact)
        self.seen.append(found)
        plugin = found[5][0]
        assert isinstance(plugin, bytes)
        key = wire.text_of(wire.fields(plugin), 4)
        if not key or ".." in key.split("/"):
            raise OSError("not a key")
        return self.folder / key.rstrip("/")

    async def load(self, data: bytes, _: object) -> bytes:
        found = wire.fields(data)
        return self.done(lambda: copy(self.place(found[1][0]), Path(wire.text_of(found, 2))))

    async def save(self, data: bytes, _: object) -> bytes:
        found = wire.fields(data)
        return self.done(lambda: copy(Path(wire.text_of(found, 1)), self.place(found[2][0])))

    async def delete(self, data: bytes, _: object) -> bytes:
        return self.done(lambda: remove(self.place(wire.fields(data)[1][0])))

    async def objects(self, data: bytes, _: object) -> bytes:
        place = self.place(wire.fields(data)[1][0])
        files = [place] if place.is_file() else [p for p in place.rglob("*") if p.is_file()]
        return b"".join(field(1, str(p.relative_to(self.folder)).encode()) for p in files)

    async def stream(self, data: bytes, _: object) -> AsyncIterator[bytes]:
        try:
            with self.place(wire.fields(data)[1][0]).open("rb") as file:
                while piece := file.read(1 << 16):
                    yield field(1, piece)
        except OSError as exc:
            yield field(3, (exc.strerror or str(exc)).lower().encode())
            return
        yield b"\x10\x01"

    def done(self, work) -> bytes:
        try:
            work()
        except OSError as exc:
            return field(2, (exc.strerror or str(exc)).lower().encode())
        return b"\x08\x01"


def field(number: int, value: bytes) -> bytes:
    """Return a field of bytes; written apart from the code under test."""
    size, length = len(value), bytearray()
    while size > 127:
        length.append(size % 128 + 128)
        size //= 128
    return bytes([number * 8 + 2]) + bytes(length) + bytes([size]) + value


def copy(source: Path, target: Path) -> None:
    remove(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def serve_plugin(socket: Path, folder: Path) -> AsyncIterator[Plugin]:
    socket.parent.mkdir(parents=True)
    folder.mkdir()
    plugin = Plugin(folder)
    one = grpc.unary_unary_rpc_method_handler
    methods = {
        "Load": one(plugin.load),
        "Save": one(plugin.save),
        "Delete": one(plugin.delete),
        "ListObjects": one(plugin.objects),
        "OpenStream": grpc.unary_stream_rpc_method_handler(plugin.stream),
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("artifact.ArtifactService", methods),)
    )
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    try:
        yield plugin
    finally:
        await server.stop(None)
