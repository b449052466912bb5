"""Virtual time."""

from __future__ import annotations

import asyncio
import math
import time

import pytest

from tiphys.testing.clock import BEGINNING, JumpingClock, Stalled, run


def test_a_year_passes_at_once_and_in_order():
    clock = JumpingClock()
    seen: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep_until(BEGINNING + seconds)
        seen.append((name, clock.now() - BEGINNING))

    async def main() -> None:
        year = 365 * 86400.0
        await asyncio.gather(sleeper("b", year), sleeper("a", 0.25), sleeper("c", year + 1))

    began = time.monotonic()
    run(main())
    assert time.monotonic() - began < 30
    assert seen == [("a", 0.25), ("b", 365 * 86400.0), ("c", 365 * 86400.0 + 1)]


def test_a_sleeper_never_wakes_early():
    clock = JumpingClock()
    times = [BEGINNING + i / 3 + i * 1e-7 for i in range(2000)]

    async def main() -> None:
        for at in times:
            await clock.sleep_until(at)
            assert clock.now() >= at

    run(main())


def test_a_time_in_the_past_does_not_wait():
    async def main() -> float:
        await JumpingClock().sleep_until(0.0)
        return JumpingClock().now()

    assert run(main()) == BEGINNING


@pytest.mark.parametrize(
    "wait", [lambda: asyncio.Event().wait(), lambda: JumpingClock().sleep_until(math.inf)]
)
def test_idle_returns_when_nothing_will_ever_happen(wait):
    clock = JumpingClock()

    async def main() -> float:
        never = asyncio.ensure_future(wait())
        sleeper = asyncio.ensure_future(clock.sleep_until(BEGINNING + 5))
        await clock.idle()
        assert sleeper.done()
        never.cancel()
        return clock.now() - BEGINNING

    assert run(main()) == 5


def test_a_loop_that_hangs_raises_instead():
    with pytest.raises(Stalled):
        run(asyncio.Event().wait())


def test_a_loop_with_real_time_is_refused():
    with pytest.raises(TypeError):
        asyncio.run(JumpingClock().idle())
