"""What everybody must do who answers for locks and for room: one suite, run for each of them.

Subclass `AnswererContract` in a test module and give it a fixture `place` that returns a `Place`:
where several askers, as so many processes or as the runs of one, want the same locks.
"""

# A test module that lives in the package.

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import pytest

from tiphys.locks.rooms import POSTPONED
from tiphys.messages import (
    Answer,
    Awaited,
    Blocked,
    Granted,
    Lock,
    LocksWanted,
    Question,
    Refused,
    RoomWanted,
)
from tiphys.model.ids import RunId
from tiphys.ports import Answerer

ENGINE_ROOM, NAMESPACE_ROOM = 3, 2
"""The limits that a place gives to room."""
PATIENCE_SECONDS = 20.0


class Place(Protocol):
    """Where the same locks are wanted by several."""

    def open(self, name: str) -> Answerer:
        """Return the answerer of a living process; the same for all, if there is only one."""
        ...

    async def set_limit(self, limit: int | str | None) -> None:
        """Write the limit of `SEMAPHORE` into its ConfigMap; None removes it."""
        ...

    def set_database_limit(self, limit: int) -> None:
        """Write the limit of `IN_DATABASE`."""
        ...


MUTEX = Lock("ns/Mutex/m", "mutex")
OTHER = Lock("ns/Mutex/other", "mutex")
SEMAPHORE = Lock("ns/ConfigMap/cm/size", "semaphore", config=("ns", "cm", "size"))
IN_DATABASE = Lock("ns/Database/size", "semaphore", database="sem/ns/size")


def locks(
    name: str, *wanted: Lock, priority: int = 0, created_at: float = 0.0, node: str = ""
) -> LocksWanted:
    """Return the question of a workflow, or of one of its nodes."""
    return LocksWanted(
        question=f"locks/{node}",
        run=RunId(f"run-{name}"),
        holder=f"ns/{name}/{node}" if node else f"ns/{name}",
        locks=wanted,
        priority=priority,
        created_at=created_at,
    )


def room(name: str, namespace: str, priority: int = 0, created_at: float = 0.0) -> RoomWanted:
    """Return the question of a workflow that wants to begin."""
    return RoomWanted(
        question="room",
        run=RunId(f"run-{name}"),
        namespace=namespace,
        priority=priority,
        created_at=created_at,
    )


class Asker:
    """A run's loop, as far as it asks: it hears every answer in order."""

    def __init__(self, answerer: Answerer, run: RunId) -> None:
        self.run = run
        self.answerer = answerer
        self._heard: asyncio.Queue[tuple[str, Answer]] = asyncio.Queue()
        self.task = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        async for item in self.answerer.watch(self.run):
            self._heard.put_nowait(item)

    async def ask(self, question: Question) -> Answer:
        """Ask, and return the next answer to that question."""
        await self.answerer.ask(question)
        return await self.hear(question.question)

    async def hear(self, question: str) -> Answer:
        """Return the next answer to a question."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                name, answer = await self._heard.get()
                if name == question:
                    return answer


class Askers:
    """The askers of one test."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._all: list[Asker] = []

    def new(self, name: str, process: str = "p") -> Asker:
        """Return the asker of a workflow, in a process."""
        asker = Asker(self._place.open(process), RunId(f"run-{name}"))
        self._all.append(asker)
        return asker

    async def ask(self, question: Question, process: str = "p") -> tuple[Asker, Answer]:
        """Let a new asker ask."""
        asker = self.new(question.run.removeprefix("run-"), process)
        return asker, await asker.ask(question)

    async def close(self) -> None:
        """End all."""
        for asker in self._all:
            asker.task.cancel()
        await asyncio.gather(*(asker.task for asker in self._all), return_exceptions=True)


@contextlib.asynccontextmanager
async def asking(place: Place) -> AsyncIterator[Askers]:
    """Give askers that end with the test."""
    askers = Askers(place)
    try:
        yield askers
    finally:
        await askers.close()


PROCESSES: Sequence[tuple[str, str]] = (("p", "p"), ("p", "q"))


@pytest.mark.anyio
class LocksContract:
    """What is promised of locks."""

    @pytest.mark.parametrize(("one", "other"), PROCESSES)
    async def test_a_mutex_is_held_by_one_and_goes_to_the_next_when_released(
        self, place: Place, one: str, other: str
    ) -> None:
        async with asking(place) as askers:
            a, answer = await askers.ask(locks("a", MUTEX), one)
            assert answer == Granted()
            b, answer = await askers.ask(locks("b", MUTEX, node="b-1"), other)
            assert answer == Awaited(
                "Waiting for ns/Mutex/m lock. Lock status: 0/1",
                MUTEX.key,
                (Blocked(MUTEX.key, "mutex", ("ns/a",)),),
            )
            await a.answerer.release(a.run, "locks/")
            assert await b.hear("locks/b-1") == Granted()

    @pytest.mark.parametrize(("one", "other"), PROCESSES)
    async def test_priority_goes_before_age_and_age_before_arrival(
        self, place: Place, one: str, other: str
    ) -> None:
        async with asking(place) as askers:
            holder, _ = await askers.ask(locks("holder", MUTEX), one)
            young, _ = await askers.ask(locks("young", MUTEX, created_at=9.0), other)
            old, _ = await askers.ask(locks("old", MUTEX, created_at=1.0), one)
            high, _ = await askers.ask(locks("high", MUTEX, created_at=20.0, priority=5), other)
            order = [holder, high, old, young]
            for before, after in itertools.pairwise(order):
                await before.answerer.release(before.run, "locks/")
                assert await after.hear("locks/") == Granted()

    async def test_of_a_block_all_is_held_or_nothing(self, place: Place) -> None:
        async with asking(place) as askers:
            a, _ = await askers.ask(locks("a", MUTEX))
            both, answer = await askers.ask(locks("both", OTHER, MUTEX))
            assert isinstance(answer, Awaited)
            assert answer.key == MUTEX.key
            await both.answerer.release(both.run, "locks/")
            _, answer = await askers.ask(locks("c", OTHER))
            assert answer == Granted()
            await a.answerer.release(a.run, "locks/")

    async def test_who_waits_for_several_keeps_others_waiting_for_each(self, place: Place) -> None:
        async with asking(place) as askers:
            a, _ = await askers.ask(locks("a", MUTEX))
            both, _ = await askers.ask(locks("both", MUTEX, OTHER, created_at=1.0))
            c, answer = await askers.ask(locks("c", OTHER, created_at=2.0))
            assert answer == Awaited(
                "Waiting for ns/Mutex/other lock. Lock status: 1/1", OTHER.key, ()
            )
            await a.answerer.release(a.run, "locks/")
            assert await both.hear("locks/") == Granted()
            await both.answerer.release(both.run, "locks/")
            assert await c.hear("locks/") == Granted()

    async def test_who_waits_no_longer_lets_the_others_go_on(self, place: Place) -> None:
        async with asking(place) as askers:
            await askers.ask(locks("a", MUTEX))
            both, _ = await askers.ask(locks("both", MUTEX, OTHER, created_at=1.0))
            c, _ = await askers.ask(locks("c", OTHER, created_at=2.0))
            await both.answerer.release(both.run, "locks/")
            assert await c.hear("locks/") == Granted()

    async def test_a_question_asked_again_is_answered_again(self, place: Place) -> None:
        async with asking(place) as askers:
            a, _ = await askers.ask(locks("a", MUTEX))
            b, first = await askers.ask(locks("b", MUTEX))
            assert await a.ask(locks("a", MUTEX)) == Granted()
            assert await b.ask(locks("b", MUTEX)) == first
            assert await a.answerer.held(a.run) == ["locks/"]
            assert await b.answerer.held(b.run) == ["locks/"]

    async def test_a_release_counts_once(self, place: Place) -> None:
        async with asking(place) as askers:
            a, _ = await askers.ask(locks("a", MUTEX))
            b, _ = await askers.ask(locks("b", MUTEX, created_at=1.0))
            c, _ = await askers.ask(locks("c", MUTEX, created_at=2.0))
            for _ in range(3):
                await a.answerer.release(a.run, "locks/")
            await a.answerer.release(a.run, "unknown")
            assert await b.hear("locks/") == Granted()
            assert isinstance(await c.ask(locks("c", MUTEX, created_at=2.0)), Awaited)
            assert not await a.answerer.held(a.run)

    @pytest.mark.parametrize(("one", "other"), PROCESSES)
    async def test_a_semaphore_is_held_by_as_many_as_its_config_map_says(
        self, place: Place, one: str, other: str
    ) -> None:
        await place.set_limit(2)
        async with asking(place) as askers:
            a, _ = await askers.ask(locks("a", SEMAPHORE), one)
            _, answer = await askers.ask(locks("b", SEMAPHORE, node="b-1"), other)
            assert answer == Granted()
            c, answer = await askers.ask(locks("c", SEMAPHORE), one)
            assert answer == Awaited(
                f"Waiting for {SEMAPHORE.key} lock. Lock status: 0/2",
                SEMAPHORE.key,
                (Blocked(SEMAPHORE.key, "semaphore", ("ns/a", "ns/b/b-1")),),
            )
            await a.answerer.release(a.run, "locks/")
            assert await c.hear("locks/") == Granted()

    async def test_a_raised_limit_lets_those_go_on_who_wait(self, place: Place) -> None:
        await place.set_limit(1)
        async with asking(place) as askers:
            await askers.ask(locks("a", SEMAPHORE))
            b, _ = await askers.ask(locks("b", SEMAPHORE))
            await place.set_limit(2)
            assert await b.hear("locks/") == Granted()

    async def test_a_lowered_limit_takes_nothing_from_who_holds(self, place: Place) -> None:
        await place.set_limit(2)
        async with asking(place) as askers:
            a, _ = await askers.ask(locks("a", SEMAPHORE))
            b, _ = await askers.ask(locks("b", SEMAPHORE))
            await place.set_limit(1)
            question = locks("c", SEMAPHORE)
            c, answer = await askers.ask(question)
            assert isinstance(answer, Awaited)
            assert answer.message == f"Waiting for {SEMAPHORE.key} lock. Lock status: -1/1"
            assert await a.ask(locks("a", SEMAPHORE)) == Granted()
            await a.answerer.release(a.run, "locks/")
            assert isinstance(await c.ask(question), Awaited)
            await b.answerer.release(b.run, "locks/")
            assert await c.hear("locks/") == Granted()

    @pytest.mark.parametrize("limit", [None, 0, "many", ""])
    async def test_a_semaphore_that_never_had_a_limit_is_refused(
        self, place: Place, limit: int | str | None
    ) -> None:
        await place.set_limit(limit)
        async with asking(place) as askers:
            a, answer = await askers.ask(locks("a", SEMAPHORE))
            assert answer == Refused(f"failed to initialize semaphore {SEMAPHORE.key} with limit")
            assert not await a.answerer.held(a.run)

    async def test_a_limit_that_cannot_be_read_any_more_stays_as_it_was(self, place: Place) -> None:
        await place.set_limit(2)
        async with asking(place) as askers:
            await askers.ask(locks("a", SEMAPHORE))
            await place.set_limit(None)
            _, answer = await askers.ask(locks("b", SEMAPHORE))
            assert answer == Granted()

    async def test_a_lock_of_the_database_tells_how_many_hold_it(self, place: Place) -> None:
        place.set_database_limit(1)
        async with asking(place) as askers:
            a, answer = await askers.ask(locks("a", IN_DATABASE))
            assert answer == Granted()
            b, answer = await askers.ask(locks("b", IN_DATABASE))
            assert isinstance(answer, Awaited)
            text = "Waiting for ns/Database/size lock (sem/ns/size). Lock status: 1/1"
            assert answer.message == text
            await a.answerer.release(a.run, "locks/")
            assert await b.hear("locks/") == Granted()

    async def test_the_same_lock_twice_in_a_block_is_refused(self, place: Place) -> None:
        async with asking(place) as askers:
            _, answer = await askers.ask(locks("a", MUTEX, MUTEX))
            text = "requested configuration is invalid: duplicate synchronization item found"
            assert answer == Refused(text)

    async def test_nodes_of_one_workflow_do_not_wait_for_each_others_turn(
        self, place: Place
    ) -> None:
        async with asking(place) as askers:
            await askers.ask(locks("x", MUTEX))
            a, answer = await askers.ask(locks("a", MUTEX, OTHER, node="a-1"))
            assert isinstance(answer, Awaited)
            assert await a.ask(locks("a", OTHER, node="a-2")) == Granted()

    async def test_nobody_waits_behind_one_who_waits_for_him(self, place: Place) -> None:
        async with asking(place) as askers:
            a, _ = await askers.ask(locks("a", MUTEX, created_at=5.0))
            b, answer = await askers.ask(locks("b", MUTEX, OTHER, created_at=1.0))
            assert isinstance(answer, Awaited)
            assert await a.ask(locks("a", OTHER, created_at=5.0, node="a-1")) == Granted()
            await a.answerer.release(a.run, "locks/a-1")
            await a.answerer.release(a.run, "locks/")
            assert await b.hear("locks/") == Granted()

    @pytest.mark.parametrize(("one", "other"), PROCESSES)
    async def test_a_loop_that_begins_anew_asks_again_and_finds_what_it_did_not_release(
        self, place: Place, one: str, other: str
    ) -> None:
        async with asking(place) as askers:
            a, _ = await askers.ask(locks("a", MUTEX), one)
            await a.ask(locks("a", OTHER, node="a-1"))
            b, _ = await askers.ask(locks("b", OTHER), other)
            a.task.cancel()
            again = askers.new("a", one)
            assert await again.answerer.held(again.run) == ["locks/", "locks/a-1"]
            assert await again.ask(locks("a", MUTEX)) == Granted()
            await again.answerer.release(again.run, "locks/a-1")
            assert await b.hear("locks/") == Granted()


@pytest.mark.anyio
class RoomContract:
    """What is promised of room; the limits are `ENGINE_ROOM` and `NAMESPACE_ROOM`."""

    @pytest.mark.parametrize(("one", "other"), PROCESSES)
    async def test_a_namespace_at_its_limit_keeps_no_other_waiting(
        self, place: Place, one: str, other: str
    ) -> None:
        async with asking(place) as askers:
            first, _ = await askers.ask(room("a", "x"), one)
            await askers.ask(room("b", "x"), other)
            third, answer = await askers.ask(room("c", "x", priority=9), one)
            assert answer == Awaited(POSTPONED)
            _, answer = await askers.ask(room("d", "y"), other)
            assert answer == Granted()
            await first.answerer.release(first.run, "room")
            assert await third.hear("room") == Granted()

    async def test_room_goes_to_the_highest_priority_then_to_the_oldest(self, place: Place) -> None:
        async with asking(place) as askers:
            held = [(await askers.ask(room(f"h{i}", f"n{i}")))[0] for i in range(ENGINE_ROOM)]
            young, _ = await askers.ask(room("young", "x", created_at=9.0))
            old, _ = await askers.ask(room("old", "y", created_at=1.0))
            high, _ = await askers.ask(room("high", "z", created_at=10.0, priority=1))
            for before, after in zip(held, (high, old, young), strict=True):
                await before.answerer.release(before.run, "room")
                assert await after.hear("room") == Granted()

    async def test_room_asked_for_again_is_the_same_room(self, place: Place) -> None:
        async with asking(place) as askers:
            a, _ = await askers.ask(room("a", "x"))
            assert await a.ask(room("a", "x")) == Granted()
            _, answer = await askers.ask(room("b", "x"))
            assert answer == Granted()
            assert await a.answerer.held(a.run) == ["room"]


class AnswererContract(LocksContract, RoomContract):
    """Everything that is promised of who answers for locks and room."""
