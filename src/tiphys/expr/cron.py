"""Cron schedules: when they fire next.

Source: robfig/cron v3 parser.go and spec.go; language.md 16.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC as UTC_ZONE
from datetime import datetime, timedelta
from typing import Final

from tiphys.expr.civil import DAY, SECOND, add_date, civil, from_datetime, load_zone, moment_of
from tiphys.expr.durations import parse_go_duration
from tiphys.expr.errors import CronError, DurationError, TimeError
from tiphys.expr.gotext import quote
from tiphys.expr.values import UTC, Time, Zone

_MONTHS: Final = {
    name: index
    for index, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
        start=1,
    )
}
_WEEKDAYS: Final = {
    name: index for index, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])
}
_FIELDS: Final[tuple[tuple[int, int, dict[str, int]], ...]] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, _MONTHS),
    (0, 6, _WEEKDAYS),
)
_DESCRIPTORS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_INTEGER: Final = re.compile(r"[+-]?[0-9]+\Z", re.ASCII)
_YEARS: Final = 5
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC_ZONE)


@dataclass(frozen=True, slots=True)
class Field:
    """The values a field allows; `star` when it does not restrict."""

    values: frozenset[int]
    star: bool


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed schedule. `every` is a fixed distance in seconds, else the five fields count.

    `zone` None is the local zone of whoever asks.
    """

    fields: tuple[Field, ...]
    zone: Zone | None = None
    every: int = 0

    def next_after(self, after: datetime, local: Zone = UTC) -> datetime | None:
        """Return the first activation strictly after a moment, None when it never fires again."""
        found = self.next_time(Time(from_datetime(after).ns, local))
        if found is None:
            return None
        return _EPOCH + timedelta(microseconds=found.ns // 1000)

    def next_time(self, after: Time) -> Time | None:
        """Return the first activation strictly after a moment, seen in its zone.

        Without a zone of its own the schedule runs in the zone of `after`.
        """
        if self.every:
            return Time((after.ns // SECOND + self.every) * SECOND, after.zone)
        if not all(field.values for field in self.fields):
            return None
        start = Time((after.ns // SECOND + 1) * SECOND, self.zone or after.zone)
        found = _search(self, start)
        return None if found is None else Time(found.ns, after.zone)


def parse_schedule(text: str, timezone_name: str = "") -> Schedule:
    """Return the schedule; a CronWorkflow's `timezone` is put in front as `CRON_TZ=`.

    Raises CronError with Argo's text.
    """
    spec = f"CRON_TZ={timezone_name} {text}" if timezone_name else text
    if not spec:
        raise CronError("empty spec string")
    zone: Zone | None = None
    if spec.startswith(("TZ=", "CRON_TZ=")):
        place, space, rest = spec.partition(" ")
        if not space:
            raise CronError(f"missing schedule after the time zone: {spec}")
        zone = _zone(place.partition("=")[2])
        spec = rest.strip()
    if spec.startswith("@"):
        return _descriptor(spec, zone)
    return _fields(spec, zone)


def _zone(name: str) -> Zone | None:
    if name == "Local":
        return None
    try:
        return load_zone(name)
    except TimeError as error:
        raise CronError(f"provided bad location {name}: {error.message}") from error


def _descriptor(spec: str, zone: Zone | None) -> Schedule:
    known = _DESCRIPTORS.get(spec)
    if known is not None:
        return _fields(known, zone)
    if not spec.startswith("@every "):
        raise CronError(f"unrecognized descriptor: {spec}")
    try:
        duration = parse_go_duration(spec[7:])
    except DurationError as error:
        raise CronError(f"failed to parse duration {spec}: {error.message}") from error
    return Schedule((), zone, max(duration // SECOND, 1))


def _fields(spec: str, zone: Zone | None) -> Schedule:
    parts = spec.split()
    if len(parts) != len(_FIELDS):
        shown = " ".join(parts)
        raise CronError(f"expected exactly 5 fields, found {len(parts)}: [{shown}]")
    fields = [
        _field(part, low, high, names)
        for part, (low, high, names) in zip(parts, _FIELDS, strict=True)
    ]
    return Schedule(tuple(fields), zone)


def _field(text: str, low: int, high: int, names: dict[str, int]) -> Field:
    values: set[int] = set()
    star = False
    for part in filter(None, text.split(",")):
        found, is_star = _range(part, low, high, names)
        values.update(found)
        star = star or is_star
    return Field(frozenset(values), star)


def _range(text: str, low: int, high: int, names: dict[str, int]) -> tuple[range, bool]:
    bounds, *steps = text.split("/")
    ends = bounds.split("-")
    star = ends[0] in ("*", "?")
    if star:
        start, stop = low, high
    else:
        start = stop = _number(ends[0], names)
        if len(ends) == 2:
            stop = _number(ends[1], names)
        elif len(ends) > 2:
            raise CronError(f"too many hyphens: {text}")
    if len(steps) > 1:
        raise CronError(f"too many slashes: {text}")
    step = _number(steps[0], {}) if steps else 1
    if steps and len(ends) == 1:
        stop = high
    _check_range(text, (start, stop, step), low, high)
    return range(start, stop + 1, step), star and step == 1


def _check_range(text: str, found: tuple[int, int, int], low: int, high: int) -> None:
    start, stop, step = found
    if start < low:
        raise CronError(f"beginning of range ({start}) below minimum ({low}): {text}")
    if stop > high:
        raise CronError(f"end of range ({stop}) above maximum ({high}): {text}")
    if start > stop:
        raise CronError(f"beginning of range ({start}) beyond end of range ({stop}): {text}")
    if step == 0:
        raise CronError(f"step of range should be a positive number: {text}")


def _number(text: str, names: dict[str, int]) -> int:
    named = names.get(text.lower())
    if named is not None:
        return named
    problem = ""
    if not _INTEGER.match(text):
        problem = "invalid syntax"
    elif len(text) > 20 or not -(1 << 63) <= int(text) < 1 << 63:
        problem = "value out of range"
    if problem:
        message = f"strconv.Atoi: parsing {quote(text)}: {problem}"
        raise CronError(f"failed to parse int from {text}: {message}")
    if int(text) < 0:
        raise CronError(f"negative number ({int(text)}) not allowed: {text}")
    return int(text)


def _day_matches(schedule: Schedule, moment: Time) -> bool:
    _, _, days, _, weekdays = schedule.fields
    seen = civil(moment)
    by_day, by_weekday = seen.day in days.values, seen.weekday in weekdays.values
    if days.star or weekdays.star:
        return by_day and by_weekday
    return by_day or by_weekday


def _search(schedule: Schedule, moment: Time) -> Time | None:
    """Move forward field by field, from the month down, until all fit.

    Moving by real hours and minutes is what skips a missing wall time and meets a repeated hour
    twice. Source: robfig/cron SpecSchedule.Next.
    """
    limit = civil(moment).year + _YEARS
    cleared = False
    while civil(moment).year <= limit:
        found, moment, cleared = _to_month(schedule, moment, cleared)
        if found:
            found, moment, cleared = _to_day(schedule, moment, cleared)
        if found:
            found, moment, cleared = _to_hour(schedule, moment, cleared)
        if found:
            found, moment = _to_minute(schedule, moment)
        if found:
            return moment
    return None


def _midnight(moment: Time, first_day: bool = False) -> Time:
    seen = civil(moment)
    day = 1 if first_day else seen.day
    return moment_of((seen.year, seen.month, day), (0, 0, 0, 0), moment.zone)


def _to_month(schedule: Schedule, moment: Time, cleared: bool) -> tuple[bool, Time, bool]:
    while civil(moment).month not in schedule.fields[3].values:
        if not cleared:
            cleared, moment = True, _midnight(moment, first_day=True)
        moment = add_date(moment, 0, 1, 0)
        if civil(moment).month == 1:
            return False, moment, cleared
    return True, moment, cleared


def _to_day(schedule: Schedule, moment: Time, cleared: bool) -> tuple[bool, Time, bool]:
    while not _day_matches(schedule, moment):
        if not cleared:
            cleared, moment = True, _midnight(moment)
        moment = _next_day(moment)
        hour = civil(moment).hour
        if hour:
            shift = 24 - hour if hour > 12 else -hour
            moment = Time(moment.ns + shift * 3600 * SECOND, moment.zone)
        if civil(moment).day == 1:
            return False, moment, cleared
    return True, moment, cleared


def _next_day(moment: Time) -> Time:
    """Return the same wall time on the next day.

    Differs: where a zone once left a whole day out, robfig/cron stands still for ever.
    """
    moved = add_date(moment, 0, 0, 1)
    return moved if moved.ns > moment.ns else Time(moment.ns + DAY * SECOND, moment.zone)


def _to_hour(schedule: Schedule, moment: Time, cleared: bool) -> tuple[bool, Time, bool]:
    while (seen := civil(moment)).hour not in schedule.fields[1].values:
        if not cleared:
            date = (seen.year, seen.month, seen.day)
            cleared, moment = True, moment_of(date, (seen.hour, 0, 0, 0), moment.zone)
        moment = Time(moment.ns + 3600 * SECOND, moment.zone)
        if civil(moment).hour == 0:
            return False, moment, cleared
    return True, moment, cleared


def _to_minute(schedule: Schedule, moment: Time) -> tuple[bool, Time]:
    second = civil(moment).second
    if second:
        moment = Time(moment.ns + (60 - second) * SECOND, moment.zone)
        if civil(moment).minute == 0:
            return False, moment
    quick = _in_this_hour(schedule, moment)
    if quick is not None:
        return True, quick
    while civil(moment).minute not in schedule.fields[0].values:
        moment = Time(moment.ns + 60 * SECOND, moment.zone)
        if civil(moment).minute == 0:
            return False, moment
    return True, moment


def _in_this_hour(schedule: Schedule, moment: Time) -> Time | None:
    """Return the next allowed minute without stepping to it, if no clock change lies between."""
    now = civil(moment)
    later = min((value for value in schedule.fields[0].values if value >= now.minute), default=-1)
    if later < 0:
        return None
    found = Time(moment.ns + (later - now.minute) * 60 * SECOND, moment.zone)
    return found if civil(found).offset == now.offset else None
