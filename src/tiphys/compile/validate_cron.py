"""The fields of a CronWorkflow that are its own. Source: reference/validation.md 14."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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


def cron_spec_fault(spec: CronWorkflowSpec) -> CronFault | None:
    """Return the first fault of schedules, zone, policy and deadline, in Argo's order."""
    if not spec.schedules:
        hint = 'add `schedules: ["* * * * *"]`'
        return CronFault("C2", "cron workflow must have at least one schedule", (), hint)
    for index, schedule in enumerate(spec.schedules):
        fault = _schedule_fault(schedule)
        if fault:
            reason = f"cron schedule {schedule} is malformed: {fault}"
            return CronFault("C3", reason, ("schedules", index))
    if spec.timezone and not _is_zone(spec.timezone):
        name = go_quoted(spec.timezone)
        reason = f"invalid timezone {name}: unknown time zone {spec.timezone}"
        return CronFault("C4", reason, ("timezone",))
    if spec.concurrency_policy not in _POLICIES:
        hint = suggestion(spec.concurrency_policy, _POLICIES)
        reason = f"'{spec.concurrency_policy}' is not a valid concurrencyPolicy"
        return CronFault("C5", reason, ("concurrencyPolicy",), hint)
    deadline = spec.starting_deadline_seconds
    if deadline is not None and deadline < 0:
        reason = "startingDeadlineSeconds must be positive"
        return CronFault("C6", reason, ("startingDeadlineSeconds",))
    return None


def _schedule_fault(schedule: str) -> str:
    if importlib.util.find_spec("tiphys.expr.cron") is None:
        return ""
    cron = importlib.import_module("tiphys.expr.cron")
    try:
        cron.parse_schedule(schedule)
    except LanguageError as exc:
        return exc.message
    return ""


def _is_zone(name: str) -> bool:
    if name in ("Local", "UTC"):
        return True
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
