"""Where questions for locks and for room are asked: what all adapters do alike.

An adapter says where its book is kept and how to hear of what others do; the rules are in
`queue.py` and `rooms.py`.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from typing import Generic, TypeAlias, TypeVar

from tiphys.errors import EngineBug, Transient
from tiphys.locks import queue, rooms
from tiphys.locks.answers import Answers
from tiphys.locks.book import Book, Key, News
from tiphys.locks.limits import read_limits
from tiphys.locks.rooms import RoomLimits
from tiphys.messages import Answer, Awaited, LocksWanted, Question, RoomWanted
from tiphys.model.ids import RunId
from tiphys.ports import Clock, Objects

Lives: TypeAlias = Callable[[Sequence[RunId]], Awaitable[Collection[RunId]]]
"""Tells which of these runs exist and are not done."""
_Result = TypeVar("_Result")
_Book = TypeVar("_Book", bound=Book)


class Desk(ABC, Generic[_Book]):
    """Answers questions for locks and for room. An `Answerer`, but for the book.

    One of the watchers is the lookout: while anything waits it looks whether a limit changed, or
    whatever else its adapter must look for. When it leaves, another takes its place.
    """

    kinds: tuple[type[Question], ...] = (LocksWanted, RoomWanted)

    def __init__(self, objects: Objects, clock: Clock, room: RoomLimits | None = None) -> None:
        """Prepare; limits of semaphores are read from `objects`."""
        self._objects = objects
        self._clock = clock
        self._room = room or RoomLimits()
        self._answers = Answers()
        self._waiting: dict[RunId, set[str]] = {}
        self._lookout: tuple[RunId, object] | None = None
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._change = -1

    # ------------------------------------------------------------------------- the port

    async def ask(self, question: Question) -> None:
        """Take a question. Its answers, one or several, come by `watch`."""
        match question:
            case LocksWanted():
                limits = await read_limits(self._objects, question.locks)
                await self._tell(lambda book: queue.ask(book, question, limits))
            case RoomWanted():
                await self._tell(lambda book: rooms.ask(book, question, self._room))
            case _:
                raise EngineBug(f"locks cannot answer a {type(question).__name__}")

    async def release(self, run: RunId, question: str) -> None:
        """Give up what was granted or wanted. Unknown question: no effect."""
        self._forget(run, question)
        await self._tell(lambda book: self._give_up(book, Key(run, question)))

    async def held(self, run: RunId) -> Sequence[str]:
        """Return the questions of a run for which something is held or wanted."""
        return await self._apply(lambda book: book.questions(run))

    async def watch(self, run: RunId) -> AsyncIterator[tuple[str, Answer]]:
        """Yield the answers to a run's questions as they become known, without end."""
        me = (run, object())
        self._answers.open(run)
        try:
            while True:
                item = self._answers.next(run)
                if item is not None:
                    yield item
                    continue
                if self._lookout is None:
                    self._lookout = me
                await self._until_news(run, is_lookout=self._lookout is me)
        finally:
            if self._answers.close(run):
                self._waiting.pop(run, None)
            if self._lookout is me:
                await self._leave_lookout()

    # ---------------------------------------------------------------- for who wires it

    async def sweep(self, lives: Lives) -> None:
        """Drop what runs hold or want that no longer exist or are done."""
        runs = await self._apply(lambda book: book.runs())
        living = set(await lives(runs)) if runs else set()
        dead = [run for run in runs if run not in living]
        if dead:
            await self._tell(
                lambda book: self._drop(
                    book, [Key(run, name) for run in dead for name in book.questions(run)]
                )
            )

    # ------------------------------------------------------------------------- adapters

    @abstractmethod
    async def _apply(self, work: Callable[[_Book], _Result]) -> _Result:
        """Do something with the book, alone and all of it or nothing."""

    @abstractmethod
    async def _tick(self) -> None:
        """Return when the lookout has looked once more at what others did."""

    async def _tell(self, work: Callable[[_Book], Sequence[News]]) -> None:
        """Do something with the book and publish what comes of it, cancelled or not.

        What is decided in the book may concern others than who is being cancelled.
        """
        task = asyncio.ensure_future(self._apply(work))
        task.add_done_callback(self._told)
        await asyncio.shield(task)

    def _told(self, task: asyncio.Task[Sequence[News]]) -> None:
        if not task.cancelled() and task.exception() is None:
            self._publish(task.result())

    # ------------------------------------------------------------------------- inside

    def _give_up(self, book: Book, key: Key) -> list[News]:
        known = book.find(key)
        if known is not None and rooms.is_room(known.wanted):
            return rooms.release(book, key, self._room)
        return queue.release(book, key)

    def _drop(self, book: Book, keys: Iterable[Key]) -> list[News]:
        return [news for key in keys for news in self._give_up(book, key)]

    def _publish(self, news: Sequence[News]) -> None:
        """Send answers on their way, and remember who still waits."""
        nothing_waited = not self._waiting
        for run, question, answer in news:
            if isinstance(answer, Awaited):
                self._waiting.setdefault(run, set()).add(question)
            else:
                self._forget(run, question)
        self._answers.put(news)
        if nothing_waited and self._waiting and self._lookout is not None:
            self._answers.nudge(self._lookout[0])

    def _forget(self, run: RunId, question: str) -> None:
        waiting = self._waiting.get(run, set())
        waiting.discard(question)
        if not waiting:
            self._waiting.pop(run, None)

    async def _until_news(self, run: RunId, is_lookout: bool) -> None:
        """Return when the run's box may hold something; the lookout looks around meanwhile."""
        if not is_lookout or not self._waiting:
            await self._answers.arrived(run)
            return
        for look in (self._look_at_limits, self._tick):
            if look.__name__ not in self._looking:
                self._looking[look.__name__] = asyncio.ensure_future(look())
        arrived = asyncio.ensure_future(self._answers.arrived(run))
        try:
            tasks = [arrived, *self._looking.values()]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            arrived.cancel()
        for name in [name for name, task in self._looking.items() if task.done()]:
            self._looking.pop(name).result()

    async def _leave_lookout(self) -> None:
        """Let another watcher be the lookout."""
        looking = [*self._looking.values()]
        self._looking.clear()
        self._lookout = None
        self._answers.nudge(None)
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)

    async def _look_at_limits(self) -> None:
        """Wait until an object changes, and let those go on whose limit was raised."""
        try:
            change = await self._objects.changed(self._change)
            contested = await self._apply(lambda book: book.contested())
            limits = await read_limits(self._objects, contested)
        except Transient as exc:
            await self._clock.sleep_until(self._clock.now() + exc.retry_after)
            return
        if limits:
            await self._tell(lambda book: queue.limits_changed(book, limits))
        self._change = change
