"""Times and spans: reference/cli.md 3.1 to 3.3."""

import pytest
from tests.unit.cli.samples import NOW, START, ZONE

from tiphys.cli.render import times

DAY = 86400


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.5, "now"),
        (1, "1 second ago"),
        (59, "59 seconds ago"),
        (60, "1 minute ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (23.9 * 3600, "23 hours ago"),
        (DAY, "1 day ago"),
        (6 * DAY, "6 days ago"),
        (7 * DAY, "1 week ago"),
        (29 * DAY, "4 weeks ago"),
        (30 * DAY, "1 month ago"),
        (359 * DAY, "11 months ago"),
        (360 * DAY, "1 year ago"),
        (18 * 30 * DAY, "2 years ago"),
        (3 * 360 * DAY, "3 years ago"),
        (40 * 360 * DAY, "a long while ago"),
        (-90, "1 minute from now"),
    ],
)
def test_relative(seconds: float, words: str) -> None:
    assert times.relative(NOW - seconds, NOW) == words


@pytest.mark.parametrize(
    ("seconds", "long", "short"),
    [
        (0.9, "0 seconds", "0s"),
        (1, "1 second", "1s"),
        (61, "1 minute 1 seconds", "1m"),
        (150, "2 minutes 30 seconds", "2m"),
        (3 * 3600 + 120, "3 hours 2 minutes", "3h"),
        (DAY + 3600, "1 day 1 hours", "1d"),
        (8 * DAY + 3600, "1 week 1 hours", "8d"),
        (400 * DAY, "1 year 0 hours", "400d"),
    ],
)
def test_spans(seconds: float, long: str, short: str) -> None:
    assert times.long_duration(seconds) == long
    assert times.short_duration(seconds) == short


def test_instants_are_shown_in_the_zone() -> None:
    assert times.timestamp(START, NOW, ZONE) == "Sat Jan 31 10:05:00 +0100 (5 minutes ago)"
    assert times.go_time(START, ZONE) == "2026-01-31 10:05:00 +0100 CET"
    assert times.instant("2026-01-31T09:05:00Z") == START
    assert times.instant(None) is None


def test_go_durations() -> None:
    assert [times.go_duration(s) for s in (0, 59, 60, 7205)] == ["0s", "59s", "1m0s", "2h0m5s"]
