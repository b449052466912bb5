"""Each due time is decided once and makes one workflow, whenever engines die."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from tests.faults.crons import REFERENCE, World

from tiphys.model.times import time_seconds, time_text
from tiphys.testing.clock import BEGINNING, run

MINUTE, DAY, YEAR = 60, 86_400, 365 * 86_400


async def seen(world, until):
    """Let time pass and return the due times there were."""
    await world.create()
    expected = await world.due(until)
    await world.live(until)
    await world.live(until + 1)  # a new engine looks after all children at once
    return expected


def check(world, expected, cron):
    """Compare what happened with the due times there were."""
    assert world.decisions == Counter(expected)
    assert world.submitted == Counter(f"nightly-{at}" for at in expected)
    assert time_seconds(cron.status.last_scheduled_time) == expected[-1]
    assert cron.status.conditions is None
    assert cron.status.active is None
    assert (cron.status.succeeded, cron.status.failed) == (len(expected), 0)
    assert not [row for row in world.memory.due.values() if not row.closed]


async def lived(world, until=BEGINNING + 4 * MINUTE):
    expected = await seen(world, until)
    check(world, expected, await world.cron())
    return expected


def each_minute(**how):
    return World({"schedules": ["* * * * *"]}, **how)


STEPS = 110
SHORT = BEGINNING + 2.5 * MINUTE
"""Two due times, and what follows; each step until then is a place to die at."""


def test_the_steps_cover_all_that_an_engine_does():
    world = each_minute()
    run(lived(world, SHORT))
    assert 60 < world.steps < STEPS


@pytest.mark.parametrize("step", range(1, STEPS))
def test_an_engine_may_die_at_any_step(step):
    run(lived(each_minute(dies=lambda number: number == step), SHORT))


@pytest.mark.parametrize("seed", range(40))
def test_engines_may_die_often(seed):
    chance = Random(seed)
    world = each_minute(dies=lambda _: chance.random() < 0.1)
    run(lived(world))
    assert world.deaths


@pytest.mark.parametrize("seed", range(40))
def test_engines_that_die_often_side_by_side_make_no_second_workflow(seed):
    chance = Random(seed)
    world = each_minute(engines=2, dies=lambda _: chance.random() < 0.05)
    run(lived(world))


def test_a_year_of_nights_is_one_workflow_a_night_but_for_the_changes_of_the_clock():
    chance = Random(1)
    world = World(
        {"schedules": ["30 2 * * *"], "timezone": "Europe/Berlin"},
        dies=lambda _: chance.random() < 0.02,
        sync_seconds=DAY / 4,
    )
    expected = run(lived(world, BEGINNING + YEAR))
    assert world.deaths > 50
    days = Counter(time_text(at)[:10] for at in expected)
    assert len(expected) == 365
    assert "2024-03-31" not in days
    assert [day for day, count in days.items() if count == 2] == ["2024-10-27"]


def test_a_year_of_two_schedules_makes_one_workflow_where_they_meet():
    chance = Random(2)
    world = World(
        {"schedules": ["0 0 * * *", "0 0 * * 1"], "timezone": "America/New_York"},
        engines=2,
        dies=lambda _: chance.random() < 0.01,
        sync_seconds=DAY,
    )
    expected = run(lived(world, BEGINNING + YEAR))
    assert world.deaths
    assert len(expected) == 365


# ------------------------------------------------------------------------------------- missed

NIGHT = 1705280400
"""2024-01-15 02:00 in Berlin."""


async def down_until(minutes, deadline=600):
    """Return the submitted workflows when the first engine comes so long after the night's run."""
    world = World(
        {
            "schedules": ["0 2 * * *"],
            "timezone": "Europe/Berlin",
            "startingDeadlineSeconds": deadline,
        },
        seconds=1.0,
    )
    await world.clock.sleep_until(NIGHT - DAY)
    await world.create(
        status={"lastScheduledTime": time_text(NIGHT - DAY)},
        annotations={
            "cronworkflows.argoproj.io/last-used-schedule": "CRON_TZ=Europe/Berlin 0 2 * * *"
        },
    )
    await world.clock.sleep_until(NIGHT + minutes * MINUTE)
    await world.live(NIGHT + minutes * MINUTE + 60)
    return world


def test_a_run_missed_within_its_deadline_is_made_up_for_once():
    world = run(down_until(5))
    assert world.submitted == Counter(["nightly-1705280400"])


@pytest.mark.parametrize(("minutes", "deadline"), [(11, 600), (1, 0), (1, None)])
def test_a_run_missed_beyond_its_deadline_is_not_but_that_is_kept(minutes, deadline):
    world = run(down_until(minutes, deadline))
    assert not world.submitted
    assert world.decisions == Counter([NIGHT])


# ------------------------------------------------------------------------------------ changes


async def acted(world, *acts):
    """Carry out changes of the document, each at its time, while engines live."""
    await world.create()
    for after, change in acts:
        await world.live(BEGINNING + after)
        document = await world.objects.get(REFERENCE)
        change(document)
        await world.objects.replace(document)
    await world.live(BEGINNING + 20 * MINUTE)
    return world


def suspends(value):
    return lambda document: document["spec"].update(suspend=value)


def test_a_suspended_cron_makes_nothing_until_it_is_resumed():
    world = run(acted(each_minute(), (130, suspends(True)), (430, suspends(False))))
    at = sorted(world.submitted)
    assert len(at) == 20 - 5
    assert len(world.decisions) == 20


def test_a_cron_that_reaches_its_end_makes_nothing_more():
    spec = {
        "schedules": ["* * * * *"],
        "stopStrategy": {"expression": "cronworkflow.failed >= 2"},
    }
    world = run(acted(World(spec, phase=lambda _: "Failed")))
    assert len(world.submitted) == 2
    cron = run(world.cron())
    assert (cron.status.phase, cron.status.failed) == ("Stopped", 2)
    assert cron.metadata.labels == {"cronworkflows.argoproj.io/completed": "true"}


def test_a_forbidden_second_run_waits_for_the_next_due_time():
    spec = {"schedules": ["* * * * *"], "concurrencyPolicy": "Forbid"}
    world = run(acted(World(spec, seconds=150.0)))
    assert len(world.submitted) == 7
    assert len(world.decisions) == 20 + 0


def test_a_new_run_replaces_the_one_before():
    spec = {
        "schedules": ["*/5 * * * *"],
        "concurrencyPolicy": "Replace",
        "failedJobsHistoryLimit": 9,
    }
    world = run(acted(World(spec, seconds=1000.0)))
    cron = run(world.cron())
    assert len(world.submitted) == 4
    assert cron.status.failed == 3


def test_the_history_keeps_three_that_succeeded_and_one_that_failed():
    world = each_minute(phase=lambda name: "Failed" if int(name[8:]) % 120 else "Succeeded")
    run(acted(world))
    left = Counter(
        stored.row.summary.count(b'"phase":"Failed"') for stored in world.memory.runs.values()
    )
    assert left == {0: 3, 1: 1}


def test_a_when_that_cannot_be_evaluated_is_shown_and_counted():
    world = run(acted(World({"schedules": ["*/10 * * * *"], "when": "a == b"})))
    cron = run(world.cron())
    assert not world.submitted
    assert cron.status.failed == 2
    assert [item.message for item in cron.status.conditions] == [
        "run policy error: No parameter 'a' found."
    ]


def test_a_cron_that_is_removed_leaves_no_rows():
    async def removed(world):
        await world.create()
        await world.live(BEGINNING + 130)
        await world.objects.delete(REFERENCE)
        await world.live(BEGINNING + 500)
        return world

    world = run(removed(each_minute()))
    assert len(world.submitted) == 2
    assert not world.memory.due
