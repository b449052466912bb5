"""Hears what other processes commit and ask, and who is to be woken."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import asyncpg

from tiphys.store.owners import wake
from tiphys.store.postgres_address import Address
from tiphys.store.postgres_errors import FOREIGN
from tiphys.store.postgres_link import CHANNEL, connect
from tiphys.store.postgres_talk import Talk

_log = logging.getLogger(__name__)
_PAUSE_SECONDS: Final = 1.0


class Listener:
    """Calls `rings` after each commit, and wakes the process `owner` when that is asked.

    What is neither goes to `talk`.
    """

    def __init__(self, address: Address, owner: str | None, home: Path, talk: Talk) -> None:
        """Prepare; nothing is connected yet."""
        self._talk = talk
        self.is_heard = False
        self.rings: list[Callable[[], None]] = []
        self._address = address
        self._owner = owner
        self._home = home

    async def listen(self) -> None:
        """Listen for ever; after the connection was lost, on a new one."""
        is_lost = False
        while True:
            try:
                connection = await connect(self._address)
                try:
                    await self._stay(connection)
                finally:
                    connection.terminate()
                raise ConnectionError("the connection was lost")
            except FOREIGN as exc:
                if not is_lost:
                    _log.warning("%s says nothing of changes: %s", self._address.name, exc)
                is_lost = True
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _stay(self, connection: asyncpg.Connection) -> None:
        """Return when the connection is lost."""
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(CHANNEL, self._heard)
        self.is_heard = True
        self._ring()  # what was committed meanwhile
        await lost.wait()
        self.is_heard = False

    def _heard(self, _connection: object, _process: int, _channel: str, text: object) -> None:
        if not text:
            self._ring()
        elif self._owner is not None and text == self._owner:
            wake(self._home, self._owner)
        else:
            self._talk.heard(str(text))

    def _ring(self) -> None:
        for ring in self.rings:
            ring()
