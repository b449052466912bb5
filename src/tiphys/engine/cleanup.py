"""What is deleted when: the pods of finished nodes, volume claims, and whole workflows.

While a run is driven its own timers drop pods (`pod_over`); what is due after its end is read off
its summary (`deadlines`) by whoever looks after ended runs. Dropping again has no further effect,
so nothing is kept of what was dropped.

Source: reference/engine-operations.md 11.4-11.6, engine.md 2.9; argo
workflow/gccontroller/gc_controller.go, workflow/controller/pod_cleanup.go.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tiphys.engine.jobs import job_spec
from tiphys.engine.phases import FULFILLED
from tiphys.engine.resolving import CallError
from tiphys.engine.state import Node
from tiphys.expr.labels import LabelSelector
from tiphys.messages import Command, DropJobs, SetTimer
from tiphys.model.ids import NodeId
from tiphys.program import CleanUp

if TYPE_CHECKING:
    from tiphys.engine.run import Run

_AT_ONCE: Final = frozenset({"OnPodCompletion", "OnPodSuccess"})
_LABEL: Final = "workflows.argoproj.io"
_LATENESS_SECONDS: Final = 1.0
"""Argo looks a second after the time has come."""


# -------------------------------------------------------------------------------------- pods


def pod_over(run: Run, node: Node) -> None:
    """Have a pod that is over dropped after its delay, if the strategy does not wait."""
    rule = run.program.clean_up
    if rule.pods in _AT_ONCE and _is_over(run, node):
        run.command(SetTimer(timer=f"drop:{node.id}", at=run.at + rule.pod_delay))


def drop(run: Run, node: Node) -> None:
    """Drop a pod whose time has come."""
    if is_dropped(run, node) and run.at >= node.finished_at + run.program.clean_up.pod_delay:
        run.command(DropJobs(jobs=(node.id,)))


def outstanding_drops(run: Run) -> list[Command]:
    """Return the timers of all pods that are over; most are dropped already, to no effect."""
    rule = run.program.clean_up
    if rule.pods not in _AT_ONCE:
        return []
    over = (node for node in run.state.nodes.values() if _is_over(run, node))
    return [SetTimer(timer=f"drop:{n.id}", at=n.finished_at + rule.pod_delay) for n in over]


def dropped_jobs(run: Run) -> list[NodeId]:
    """Return the pods of a run that the strategy drops, as the run stands."""
    return [node.id for node in run.state.nodes.values() if is_dropped(run, node)]


def is_dropped(run: Run, node: Node) -> bool:
    """Return whether the strategy drops a pod, as the run stands."""
    rule = run.program.clean_up
    if not _is_over(run, node) or not _applies(rule, run.state.phase):
        return False
    if rule.pods == "OnPodSuccess" and node.phase != "Succeeded":
        return False
    return rule.pod_labels is None or rule.pod_labels.matches(_labels(run, node))


def _is_over(run: Run, node: Node) -> bool:
    return node.kind == "Pod" and node.phase in FULFILLED and node.id not in run.state.jobs


def _applies(rule: CleanUp, phase: str) -> bool:
    match rule.pods:
        case "OnPodCompletion" | "OnPodSuccess":
            return True
        case "OnWorkflowCompletion":
            return phase in {"Succeeded", "Failed", "Error"}
        case "OnWorkflowSuccess":
            return phase == "Succeeded"
        case _:
            return False


def _labels(run: Run, node: Node) -> dict[str, str]:
    own: Mapping[str, str] = {}
    with contextlib.suppress(CallError):
        own = job_spec(run, node).template.metadata.labels
    return {**own, f"{_LABEL}/workflow": run.state.name, f"{_LABEL}/completed": "true"}


# --------------------------------------------------------------------------- whole workflows


@dataclass(frozen=True, slots=True)
class Deadlines:
    """When an ended run is deleted, and its pods before; None is never."""

    expires_at: float | None
    pods_at: float | None


def deadlines(rule: CleanUp, phase: str, finished_at: float) -> Deadlines:
    """Return when an ended run and its pods are due."""
    life = _life_seconds(rule, phase)
    return Deadlines(
        expires_at=None if life is None else finished_at + life + _LATENESS_SECONDS,
        pods_at=finished_at + rule.pod_delay if _applies(rule, phase) else None,
    )


def _life_seconds(rule: CleanUp, phase: str) -> float | None:
    """Phase Error has no rule of its own, so only that for every end counts."""
    own = {"Succeeded": rule.after_success, "Failed": rule.after_failure}.get(phase)
    return rule.after_completion if own is None else own


def keeps_claims(rule: CleanUp, phase: str) -> bool:
    """Return whether the volume claims a workflow made are still there in a phase."""
    return phase != "Succeeded" and not (rule.claims_on_completion and phase in {"Failed", "Error"})


def is_archived(selector: LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """Return whether an ended workflow goes to the archive; without a selector each does."""
    return selector is None or selector.matches(labels)


@dataclass(frozen=True, slots=True)
class Kept:
    """How many ended workflows are kept for each phase, the newest; None keeps all.

    Differs: in Argo a phase that the policy leaves out keeps none.
    """

    completed: int | None = None
    failed: int | None = None
    errored: int | None = None

    def limit(self, phase: str) -> int | None:
        """Return how many of a phase are kept."""
        by_phase = {"Succeeded": self.completed, "Failed": self.failed, "Error": self.errored}
        return by_phase.get(phase)


@dataclass(frozen=True, slots=True)
class Ended:
    """An ended run, for those who count."""

    run: str
    phase: str
    created_at: float


def surplus(ended: Iterable[Ended], kept: Kept) -> list[str]:
    """Return the runs beyond what is kept, the oldest first."""
    left: dict[str, int] = {}
    found = []
    for item in sorted(ended, key=lambda one: (one.created_at, one.run), reverse=True):
        limit = kept.limit(item.phase)
        left[item.phase] = left.get(item.phase, 0) + 1
        if limit is not None and left[item.phase] > limit:
            found.append(item.run)
    return found[::-1]
