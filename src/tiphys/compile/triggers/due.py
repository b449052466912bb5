"""When a CronWorkflow is due: several schedules, a time zone, and what was missed.

All times are whole seconds since the epoch, UTC. Source: robfig/cron v3 cron.go; Argo
workflow/cron/operator.go, shouldOutstandingWorkflowsBeRun; reference/engine-operations.md 11.1.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tiphys.expr.cron import Schedule, parse_schedule
from tiphys.expr.errors import CronError
from tiphys.expr.values import UTC, Time, Zone
from tiphys.model.cron import CronWorkflow, CronWorkflowSpec
from tiphys.model.times import time_seconds

STOPPED: Final = "Stopped"
"""The phase of a CronWorkflow whose stopStrategy was met."""
LAST_USED_SCHEDULE: Final = "cronworkflows.argoproj.io/last-used-schedule"
_SECOND: Final = 1_000_000_000
_FIRST_WINDOW: Final = 60
_WIDER: Final = 8


def schedule_texts(spec: CronWorkflowSpec) -> tuple[str, ...]:
    """Return the schedules, each with the time zone of the spec in front."""
    zone = f"CRON_TZ={spec.timezone} " if spec.timezone else ""
    return tuple(zone + text for text in spec.schedules)


def used_schedule(spec: CronWorkflowSpec) -> str:
    """Return the text by which a change of the schedules is noticed."""
    return ",".join(schedule_texts(spec))


def parse_schedules(spec: CronWorkflowSpec) -> tuple[Schedule, ...]:
    """Return the schedules of a spec. Raises CronError."""
    return tuple(parse_schedule(text, spec.timezone) for text in spec.schedules)


def next_after(schedule: Schedule, after: float, local: Zone = UTC) -> int | None:
    """Return the first due time strictly after a moment, None if it is never due again."""
    found = schedule.next_time(Time(int(after // 1) * _SECOND, local))
    return None if found is None else found.ns // _SECOND


def next_of(schedules: Iterable[Schedule], after: float, local: Zone = UTC) -> int | None:
    """Return the first due time of all schedules strictly after a moment."""
    found = (next_after(schedule, after, local) for schedule in schedules)
    return min((at for at in found if at is not None), default=None)


def next_run(cron: CronWorkflow, now: float, local: Zone = UTC) -> int | None:
    """Return when a CronWorkflow is due next; None if never or if a schedule cannot be read.

    Differs: one that its stopStrategy has stopped is never due again; Argo's command line goes on
    to show a time.
    """
    if cron.status.phase == STOPPED:
        return None
    try:
        return next_of(parse_schedules(cron.spec), now, local)
    except CronError:
        return None


@dataclass(frozen=True, slots=True)
class Entry:
    """A schedule and when it is due next; None: never again."""

    schedule: Schedule
    next_at: int | None


@dataclass(frozen=True, slots=True)
class Timetable:
    """The schedules of one CronWorkflow from the moment it was registered on.

    `@every` counts from that moment and then from one due time to the next.
    """

    entries: tuple[Entry, ...]
    local: Zone = UTC

    @property
    def next_at(self) -> int | None:
        """The next due time, None if there is none."""
        return min((e.next_at for e in self.entries if e.next_at is not None), default=None)

    def take(self, now: float) -> tuple[int | None, Timetable]:
        """Return the due time that has come, if any, and the timetable after it.

        Of several that have come the latest counts: a late engine makes one workflow, not many.
        """
        come = [e.next_at for e in self.entries if e.next_at is not None and e.next_at <= now]
        if not come:
            return None, self
        entries = tuple(self._moved(entry, now) for entry in self.entries)
        return max(come), replace(self, entries=entries)

    def _moved(self, entry: Entry, now: float) -> Entry:
        if entry.next_at is None or entry.next_at > now:
            return entry
        return replace(entry, next_at=next_after(entry.schedule, now, self.local))


def register(schedules: Sequence[Schedule], after: float, local: Zone = UTC) -> Timetable:
    """Return the timetable of schedules that are due strictly after a moment."""
    entries = (Entry(item, next_after(item, after, local)) for item in schedules)
    return Timetable(tuple(entries), local)


@dataclass(frozen=True, slots=True)
class Missed:
    """A due time at which no engine was there, and whether it is made up for."""

    at: int
    runs: bool
    reason: str


def missed(
    cron: CronWorkflow, schedules: Sequence[Schedule], now: float, local: Zone = UTC
) -> Missed | None:
    """Return the due time that was missed since the last run and counts, None if none was.

    That is, for the first schedule that may still run, its last due time before now; if none
    may, the last of all.
    """
    last = cron.status.last_scheduled_time
    known = cron.metadata.annotations.get(LAST_USED_SCHEDULE)
    if not last or known != used_schedule(cron.spec):
        return None
    found = (last_before(item, time_seconds(last), now, local) for item in schedules)
    times = [at for at in found if at is not None]
    deadline = cron.spec.starting_deadline_seconds
    for at in times:
        if deadline is not None and now < at + deadline:
            return Missed(at, True, f"within {deadline} seconds of its time")
    if not times:
        return None
    why = f"startingDeadlineSeconds ({deadline}) had passed"
    if not deadline:
        why = "startingDeadlineSeconds is not set"
    return Missed(max(times), False, f"no engine ran at the time, and {why}")


def last_before(schedule: Schedule, after: int, before: float, local: Zone = UTC) -> int | None:
    """Return the last due time strictly between two moments, None if there is none.

    It looks back from the end in growing windows: years may lie between.
    """
    if schedule.every:
        count = -(-(_ceiling(before) - after) // schedule.every) - 1
        return after + count * schedule.every if count > 0 else None
    window = _FIRST_WINDOW
    while True:
        start = max(after, _ceiling(before) - window)
        found = next_after(schedule, start, local)
        if found is not None and found < before:
            return _last_from(schedule, found, before, local)
        if start == after:
            return None
        window *= _WIDER


def _last_from(schedule: Schedule, found: int, before: float, local: Zone) -> int:
    while True:
        later = next_after(schedule, found, local)
        if later is None or later >= before:
            return found
        found = later


def _ceiling(moment: float) -> int:
    return -int(-moment // 1)
