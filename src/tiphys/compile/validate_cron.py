"""The fields of a CronWorkflow that are its own. Source: reference/validation.md 14."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from tiphys.compile.validate_names import go_quoted
from tiphys.expr.errors import LanguageError
from tiphys.model.codec import suggestion
from tiphys.model.cron import CronWorkflowSpec
from tiphys.model.shapes import Path

_POLICIES = ("", "Allow", "Forbid", "Replace")


@dataclass(frozen=True, slots=True)
class CronFault:
    """What is wrong, by which rule; `path` counts from the spec."""

    rule: str
    reason: str
    path: Path
    hint: str = ""


def cron_spec_faults(spec: CronWorkflowSpec) -> Iterator[CronFault]:
    """Yield the faults of schedules, zone, policy and deadline, in Argo's order."""
    if not spec.schedules:
        hint = 'add `schedules: ["* * * * *"]`'
        yield CronFault("C2", "cron workflow must have at least one schedule", (), hint)
    for index, schedule in enumerate(spec.schedules):
        fault = _schedule_fault(schedule)
        if fault:
            reason = f"cron schedule {schedule} is malformed: {fault}"
            yield CronFault("C3", reason, ("schedules", index))
    if spec.timezone and not _is_zone(spec.timezone):
        name = go_quoted(spec.timezone)
        reason = f"invalid timezone {name}: unknown time zone {spec.timezone}"
        yield CronFault("C4", reason, ("timezone",), _zone_hint(spec.timezone))
    if spec.concurrency_policy not in _POLICIES:
        hint = suggestion(spec.concurrency_policy, _POLICIES)
        reason = f"'{spec.concurrency_policy}' is not a valid concurrencyPolicy"
        yield CronFault("C5", reason, ("concurrencyPolicy",), hint)
    deadline = spec.starting_deadline_seconds
    if deadline is not None and deadline < 0:
        reason = "startingDeadlineSeconds must be positive"
        yield CronFault("C6", reason, ("startingDeadlineSeconds",))


def _schedule_fault(schedule: str) -> str:
    from tiphys.expr.cron import parse_schedule  # most of what is checked has no schedule

    try:
        parse_schedule(schedule)
    except LanguageError as exc:
        return exc.message
    return ""


def _zone_hint(name: str) -> str:
    """What was probably meant; no zone is looked for before one is wrong."""
    return suggestion(name, sorted(available_timezones()))


def _is_zone(name: str) -> bool:
    if name in ("Local", "UTC"):
        return True
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
