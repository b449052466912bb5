"""An Answerer for where nothing is asked: each question is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from tiphys.messages import Answer, Question, Refused
from tiphys.model.ids import RunId


class Unanswered:
    """Refuses every question, by name."""

    kinds: tuple[type[Question], ...] = ()

    def __init__(self) -> None:
        """Start with nothing asked."""
        self._asked: dict[RunId, asyncio.Queue[tuple[str, Answer]]] = {}

    def _queue(self, run: RunId) -> asyncio.Queue[tuple[str, Answer]]:
        return self._asked.setdefault(run, asyncio.Queue())

    async def ask(self, question: Question) -> None:
        """Refuse a question."""
        self._queue(question.run).put_nowait(
            (question.question, Refused("there is nobody to ask here"))
        )

    async def release(self, run: RunId, question: str) -> None:
        """Nothing is held."""

    async def held(self, _run: RunId) -> Sequence[str]:
        """Nothing is held."""
        return ()

    async def watch(self, run: RunId) -> AsyncIterator[tuple[str, Answer]]:
        """Yield the refusals."""
        while True:
            yield await self._queue(run).get()
