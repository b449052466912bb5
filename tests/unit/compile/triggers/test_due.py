"""When CronWorkflows are due."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.compile.triggers.crons import at, cron, used, z

from tiphys.compile.triggers.due import (
    last_before,
    missed,
    next_after,
    next_of,
    parse_schedules,
    register,
    used_schedule,
)
from tiphys.expr.cron import parse_schedule
from tiphys.expr.errors import CronError

BERLIN, NEW_YORK, SAO_PAULO = "Europe/Berlin", "America/New_York", "America/Sao_Paulo"
DST = [
    # the clock jumps from 2:00 to 3:00: what lies between does not happen
    (BERLIN, "30 2 * * *", "2024-03-30T12:00Z", ["2024-04-01T00:30Z", "2024-04-02T00:30Z"]),
    (BERLIN, "0 3 * * *", "2024-03-30T12:00Z", ["2024-03-31T01:00Z", "2024-04-01T01:00Z"]),
    (BERLIN, "0 * * * *", "2024-03-31T00:30Z", ["2024-03-31T01:00Z", "2024-03-31T02:00Z"]),
    # the clock goes back from 3:00 to 2:00: what lies between happens twice
    (BERLIN, "30 2 * * *", "2024-10-26T12:00Z", ["2024-10-27T00:30Z", "2024-10-27T01:30Z"]),
    (BERLIN, "0 4 * * *", "2024-10-26T12:00Z", ["2024-10-27T03:00Z", "2024-10-28T03:00Z"]),
    (NEW_YORK, "30 2 * * *", "2024-03-09T12:00Z", ["2024-03-11T06:30Z", "2024-03-12T06:30Z"]),
    (NEW_YORK, "30 1 * * *", "2024-11-02T12:00Z", ["2024-11-03T05:30Z", "2024-11-03T06:30Z"]),
    (
        "Europe/Zurich",
        "30 2 * * *",
        "2026-10-24T12:00Z",
        ["2026-10-25T00:30Z", "2026-10-25T01:30Z"],
    ),
    # the day has no midnight
    (SAO_PAULO, "0 0 * * *", "2018-11-03T12:00Z", ["2018-11-05T02:00Z", "2018-11-06T02:00Z"]),
    ("Asia/Beirut", "0 0 * * *", "2024-03-30T12:00Z", ["2024-03-31T21:00Z", "2024-04-01T21:00Z"]),
    # no summer time, odd offsets, the date line
    ("Asia/Kolkata", "0 0 * * *", "2024-03-30T12:00Z", ["2024-03-30T18:30Z", "2024-03-31T18:30Z"]),
    (
        "Pacific/Apia",
        "0 0 30 12 *",
        "2010-12-30T12:00Z",
        ["2012-12-29T10:00Z", "2013-12-29T10:00Z"],
    ),
    ("UTC", "30 2 29 2 *", "2024-03-01T00:00Z", ["2028-02-29T02:30Z", "2032-02-29T02:30Z"]),
]


@pytest.mark.parametrize(("zone", "text", "after", "expected"), DST)
def test_due_times_where_clocks_are_changed(zone, text, after, expected):
    (schedule,) = parse_schedules(cron(text, timezone=zone).spec)
    found = [at(after)]
    for _ in expected:
        found.append(next_after(schedule, found[-1]))
    assert [z(item) for item in found[1:]] == expected


def test_several_schedules_are_due_when_the_first_is():
    schedules = parse_schedules(cron(["0 4 * * *", "30 2 * * 1"], timezone=BERLIN).spec)
    assert z(next_of(schedules, at("2024-01-14T12:00Z"))) == "2024-01-15T01:30Z"
    assert z(next_of(schedules, at("2024-01-15T12:00Z"))) == "2024-01-16T03:00Z"


def test_the_used_schedule_has_the_zone_before_each():
    assert used_schedule(cron(["0 4 * * *", "@daily"], timezone="UTC").spec) == (
        "CRON_TZ=UTC 0 4 * * *,CRON_TZ=UTC @daily"
    )
    assert used_schedule(cron(["0 4 * * *", "@daily"]).spec) == "0 4 * * *,@daily"


def test_a_zone_of_its_own_beside_a_timezone_cannot_be_scheduled():
    with pytest.raises(CronError, match="expected exactly 5 fields, found 6"):
        parse_schedules(cron("TZ=UTC 0 0 * * *", timezone="UTC").spec)


def test_of_several_due_times_that_have_come_the_latest_counts():
    timetable = register(
        parse_schedules(cron(["0 * * * *", "30 * * * *"]).spec), at("2024-01-01T00:00Z")
    )
    assert z(timetable.next_at) == "2024-01-01T00:30Z"
    due, timetable = timetable.take(at("2024-01-01T01:10Z"))
    assert z(due) == "2024-01-01T01:00Z"
    assert z(timetable.next_at) == "2024-01-01T01:30Z"


def test_nothing_is_taken_before_its_time():
    timetable = register(parse_schedules(cron().spec), 0)
    assert timetable.take(timetable.next_at - 1) == (None, timetable)


def test_a_schedule_that_never_fires_has_no_next_time():
    assert register(parse_schedules(cron("0 0 30 2 *").spec), 0).next_at is None


def test_every_counts_from_its_registration():
    timetable = register(parse_schedules(cron("@every 90s").spec), 1000.7)
    due, timetable = timetable.take(1090)
    assert (due, timetable.next_at) == (1090, 1180)


LAST = "2024-01-14T01:00:00Z"
NIGHTLY = "CRON_TZ=Europe/Berlin 0 2 * * *"


def nightly(deadline=600, **changes):
    given = {"metadata": used(NIGHTLY), "status": {"lastScheduledTime": LAST}, **changes}
    return cron(timezone=BERLIN, startingDeadlineSeconds=deadline, **given)


def lost(subject, now):
    return missed(subject, parse_schedules(subject.spec), at(now))


def test_a_missed_run_is_made_up_for_within_its_deadline():
    found = lost(nightly(), "2024-01-15T01:05Z")
    assert (found.at, found.runs) == (1705280400, True)


@pytest.mark.parametrize(
    ("subject", "now"),
    [
        (nightly(), "2024-01-15T01:11Z"),
        (nightly(), "2024-01-15T01:10Z"),
        (nightly(deadline=0), "2024-01-15T01:00:01Z"),
        (nightly(deadline=None), "2024-01-15T01:00:01Z"),
    ],
)
def test_a_missed_run_beyond_its_deadline_is_not_made_up_for(subject, now):
    found = lost(subject, now)
    assert (found.at, found.runs) == (1705280400, False)
    assert "no engine ran at the time" in found.reason


@pytest.mark.parametrize(
    "subject",
    [
        nightly(metadata={}),
        nightly(metadata=used("0 2 * * *")),
        nightly(status={}),
        nightly(status={"lastScheduledTime": "2024-01-15T01:00:00Z"}),
    ],
)
def test_nothing_was_missed_by_a_schedule_that_is_new_or_has_run(subject):
    assert lost(subject, "2024-01-15T01:05Z") is None


def test_the_first_schedule_that_may_still_run_is_made_up_for():
    texts = ["0 2 * * *", "5 2 * * *"]
    subject = cron(
        texts,
        startingDeadlineSeconds=600,
        metadata=used(",".join(texts)),
        status={"lastScheduledTime": "2024-01-14T02:05:00Z"},
    )
    assert z(lost(subject, "2024-01-15T02:08Z").at) == "2024-01-15T02:00Z"
    assert z(lost(subject, "2024-01-15T02:12Z").at) == "2024-01-15T02:05Z"


TEXTS = ["* * * * *", "*/7 3 * * *", "0 2 * * 1", "0 0 29 2 *", "@every 7m", "30 2 * * *"]


@settings(deadline=None, max_examples=60)
@given(
    text=st.sampled_from(TEXTS),
    zone=st.sampled_from(["UTC", BERLIN, NEW_YORK, "Australia/Lord_Howe"]),
    after=st.integers(1_577_836_800, 1_893_456_000),
    span=st.integers(1, 40_000),
)
def test_the_last_due_time_before_a_moment_is_the_last_of_all(text, zone, after, span):
    schedule = parse_schedule(text, zone)
    expected = None
    found = next_after(schedule, after)
    while found is not None and found < after + span:
        expected, found = found, next_after(schedule, found)
    assert last_before(schedule, after, after + span) == expected


def test_years_of_missed_minutes_take_no_time():
    schedule = parse_schedule("* * * * *", BERLIN)
    end = at("2024-01-15T01:00:30Z")
    assert last_before(schedule, 0, end) == end - 30
