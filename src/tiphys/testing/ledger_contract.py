"""What every ledger of due times must do: one suite, run for each of them.

Subclass `LedgerContract` in a test module and give it a fixture `home` that returns a `Home`.
"""

# A test module that lives in the package.

from __future__ import annotations

import asyncio
from typing import Protocol

import pytest

from tiphys.errors import Conflict, LostOwnership
from tiphys.ports import DueRow, Ledger


class Store(Protocol):
    """What has a ledger."""

    @property
    def ledger(self) -> Ledger:
        """The ledger."""
        ...


class Home(Protocol):
    """A place where owners, as so many processes, keep the same rows."""

    def open(self, owner: str) -> Store:
        """Return a living owner's store."""
        ...

    def kill(self, owner: str) -> None:
        """Let an owner die without a last word."""
        ...


class LedgerContract:
    """The suite; give it a fixture `home`."""

    @pytest.mark.anyio
    async def test_a_due_time_is_taken_by_one_owner(self, home: Home) -> None:
        one, other = home.open("one").ledger, home.open("other").ledger
        taken = await asyncio.gather(one.take("c", 60, "one"), other.take("c", 60, "other"))
        assert len([row for row in taken if row is not None]) == 1

    @pytest.mark.anyio
    async def test_who_has_a_due_time_may_take_it_again(self, home: Home) -> None:
        ledger = home.open("one").ledger
        assert await ledger.take("c", 60, "one") == await ledger.take("c", 60, "one")

    @pytest.mark.anyio
    async def test_a_dead_owners_due_time_goes_to_the_next_with_what_was_decided(
        self, home: Home
    ) -> None:
        one, other = home.open("one").ledger, home.open("other").ledger
        row = await one.take("c", 60, "one")
        assert row is not None
        await one.decide(row, b"yes")
        assert await other.take("c", 60, "other") is None
        home.kill("one")
        assert await other.take("c", 60, "other") == DueRow("c", 60, "other", b"yes")

    @pytest.mark.anyio
    async def test_a_due_time_is_decided_once(self, home: Home) -> None:
        ledger = home.open("one").ledger
        row = await ledger.take("c", 60, "one")
        assert row is not None
        assert await ledger.decide(row, b"yes") == DueRow("c", 60, "one", b"yes")
        with pytest.raises(Conflict):
            await ledger.decide(row, b"no")
        assert [found.outcome for found in await ledger.rows("c", 9)] == [b"yes"]

    @pytest.mark.anyio
    async def test_who_lost_a_due_time_cannot_decide(self, home: Home) -> None:
        one, other = home.open("one").ledger, home.open("other").ledger
        row = await one.take("c", 60, "one")
        assert row is not None
        home.kill("one")
        await other.take("c", 60, "other")
        with pytest.raises(LostOwnership):
            await one.decide(row, b"late")

    @pytest.mark.anyio
    async def test_a_closed_due_time_is_nobodys(self, home: Home) -> None:
        ledger = home.open("one").ledger
        row = await ledger.take("c", 60, "one")
        assert row is not None
        await ledger.close(await ledger.decide(row, b"yes"))
        assert await ledger.take("c", 60, "one") is None
        assert await ledger.left("one") == []

    @pytest.mark.anyio
    async def test_what_is_left_is_my_own_and_that_of_the_dead_oldest_first(
        self, home: Home
    ) -> None:
        ledgers = {name: home.open(name).ledger for name in ("one", "dead", "alive")}
        for name, at in (("one", 180), ("dead", 60), ("alive", 120)):
            await ledgers[name].take("c", at, name)
        home.kill("dead")
        assert [row.at for row in await ledgers["one"].left("one")] == [60, 180]

    @pytest.mark.anyio
    async def test_rows_are_those_of_one_cron_newest_first(self, home: Home) -> None:
        ledger = home.open("one").ledger
        for cron, at in (("c", 60), ("c", 180), ("d", 240), ("c", 120)):
            await ledger.take(cron, at, "one")
        assert [row.at for row in await ledger.rows("c", 2)] == [180, 120]

    @pytest.mark.anyio
    async def test_forgetting_up_to_a_time_keeps_what_is_open_and_what_is_newer(
        self, home: Home
    ) -> None:
        ledger = home.open("one").ledger
        for at in (60, 120, 180):
            row = await ledger.take("c", at, "one")
            assert row is not None
            if at != 60:
                await ledger.close(row)
        await ledger.forget("c", 120)
        assert [row.at for row in await ledger.rows("c", 9)] == [180, 60]
        await ledger.take("d", 60, "one")
        await ledger.forget("c")
        assert not await ledger.rows("c", 9)
        assert await ledger.crons() == ["d"]

    @pytest.mark.anyio
    async def test_a_runtime_stays_until_another_is_said_or_its_cron_is_forgotten(
        self, home: Home
    ) -> None:
        one, other = home.open("one").ledger, home.open("other").ledger
        assert await one.runtime("c") == ""
        await one.set_runtime("c", "sandbox")
        await one.set_runtime("c", "process")
        await one.set_runtime("d", "container")
        assert await other.runtime("c") == "process"
        assert sorted(await other.crons()) == ["c", "d"]
        await other.forget("c", 120)
        assert await one.runtime("c") == "process"
        await other.forget("c")
        await other.set_runtime("d", "")
        assert [await one.runtime(cron) for cron in ("c", "d")] == ["", ""]
        assert await one.crons() == []
