"""What came of a due time, and what that changes in the CronWorkflow's document.

An outcome is decided once and kept in the ledger; `noted` makes of any later version of the
document the one that shows it. Source: Argo workflow/cron/operator.go, run, setAsCompleted,
reportCronWorkflowError; reference/engine-operations.md 11.1.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from tiphys.compile.triggers.due import LAST_USED_SCHEDULE, STOPPED, used_schedule
from tiphys.model.base import JsonObject
from tiphys.model.cron import CronWorkflow, CronWorkflowStatus
from tiphys.model.meta import ObjectMeta
from tiphys.model.status import Condition
from tiphys.model.times import time_seconds, time_text

COMPLETED_LABEL: Final = "cronworkflows.argoproj.io/completed"
Kind = Literal["Submitted", "Skipped", "Refused", "Missed"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The one decision about a due time.

    `reason` is for people. `condition` is the type of the condition that shows it, with the text
    `message`. `stops`: the CronWorkflow has come to its end. `child` is the reference to what was
    submitted. `failed` is what `status.failed` is at least once the outcome has been noted.
    `policy` is the concurrencyPolicy if it made a difference.
    """

    kind: Kind
    reason: str = ""
    condition: Literal["", "SpecError", "SubmissionError"] = ""
    message: str = ""
    stops: bool = False
    child: JsonObject | None = None
    failed: int = 0
    policy: Literal["", "Forbid", "Replace"] = ""


def submission_error(cron: CronWorkflow, message: str) -> Outcome:
    """Return the outcome of a submission that failed; it counts as a failed run."""
    return Outcome(
        kind="Refused",
        reason=message,
        condition="SubmissionError",
        message=message,
        failed=cron.status.failed + 1,
    )


def spec_error(message: str) -> Outcome:
    """Return the outcome of a due time of a CronWorkflow that makes no sense."""
    return Outcome(kind="Refused", reason=message, condition="SpecError", message=message)


def noted(cron: CronWorkflow, at: int, outcome: Outcome) -> CronWorkflow:
    """Return the document with the outcome of the due time `at` in it."""
    if outcome.kind == "Missed":
        return cron
    cron = with_used_schedule(cron)
    if outcome.condition == "SpecError":
        return with_condition(cron, "SpecError", outcome.message)
    cron = without_condition(cron, "SpecError")
    if outcome.stops:
        cron = stopped(cron)
    if outcome.condition == "SubmissionError":
        cron = with_condition(cron, "SubmissionError", outcome.message)
        return _with_status(cron, replace(cron.status, failed=cron.status.failed + 1))
    return cron if outcome.child is None else _submitted(cron, at, outcome.child)


def is_noted(cron: CronWorkflow, at: int, outcome: Outcome) -> bool:
    """Tell whether the document already shows the outcome, for those that count only once."""
    if outcome.condition == "SubmissionError":
        return cron.status.failed >= outcome.failed
    last = cron.status.last_scheduled_time
    return outcome.child is not None and bool(last) and time_seconds(last or "") >= at


def _submitted(cron: CronWorkflow, at: int, child: JsonObject) -> CronWorkflow:
    status = cron.status
    last = status.last_scheduled_time
    latest = max(at, time_seconds(last)) if last else at
    active = tuple(item for item in status.active or () if item.get("uid") != child.get("uid"))
    changed = replace(
        status,
        active=(*active, child),
        phase="Active",
        last_scheduled_time=time_text(latest),
    )
    return without_condition(_with_status(cron, changed), "SubmissionError")


def stopped(cron: CronWorkflow) -> CronWorkflow:
    """Return the document of a CronWorkflow that has come to its end."""
    cron = _with_status(cron, replace(cron.status, phase=STOPPED))
    return with_labels(cron, {COMPLETED_LABEL: "true"})


def with_labels(cron: CronWorkflow, labels: Mapping[str, str]) -> CronWorkflow:
    """Return the document with more labels."""
    metadata = replace(cron.metadata, labels={**cron.metadata.labels, **labels})
    return replace(cron, metadata=metadata)


def with_used_schedule(cron: CronWorkflow) -> CronWorkflow:
    """Return the document with the schedules in use in its annotation."""
    used = used_schedule(cron.spec)
    metadata: ObjectMeta = cron.metadata
    if metadata.annotations.get(LAST_USED_SCHEDULE) == used:
        return cron
    annotations = {**metadata.annotations, LAST_USED_SCHEDULE: used}
    return replace(cron, metadata=replace(metadata, annotations=annotations))


def with_condition(cron: CronWorkflow, kind: str, message: str) -> CronWorkflow:
    """Return the document with a condition in it, in the place of one of that type."""
    made = Condition(type=kind, status="True", message=message)
    present = cron.status.conditions or ()
    if any(item.type == kind for item in present):
        conditions = tuple(made if item.type == kind else item for item in present)
    else:
        conditions = (*present, made)
    return _with_status(cron, replace(cron.status, conditions=conditions))


def without_condition(cron: CronWorkflow, kind: str) -> CronWorkflow:
    """Return the document without the condition of a type."""
    present = cron.status.conditions or ()
    rest = tuple(item for item in present if item.type != kind)
    if len(rest) == len(present):
        return cron
    return _with_status(cron, replace(cron.status, conditions=rest or None))


def _with_status(cron: CronWorkflow, status: CronWorkflowStatus) -> CronWorkflow:
    return replace(cron, status=status)
