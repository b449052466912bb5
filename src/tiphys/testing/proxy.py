"""A TCP proxy on loopback that cuts connections or falls silent after so many bytes."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Final, Self

_PIECE_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Fault:
    """When a connection breaks: after so many bytes of the answers, or of the requests.

    `hangs`: it then stays open and silent instead of being cut.
    """

    answer_bytes: int | None = None
    request_bytes: int | None = None
    hangs: bool = False


class Proxy:
    """Passes connections on to `target_port` of this machine; `fault` holds for new ones."""

    def __init__(self, target_port: int) -> None:
        self.fault: Fault | None = None
        self.port = 0
        self._target_port = target_port
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        fault = self.fault or Fault()
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except (OSError, asyncio.CancelledError):  # cancelled: the test is over
            writer.transport.abort()
            return
        asks = asyncio.create_task(_pump(reader, far_writer, fault.request_bytes))
        answers = asyncio.create_task(_pump(far_reader, writer, fault.answer_bytes))
        try:
            await asyncio.wait({asks, answers}, return_when=asyncio.FIRST_COMPLETED)
            if fault.hangs:
                await asyncio.get_running_loop().create_future()
        finally:
            for end in (writer, far_writer):  # before anything is awaited: that may be cancelled
                end.transport.abort()
            for pump in (asks, answers):
                pump.cancel()
            await asyncio.gather(asks, answers, return_exceptions=True)


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None
) -> None:
    """Pass bytes on until one side ends, or `limit` is reached."""
    passed = 0
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(_PIECE_BYTES):
            if limit is not None and passed + len(piece) > limit:
                return
            writer.write(piece)
            await writer.drain()
            passed += len(piece)
