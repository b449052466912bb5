"""Questions of one process to another, where both share a database but no disk.

They go as notifications: nothing is stored, nobody waits for a transaction of others, and one that
nobody answers is forgotten. So they are for what is worth knowing now and is no event.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable
from typing import Final

from tiphys.store.postgres_errors import FOREIGN
from tiphys.store.postgres_link import CHANNEL
from tiphys.store.postgres_reader import Reader

_log = logging.getLogger(__name__)
PATIENCE_SECONDS: Final = 2.0
LONGEST_BYTES: Final = 7_000
"""Of a question or an answer; a notification takes less than 8,000 bytes, ours has a head."""
_ASK: Final = "ask"
_TOLD: Final = "told"
_NOTIFY: Final = "SELECT pg_notify(CAST(? AS TEXT), CAST(? AS TEXT))"


class Talk:
    """Asks and answers, in the event loop of the listener. `me` is "" for one that only asks."""

    def __init__(self, reader: Reader, me: str) -> None:
        """Know who is meant by what is heard."""
        self.answer: Callable[[str], str] | None = None
        self._reader = reader
        self._me = me
        self._waiting: dict[str, asyncio.Future[str]] = {}
        self._replies: set[asyncio.Task[None]] = set()

    async def ask(self, whom: str, question: str) -> str | None:
        """Return what another process answers; None if it does not, or the text is too long."""
        key = secrets.token_hex(8)
        future = asyncio.get_running_loop().create_future()
        self._waiting[key] = future
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                if not await self._say(f"{_ASK} {key} {whom} {question}"):
                    return None
                return str(await future)
        except TimeoutError:
            return None
        finally:
            del self._waiting[key]

    def heard(self, text: str) -> None:
        """Take a notification; others than questions to us and answers for us are left alone."""
        kind, _, rest = text.partition(" ")
        key, _, rest = rest.partition(" ")
        if kind == _TOLD and (future := self._waiting.get(key)) and not future.done():
            future.set_result(rest)
        elif kind == _ASK and self.answer is not None:
            whom, _, question = rest.partition(" ")
            if whom == self._me:
                task = asyncio.ensure_future(self._reply(key, self.answer, question))
                self._replies.add(task)
                task.add_done_callback(self._replies.discard)

    async def _reply(self, key: str, answer: Callable[[str], str], question: str) -> None:
        try:
            text = await asyncio.to_thread(answer, question)
        except Exception:  # noqa: BLE001 - a defect there is not ours: who asks hears nothing
            _log.exception("a question of another process could not be answered")
            return
        await self._say(f"{_TOLD} {key} {text}")

    async def _say(self, text: str) -> bool:
        if len(text.encode()) > LONGEST_BYTES + 200:
            return False
        with contextlib.suppress(*FOREIGN):
            await self._reader.read(_NOTIFY, (CHANNEL, text))
            return True
        return False
