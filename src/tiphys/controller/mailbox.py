"""One ordered queue of inputs for one run; what waits together is handled together."""

from __future__ import annotations

import asyncio
from collections import deque

from tiphys.messages import Input

_BATCH = 512


class Mailbox:
    """Inputs in order of arrival, each with the number of the request it came from (0: none)."""

    def __init__(self) -> None:
        """Start empty."""
        self._items: deque[tuple[Input, int]] = deque()
        self._arrived = asyncio.Event()

    def put(self, item: Input, number: int = 0) -> None:
        """Add an input."""
        self._items.append((item, number))
        self._arrived.set()

    async def batch(self) -> list[tuple[Input, int]]:
        """Return what waits (at least one input), oldest first."""
        while not self._items:
            self._arrived.clear()
            await self._arrived.wait()
        return [self._items.popleft() for _ in range(min(_BATCH, len(self._items)))]
