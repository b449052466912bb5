"""The children of a CronWorkflow: which still run, what they count for, which are kept.

Source: Argo workflow/cron/operator.go, reconcileActiveWfs, enforceHistoryLimit;
reference/engine-operations.md 11.1.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from tiphys.compile.triggers.expressions import CronFault, must_stop
from tiphys.compile.triggers.outcome import stopped, with_condition
from tiphys.expr.values import Context
from tiphys.model.base import API_VERSION, JsonObject
from tiphys.model.cron import CronWorkflow

_KEPT_SUCCEEDED: Final = 3
_KEPT_FAILED: Final = 1


@dataclass(frozen=True, slots=True)
class Child:
    """A Workflow of a CronWorkflow; `label` is the CronWorkflow's name as the child knows it."""

    uid: str
    namespace: str
    name: str
    label: str
    phase: str
    done: bool
    finished_at: str = ""

    @property
    def reference(self) -> JsonObject:
        """The child as `status.active` lists it."""
        return {
            "kind": "Workflow",
            "apiVersion": API_VERSION,
            "name": self.name,
            "namespace": self.namespace,
            "uid": self.uid,
        }


def reconciled(cron: CronWorkflow, children: Sequence[Child], context: Context) -> CronWorkflow:
    """Return the document with `active` and the counters brought up to date.

    Whenever a child leaves `active`, the stop expression is asked again.
    """
    by_uid = {child.uid: child for child in children}
    active = list(cron.status.active or ())
    known = {str(item.get("uid")) for item in active}
    active += [c.reference for c in children if not c.done and c.uid not in known]
    for item in tuple(active):
        child = by_uid.get(str(item.get("uid")))
        if child is not None and not child.done:
            continue
        active.remove(item)
        cron = _left(cron, tuple(active), child, context)
    if tuple(active) == (cron.status.active or ()):
        return cron
    return replace(cron, status=replace(cron.status, active=tuple(active)))


def _left(
    cron: CronWorkflow, active: tuple[JsonObject, ...], child: Child | None, context: Context
) -> CronWorkflow:
    """Return the document after a child left `active`; None is one that was deleted."""
    status = replace(cron.status, active=active or None)
    if child is None:
        return replace(cron, status=status)
    if child.phase == "Succeeded":
        status = replace(status, succeeded=status.succeeded + 1)
    else:
        status = replace(status, failed=status.failed + 1)
    cron = replace(cron, status=status)
    try:
        return stopped(cron) if must_stop(cron, context) else cron
    except CronFault as exc:
        return with_condition(cron, "SpecError", str(exc))


def excess(cron: CronWorkflow, children: Sequence[Child]) -> list[Child]:
    """Return the completed children that the history limits do not keep, oldest last."""
    own = [child for child in children if child.done and child.label == cron.metadata.name]
    own.sort(key=lambda child: child.finished_at, reverse=True)
    good = [child for child in own if child.phase == "Succeeded"]
    bad = [child for child in own if child.phase != "Succeeded"]
    kept_good = _limit(cron.spec.successful_jobs_history_limit, _KEPT_SUCCEEDED)
    kept_bad = _limit(cron.spec.failed_jobs_history_limit, _KEPT_FAILED)
    return [*good[kept_good:], *bad[kept_bad:]]


def _limit(given: int | None, default: int) -> int:
    return default if given is None or given < 0 else given
