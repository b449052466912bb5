"""Stores behind a plugin: a gRPC service on a Unix socket.

Starting the plugin is not done here; the driver waits for its socket. Needs the package grpcio.
Source: reference/executor.md 13; argo workflow/artifacts/plugin.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

import grpc

from tiphys.artifacts import plugin_wire as wire
from tiphys.artifacts.credentials import Credentials
from tiphys.artifacts.digests import digest
from tiphys.errors import Permanent, Transient, UserError
from tiphys.model.artifacts import Artifact, PluginArtifact
from tiphys.ports import Entry, Stored

SERVICE: Final = "/artifact.ArtifactService/"
SOCKETS: Final = "/tmp/artifact-plugins"  # noqa: S108 - where Argo's plugins listen
_CONNECTION_SECONDS: Final = 5
_TRANSIENT: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class PluginDriver:
    """Talks to plugins; `names` are those that are configured, with their timeouts in seconds.

    The socket of plugin `n` is `paths["n"]`, else `<sockets>/n/socket`.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        names: Mapping[str, int] = MappingProxyType({}),
        sockets: Path = Path(SOCKETS),
        paths: Mapping[str, Path] = MappingProxyType({}),
        socket_seconds: float = 120.0,
        poll_seconds: float = 1.0,
    ) -> None:
        del credentials  # plugins have their own
        self._names = names
        self._sockets = sockets
        self._paths = paths
        self._socket_seconds = socket_seconds
        self._poll_seconds = poll_seconds

    async def get(self, where: Artifact, to: Path) -> None:
        """Have the plugin write the artifact to `to`."""
        answer = await self._call(where, "Load", wire.load_request(where, str(to)), "load")
        _checked(where, answer, "load")

    async def put(self, source: Path, where: Artifact) -> Stored:
        """Have the plugin store the file or tree."""
        stored = await asyncio.to_thread(digest, source)
        answer = await self._call(where, "Save", wire.save_request(where, str(source)), "save")
        _checked(where, answer, "save")
        return stored

    async def delete(self, where: Artifact) -> None:
        """Have the plugin remove the artifact."""
        answer = await self._call(where, "Delete", wire.one_artifact(where), "delete")
        _checked(where, answer, "delete")

    async def list(self, where: Artifact) -> AsyncIterator[Entry]:
        """Yield the keys that the plugin names; it tells no sizes, so they are 0."""
        request = wire.one_artifact(where)
        keys, error = wire.objects(await self._call(where, "ListObjects", request, "list objects"))
        if error:
            raise Permanent(f"plugin {_plugin(where).name} list objects failed: {error}")
        for key in keys:
            yield Entry(key, 0)

    async def open(self, where: Artifact) -> AsyncIterator[bytes]:
        """Yield the bytes that the plugin streams."""
        request = wire.one_artifact(where)
        async with self._channel(where, "open stream") as channel:
            stream = channel.unary_stream(f"{SERVICE}OpenStream")(request)
            async for data in stream:
                piece, is_end, error = wire.frame(data)
                if error:
                    raise Permanent(f"plugin {_plugin(where).name} open stream failed: {error}")
                if piece:
                    yield piece
                if is_end:
                    return

    async def _call(self, where: Artifact, method: str, request: bytes, verb: str) -> bytes:
        async with self._channel(where, verb) as channel:
            answer: bytes = await channel.unary_unary(f"{SERVICE}{method}")(request)
            return answer

    @asynccontextmanager
    async def _channel(self, where: Artifact, verb: str) -> AsyncIterator[grpc.aio.Channel]:
        """Yield a channel that is ready. Raises UserError, Transient and Permanent."""
        plugin = _plugin(where)
        if plugin.name not in self._names:
            known = ", ".join(sorted(self._names)) or "none"
            raise UserError(
                f"artifact driver {plugin.name} not found; `artifact_drivers` of the settings "
                f"has {known}"
            )
        socket = self._paths.get(plugin.name) or self._sockets / plugin.name / "socket"
        await self._wait_for_socket(plugin.name, socket)
        limit = plugin.connection_timeout_seconds or self._names[plugin.name]
        async with grpc.aio.insecure_channel(f"unix:{socket}", options=_OPTIONS) as channel:
            await _ready(channel, plugin.name, socket, limit or _CONNECTION_SECONDS)
            try:
                yield channel
            except grpc.aio.AioRpcError as exc:
                text = f"plugin {plugin.name} {verb} failed: {exc.details()}"
                raise (Transient if exc.code() in _TRANSIENT else Permanent)(text) from exc

    async def _wait_for_socket(self, name: str, socket: Path) -> None:
        try:
            async with asyncio.timeout(self._socket_seconds):
                while not os.path.exists(socket):
                    await asyncio.sleep(self._poll_seconds)
        except TimeoutError as exc:
            raise Transient(
                f'plugin {name} expected unix socket at "{socket}" but it does not exist after '
                f"waiting for {self._socket_seconds:g} seconds"
            ) from exc


# The default limit of 4 MB is less than a plugin may send at once.
_OPTIONS: Final = (("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0))


async def _ready(channel: grpc.aio.Channel, name: str, socket: Path, seconds: int) -> None:
    try:
        async with asyncio.timeout(seconds):
            await channel.channel_ready()
    except TimeoutError as exc:
        state = channel.get_state().name
        raise Transient(
            f"timeout waiting for plugin {name} connection to become ready, last state: {state} "
            f'(socket="{socket}")'
        ) from exc


def _checked(where: Artifact, data: bytes, verb: str) -> None:
    answer = wire.reply(data)
    if not answer.success or answer.error:
        raise Permanent(f"plugin {_plugin(where).name} {verb} failed: {answer.error}")


def _plugin(where: Artifact) -> PluginArtifact:
    if where.plugin is None:
        raise Permanent(f"artifact {where.name} is not behind a plugin")
    return where.plugin
