"""Calendar arithmetic on nanoseconds since the epoch, for any year, and time zones.

Differs from a pure room in one point: zone rules come from the system's zone files through
`zoneinfo`, read once and the same for everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC as UTC_ZONE
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tiphys.expr.errors import TimeError
from tiphys.expr.values import UTC, Duration, Time, Zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

SECOND: Final = 1_000_000_000
DAY: Final = 86_400
MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
WEEKDAYS: Final = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC_ZONE)
_FIRST: Final = -62_135_596_800 + 2 * DAY
_LAST: Final = 253_402_300_799 - 2 * DAY
ZERO: Final = Time(-62_135_596_800 * SECOND)
"""Go's zero time, the start of year 1."""


@dataclass(frozen=True, slots=True)
class Civil:
    """What a clock and a calendar show; Sunday is weekday 0, `yearday` counts from 1."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    nano: int
    weekday: int
    yearday: int
    offset: int
    abbreviation: str


def days_from_civil(year: int, month: int, day: int) -> int:
    """Return days since 1970-01-01 in the proleptic Gregorian calendar; days may overflow."""
    year += (month - 1) // 12
    month = (month - 1) % 12 + 1
    shifted = year - (month <= 2)
    era, of_era = divmod(shifted, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year + day - 719_469


def _civil_from_days(days: int) -> tuple[int, int, int]:
    era, rest = divmod(days + 719_468, 146_097)
    of_era = (rest - rest // 1460 + rest // 36_524 - rest // 146_096) // 365
    of_year = rest - (365 * of_era + of_era // 4 - of_era // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return of_era + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


def days_in(year: int, month: int) -> int:
    """Return the number of days of a month."""
    return days_from_civil(year, month + 1, 1) - days_from_civil(year, month, 1)


@lru_cache(maxsize=64)
def load_zone(name: str) -> Zone:
    """Return the zone of an IANA name; "" is UTC. Raises TimeError with Go's text."""
    if name in ("", "UTC"):
        return UTC
    if name == "Local":
        return UTC
    _zone_info(name)
    return Zone(name)


@lru_cache(maxsize=64)
def _zone_info(name: str) -> ZoneInfo:
    if name.startswith("/") or ".." in name or "\\" in name or "\0" in name:
        raise TimeError(f"unknown time zone {name}")
    try:
        from zoneinfo import ZoneInfo

        return ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:
        raise TimeError(f"unknown time zone {name}") from error


def offset_at(seconds: int, zone: Zone) -> tuple[int, str]:
    """Return the zone's offset in seconds and its abbreviation at a moment."""
    if zone.offset is not None:
        return zone.offset, zone.name
    moment = _EPOCH + timedelta(seconds=min(max(seconds, _FIRST), _LAST))
    local = moment.astimezone(_zone_info(zone.name))
    delta = local.utcoffset() or timedelta()
    return int(delta.total_seconds()), local.tzname() or ""


def civil(moment: Time) -> Civil:
    """Return what clock and calendar show in the time's zone."""
    seconds, nano = divmod(moment.ns, SECOND)
    offset, abbreviation = offset_at(seconds, moment.zone)
    days, rest = divmod(seconds + offset, DAY)
    year, month, day = _civil_from_days(days)
    minutes, second = divmod(rest, 60)
    hour, minute = divmod(minutes, 60)
    yearday = days - days_from_civil(year, 1, 1) + 1
    weekday = (days + 4) % 7
    return Civil(
        year, month, day, hour, minute, second, nano, weekday, yearday, offset, abbreviation
    )


def moment_of(date: tuple[int, int, int], clock: tuple[int, int, int, int], zone: Zone) -> Time:
    """Return the moment of a date and clock reading in a zone, as Go's `time.Date` does.

    `clock` is hour, minute, second, nanosecond; all parts may overflow.
    """
    hour, minute, second, nano = clock
    carry, nano = divmod(nano, SECOND)
    seconds = days_from_civil(*date) * DAY + hour * 3600 + minute * 60 + second + carry
    offset, _ = offset_at(seconds, zone)
    if offset:
        actual, _ = offset_at(seconds - offset, zone)
        seconds -= actual
    return Time(seconds * SECOND + nano, zone)


def add_date(moment: Time, years: int, months: int, days: int) -> Time:
    """Return the time moved by calendar units. Source: Go Time.AddDate."""
    seen = civil(moment)
    date = (seen.year + years, seen.month + months, seen.day + days)
    return moment_of(date, (seen.hour, seen.minute, seen.second, seen.nano), moment.zone)


def from_datetime(moment: datetime) -> Time:
    """Return a Python moment as a Time in UTC; a naive one is UTC already."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC_ZONE)
    delta = aware - _EPOCH
    return Time((delta.days * DAY + delta.seconds) * SECOND + delta.microseconds * 1000)


def truncate(moment: Time, unit: Duration) -> Time:
    """Return the time rounded down to a multiple of `unit` since Go's zero time."""
    if unit.ns <= 0:
        return moment
    return Time(moment.ns - (moment.ns - ZERO.ns) % unit.ns, moment.zone)
