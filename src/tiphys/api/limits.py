"""What one client, and all together, may take: requests, bytes, streams.

Source: reference/rest-api.md 1 (rate limiter and its headers).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

from tiphys.errors import TooMuch
from tiphys.ports import Clock

if TYPE_CHECKING:
    from starlette.requests import Request

_MOST_ADDRESSES: Final = 10_000


@dataclass(slots=True)
class Rates:
    """Counts the requests of each address, second by second."""

    clock: Clock
    limit: int
    _second: int = 0
    _counts: Counter[str] = field(default_factory=Counter)

    def take(self, address: str) -> tuple[bool, dict[str, str]]:
        """Count a request; return whether it may go on, and the headers that tell of it."""
        now = int(self.clock.now())
        if now != self._second or len(self._counts) > _MOST_ADDRESSES:
            self._second = now
            self._counts.clear()
        self._counts[address] += 1
        left = self.limit - self._counts[address]
        reset = formatdate(now + 1, usegmt=True).replace("GMT", "UTC")
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, left)),
            "X-RateLimit-Reset": reset,
        }
        return left >= 0, headers if left >= 0 else {**headers, "Retry-After": reset}


@dataclass(slots=True)
class Streams:
    """Counts the streams that are open, in all and of each person."""

    limit: int
    each: int
    _open: Counter[str] = field(default_factory=Counter)

    @contextlib.contextmanager
    def opened(self, subject: str) -> Iterator[None]:
        """Count a stream as long as it is open. Raises TooMuch."""
        if self._open.total() >= self.limit or self._open[subject] >= self.each:
            raise TooMuch("too many streams are open; close some, or try again later")
        self._open[subject] += 1
        try:
            yield
        finally:
            self._open[subject] -= 1
            if not self._open[subject]:
                del self._open[subject]


async def body_of(request: Request, most: int, seconds: float) -> bytes:
    """Return the body of a request. Raises TooMuch, TimeoutError if it does not come."""
    given = request.headers.get("content-length", "")
    if given.isdigit() and int(given) > most:
        raise _too_large(most)
    pieces: list[bytes] = []
    size = 0
    async with asyncio.timeout(seconds):
        async for piece in request.stream():
            size += len(piece)
            if size > most:
                raise _too_large(most)
            pieces.append(piece)
    return b"".join(pieces)


def _too_large(most: int) -> TooMuch:
    return TooMuch(f"grpc: received message larger than max ({most} bytes)")


def header_bytes(request: Request) -> int:
    """Return the size of all headers."""
    return sum(len(name) + len(value) for name, value in request.headers.raw)
