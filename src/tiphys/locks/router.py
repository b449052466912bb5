"""One answerer out of several: each question goes to the one of its kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from tiphys.errors import EngineBug
from tiphys.messages import Answer, Question
from tiphys.model.ids import RunId
from tiphys.ports import Answerer


class Router:
    """An `Answerer` for all kinds that its parts have; of two for one kind the first answers."""

    def __init__(self, answerers: Sequence[Answerer]) -> None:
        """Prepare."""
        self._answerers = tuple(answerers)
        self._by_kind: dict[type[Question], Answerer] = {}
        for answerer in reversed(self._answerers):
            self._by_kind |= dict.fromkeys(answerer.kinds, answerer)
        self.kinds: tuple[type[Question], ...] = tuple(self._by_kind)

    async def ask(self, question: Question) -> None:
        """Take a question. Its answers, one or several, come by `watch`."""
        answerer = self._by_kind.get(type(question))
        if answerer is None:
            raise EngineBug(f"nobody answers a {type(question).__name__}")
        await answerer.ask(question)

    async def release(self, run: RunId, question: str) -> None:
        """Give up what was granted or wanted, whoever has it. Unknown question: no effect."""
        for answerer in self._answerers:
            await answerer.release(run, question)

    async def held(self, run: RunId) -> Sequence[str]:
        """Return the questions of a run for which something is held or wanted."""
        return [name for answerer in self._answerers for name in await answerer.held(run)]

    async def watch(self, run: RunId) -> AsyncIterator[tuple[str, Answer]]:
        """Yield the answers of all as they become known, without end."""
        streams = [answerer.watch(run) for answerer in self._answerers]
        waiting = {asyncio.ensure_future(_next(stream)): stream for stream in streams}
        try:
            while True:
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    stream = waiting.pop(task)
                    item = task.result()
                    waiting[asyncio.ensure_future(_next(stream))] = stream
                    yield item
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            for stream in streams:
                if isinstance(stream, AsyncGenerator):
                    await stream.aclose()


async def _next(stream: AsyncIterator[tuple[str, Answer]]) -> tuple[str, Answer]:
    return await anext(stream)
