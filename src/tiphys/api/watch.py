"""Streams: one JSON object a frame, as server-sent events or as lines.

The Go client cuts six bytes off every line longer than six, so a frame is one line that begins
with `data: `, and the sign of life is shorter. Source: reference/rest-api.md 7.1, 22.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from tiphys.api import errors
from tiphys.api.documents import to_bytes
from tiphys.api.fields import Fields, parse_fields
from tiphys.api.routing import Stream
from tiphys.errors import TooMuch
from tiphys.model.base import JsonObject

Frame: TypeAlias = JsonObject | list[bytes]
_ALIVE_SECONDS: Final = 15.0
_ALIVE: Final = b":\n"


@dataclass(frozen=True, slots=True)
class Framing:
    """How frames are written; chosen by the header Accept."""

    events: bool

    @property
    def media_type(self) -> str:
        """Return the content type."""
        return "text/event-stream" if self.events else "application/json"

    def frame(self, value: Frame) -> bytes:
        """Return one frame, or several, one after the other."""
        every = value if isinstance(value, list) else [to_bytes(value)]
        if self.events:
            return b"".join([b"data: " + data + b" \n\n\n" for data in every])
        return b"".join([data + b"\n" for data in every])


@dataclass(frozen=True, slots=True)
class Opened:
    """A stream whose first frame is known, or known to be long in coming."""

    frames: AsyncGenerator[Frame, None]
    first: asyncio.Task[Frame | None]
    fields: Fields | None
    seconds: int = 0


_PATIENCE_SECONDS: Final = 0.05


async def open_stream(stream: Stream) -> Opened:
    """Begin a stream. Raises what goes wrong before its first frame, if that is soon."""
    frames = _generator(stream.frames)
    first = asyncio.ensure_future(_next(frames))
    await asyncio.wait({first}, timeout=_PATIENCE_SECONDS)
    if first.done() and (error := first.exception()) is not None:
        await frames.aclose()
        raise error
    return Opened(frames, first, parse_fields(stream.fields), stream.seconds)


async def _next(frames: AsyncGenerator[Frame, None]) -> Frame | None:
    """Return the next frame, None after the last one."""
    return await anext(frames, None)


async def _generator(
    frames: AsyncIterator[JsonObject] | AsyncIterator[list[bytes]],
) -> AsyncGenerator[Frame, None]:
    async for frame in frames:
        yield frame


async def frames_of(
    opened: Opened, framing: Framing, ending: asyncio.Event
) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of a stream, with signs of life, until it is over or the server ends.

    What goes wrong is its last frame, and so is that its time is up.
    """
    now = asyncio.get_running_loop().time
    until = now() + opened.seconds if opened.seconds > 0 else math.inf
    waiting: asyncio.Task[Frame | None] = opened.first
    ended = asyncio.ensure_future(ending.wait())
    either = asyncio.FIRST_COMPLETED
    try:
        while not ending.is_set():
            left = min(until - now(), _ALIVE_SECONDS)
            if left <= 0:
                yield framing.frame(errors.stream_body_of(TooMuch("EOF")))
                return
            await asyncio.wait({waiting, ended}, timeout=left, return_when=either)
            if not waiting.done():
                if framing.events and left == _ALIVE_SECONDS:
                    yield _ALIVE
                continue
            frame, last = _settled(waiting)
            if frame is not None:
                yield framing.frame(_projected(frame, opened.fields))
            if last:
                return
            waiting = asyncio.ensure_future(_next(opened.frames))
    finally:
        ended.cancel()
        waiting.cancel()
        with contextlib.suppress(BaseException):
            await waiting
        await opened.frames.aclose()


def _projected(frame: Frame, fields: Fields | None) -> Frame:
    return frame if fields is None or isinstance(frame, list) else fields.project(frame)


def _settled(task: asyncio.Task[Frame | None]) -> tuple[Frame | None, bool]:
    """Return the frame a task brought, and whether it is the last one."""
    error = task.exception()
    if error is None:
        frame = task.result()
        return frame, frame is None
    errors.note(error, "a stream")
    return errors.stream_body_of(error), True
