"""The contract of who answers for locks and room, for each of them."""

from __future__ import annotations

import pytest
from tests.contract.lock_places import MemoryPlace, PostgresPlace, SqlPlace

from tiphys.locks.rooms import POSTPONED
from tiphys.messages import Awaited, Granted
from tiphys.testing.answerer_contract import MUTEX, AnswererContract, asking, locks, room


class TestMemoryLocks(AnswererContract):
    @pytest.fixture
    def place(self):
        return MemoryPlace()


class SharedContract(AnswererContract):
    """What holds besides where several processes share the locks."""

    @pytest.mark.anyio
    async def test_what_is_held_outlives_its_process_and_belongs_to_the_run(self, place):
        async with asking(place) as askers:
            dead, _ = await askers.ask(locks("a", MUTEX), "dead")
            dead.task.cancel()
            place.dead.add("dead")
            waiter, answer = await askers.ask(locks("b", MUTEX), "living")
            assert isinstance(answer, Awaited)
            heir, answer = await askers.ask(locks("a", MUTEX), "heir")
            assert answer == Granted()
            await heir.answerer.release(heir.run, "locks/")
            assert await waiter.hear("locks/") == Granted()

    @pytest.mark.anyio
    async def test_a_dead_process_that_waits_is_passed_over(self, place):
        async with asking(place) as askers:
            holder, _ = await askers.ask(locks("holder", MUTEX))
            dead, _ = await askers.ask(locks("dead", MUTEX, priority=9), "dead")
            waiter, _ = await askers.ask(locks("waiter", MUTEX))
            dead.task.cancel()
            place.dead.add("dead")
            await holder.answerer.release(holder.run, "locks/")
            assert await waiter.hear("locks/") == Granted()

    @pytest.mark.anyio
    async def test_what_a_run_held_that_is_gone_goes_to_the_next(self, place):
        async with asking(place) as askers:
            await askers.ask(locks("a", MUTEX), "other")
            waiter, _ = await askers.ask(locks("b", MUTEX))
            place.gone.add("run-a")
            assert await waiter.hear("locks/") == Granted()

    @pytest.mark.anyio
    async def test_room_of_a_run_that_is_gone_goes_to_the_next(self, place):
        async with asking(place) as askers:
            for name in ("a", "b"):
                await askers.ask(room(name, "x"), "other")
            waiter, answer = await askers.ask(room("c", "x"))
            assert answer == Awaited(POSTPONED)
            place.gone.add("run-a")
            assert await waiter.hear("room") == Granted()


class TestSqlLocks(SharedContract):
    @pytest.fixture
    def place(self, tmp_path):
        place = SqlPlace(tmp_path)
        yield place
        place.close()


class TestPostgresLocks(SharedContract):
    @pytest.fixture
    def place(self, tmp_path, postgres):
        place = PostgresPlace(tmp_path, postgres.new())
        yield place
        place.close()
