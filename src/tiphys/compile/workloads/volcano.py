"""Volcano Jobs: a gang of pods in tasks, and what its policies do about what happens to them.

Everything follows from the Job, its pods and the time, so it can be decided again after any crash.
Pods that an action removes are noted in an annotation together with the new state; the Job leaves
`Restarting` when they are gone.
What Volcano's webhook would refuse at creation is refused at the door (`admission`); where it got
past that, it is a Failed state with a message.
Source: reference/kubernetes.md 18.1 to 18.3; Volcano pkg/controllers/job/state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tiphys.compile.workloads.gang import Gang, least_of, new_pods, with_defaults
from tiphys.compile.workloads.reading import (
    ENDED,
    Step,
    count,
    instant,
    is_going,
    items,
    name_of,
    number,
    part,
    phase_of,
    text,
    uid_of,
    without_empty,
)
from tiphys.compile.workloads.volcano_faults import fault
from tiphys.compile.workloads.volcano_plugins import belongings
from tiphys.compile.workloads.volcano_policies import Action, action_for
from tiphys.model.base import Json, JsonObject
from tiphys.model.times import time_text

API_VERSION: Final = "batch.volcano.sh/v1alpha1"
_GOING: Final = "tiphys.io/removed-pods"
_FINAL: Final = ("Completed", "Failed", "Terminated", "Aborted")
_ENDS: Final = {"Aborting": "Aborted", "Terminating": "Terminated", "Completing": "Completed"}
_BEGINS: Final = {
    "AbortJob": "Aborting",
    "TerminateJob": "Terminating",
    "CompleteJob": "Completing",
}
_RESTARTS: Final = ("RestartJob", "RestartTask", "RestartPartition", "RestartPod", "ResumeJob")
_MAX_RETRY: Final = 3


def decide(job: JsonObject, pods: Sequence[JsonObject], now: float, command: str = "") -> Step:
    """Return what is to be done about a Job whose pods are `pods`.

    `command` is the action that somebody asks for by a Command object.
    """
    gang = Gang(with_defaults(job), tuple(pods), now)
    phase = gang.phase
    if phase in _FINAL and not (phase == "Aborted" and command == "ResumeJob"):
        return _after(gang)
    if not text(part(gang.status, "state"), "phase"):
        found = fault(gang)
        return Step(_moved(gang, "Failed", found) if found else _moved(gang, "Pending"))
    if phase == "Restarting":
        return _restarting(gang)
    if phase in _ENDS and command != "ResumeJob":
        return _ending(gang)
    action, wake_at = (Action(command), None) if command else action_for(gang)
    if action is not None:
        return _acting(gang, action)
    if refused := gang.refused:
        return Step(_moved(gang, "Failed", refused))
    after, why = _next(gang)
    if after != phase:
        return Step(_moved(gang, after, why), wake_at=wake_at)
    created = [*belongings(gang), *new_pods(gang)]
    return Step(_counted(gang), create=tuple(created), wake_at=wake_at)


def is_over(job: JsonObject) -> bool:
    """Tell whether nothing will happen to a Job any more by itself."""
    phase = text(part(job, "status", "state"), "phase")
    lives = number(part(job, "spec"), "ttlSecondsAfterFinished") is not None
    return phase == "Aborted" or (phase in _FINAL and not lives)


# ------------------------------------------------------------------------------ transitions


def _next(gang: Gang) -> tuple[str, str]:
    """Return the next phase of a Job that is Pending or Running, and what is said of it."""
    if gang.phase == "Pending":
        enough = gang.running + gang.succeeded + gang.failed >= gang.min_available
        return ("Running", "") if enough and gang.size else ("Pending", "")
    wanted = number(gang.spec, "minSuccess")
    if wanted is not None and gang.succeeded >= wanted:
        return "Completed", ""
    if gang.size and gang.succeeded + gang.failed >= gang.size:
        return ("Completed", "") if _is_success(gang, wanted) else ("Failed", "")
    if gang.pending > gang.size - gang.min_available:
        return "Pending", ""
    return "Running", ""


def _is_success(gang: Gang, wanted: int | None) -> bool:
    """Judge a Job all of whose pods have ended."""
    least = sum(map(least_of, gang.tasks))
    if gang.min_available >= least:
        for task in gang.tasks:
            explicit = number(task, "minAvailable")
            if explicit is not None and gang.ended_well(text(task, "name")) < explicit:
                return False
    return wanted is None and gang.succeeded >= gang.min_available


def _acting(gang: Gang, action: Action) -> Step:
    if action.name in _BEGINS:
        return Step(_moved(gang, _BEGINS[action.name]))
    if action.name not in _RESTARTS:
        return Step(_moved(gang, "Failed", f"action {action.name} is not supported"))
    removed = [pod for pod in gang.pods if action.meets(pod)]
    status = part(_moved(gang, "Restarting"), "status")
    status = {**status, "retryCount": count(gang.status, "retryCount") + 1}
    status["version"] = count(gang.status, "version") + 1
    return Step(_noted({**gang.job, "status": status}, removed))


def _noted(job: JsonObject, removed: Sequence[JsonObject]) -> JsonObject:
    metadata = part(job, "metadata")
    annotations = dict(part(metadata, "annotations"))
    annotations.pop(_GOING, None)
    if removed:
        annotations[_GOING] = ",".join(uid_of(pod) for pod in removed)
    if not annotations:
        return {**job, "metadata": {k: v for k, v in metadata.items() if k != "annotations"}}
    return {**job, "metadata": {**metadata, "annotations": annotations}}


def _restarting(gang: Gang) -> Step:
    """Wait until the removed pods are gone; then begin again, unless that was too often."""
    noted = text(part(gang.job, "metadata", "annotations"), _GOING).split(",")
    left = [pod for pod in gang.pods if uid_of(pod) in noted]
    most = count(gang.spec, "maxRetry") or _MAX_RETRY
    if count(gang.status, "retryCount") >= most:
        return Step(_noted(_moved(gang, "Failed", "the job was restarted too often"), ()))
    if left:
        return Step(_counted(gang), tuple(name_of(pod) for pod in left if not is_going(pod)))
    return Step(_noted(_moved(gang, "Pending"), ()))


def _ending(gang: Gang) -> Step:
    """Wait until nothing runs any more."""
    unfinished = [pod for pod in gang.pods if phase_of(pod) not in ENDED]
    if not unfinished:
        return Step(_moved(gang, _ENDS[gang.phase]))
    return Step(_counted(gang), tuple(name_of(pod) for pod in unfinished if not is_going(pod)))


def _after(gang: Gang) -> Step:
    """A Job that is over: what still runs of it goes; its time to live passes."""
    left = tuple(
        name_of(pod) for pod in gang.pods if phase_of(pod) not in ENDED and not is_going(pod)
    )
    limit = number(gang.spec, "ttlSecondsAfterFinished")
    end = instant(part(gang.status, "state"), "lastTransitionTime")
    if limit is None or end is None or gang.phase == "Aborted":
        return Step(gang.job, left, is_over=not left)
    return Step(gang.job, left, wake_at=end + limit, expired=end + limit <= gang.now)


# ----------------------------------------------------------------------------------- status


def _counted(gang: Gang) -> JsonObject:
    """Return the Job with its counters."""
    counters: JsonObject = {
        "pending": gang.pending,
        "running": gang.running,
        "succeeded": gang.succeeded,
        "failed": gang.failed,
        "terminating": gang.terminating,
        "taskStatusCount": gang.task_counts(),
    }
    old = {key: value for key, value in gang.status.items() if key not in counters}
    status = {**old, "minAvailable": gang.min_available, **without_empty(counters)}
    plugins = {f"plugin-{name}": name for name in part(gang.spec, "plugins")}
    if plugins:
        status["controlledResources"] = {**plugins}
    return {**gang.job, "status": status}


def _moved(gang: Gang, phase: str, message: str = "") -> JsonObject:
    """Return the Job in another phase."""
    job, at = _counted(gang), time_text(gang.now)
    status = part(job, "status")
    state: JsonObject = {"phase": phase, "lastTransitionTime": at}
    if message:
        state["message"] = message
    conditions: list[Json] = [
        *items(status, "conditions"),
        {"status": phase, "lastTransitionTime": at},
    ]
    made: JsonObject = {**status, "state": state, "conditions": conditions}
    created = instant(part(gang.job, "metadata"), "creationTimestamp")
    if phase in _FINAL and created is not None:
        made["runningDuration"] = _go_duration(int(gang.now - created))
    return {**job, "status": made}


def _go_duration(seconds: int) -> str:
    hours, rest = divmod(max(0, seconds), 3600)
    minutes, rest = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
