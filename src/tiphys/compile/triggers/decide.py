"""The decision at a due time: whether a Workflow is made, and why not.

Source: Argo workflow/cron/operator.go, run, enforceRuntimePolicy;
reference/engine-operations.md 11.1.3.
"""

from __future__ import annotations

from dataclasses import dataclass

from tiphys.compile.triggers.due import STOPPED
from tiphys.compile.triggers.expressions import CronFault, may_run, must_stop
from tiphys.compile.triggers.outcome import Outcome, spec_error, submission_error
from tiphys.expr.values import Context
from tiphys.model.base import JsonObject
from tiphys.model.cron import CronWorkflow


@dataclass(frozen=True, slots=True)
class Submit:
    """A Workflow is to be made, after the active ones named here were terminated."""

    replaces: tuple[JsonObject, ...] = ()


def decide(cron: CronWorkflow, problem: str, context: Context) -> Submit | Outcome:
    """Return what is to be done at a due time, or what came of it already.

    `problem` is the first thing wrong with the document, "" if it is valid.
    """
    if problem:
        return spec_error(problem)
    try:
        stops = must_stop(cron, context)
    except CronFault as exc:
        return spec_error(str(exc))
    if cron.spec.suspend:
        return Outcome(kind="Skipped", reason="spec.suspend is true", stops=stops)
    if stops:
        return Outcome(kind="Skipped", reason="stopStrategy.expression is true", stops=True)
    if cron.status.phase == STOPPED:
        return Outcome(kind="Skipped", reason="status.phase is Stopped")
    try:
        if not may_run(cron, context):
            return Outcome(kind="Skipped", reason="`when` is false")
    except CronFault as exc:
        return submission_error(cron, f"run policy error: {exc}")
    return _policy(cron)


def _policy(cron: CronWorkflow) -> Submit | Outcome:
    active = cron.status.active or ()
    if cron.spec.concurrency_policy == "Forbid" and active:
        names = ", ".join(str(item.get("name", "")) for item in active)
        reason = f"concurrencyPolicy is Forbid and {names} is active"
        return Outcome(kind="Skipped", reason=reason, policy="Forbid")
    return Submit(active if cron.spec.concurrency_policy == "Replace" else ())
