"""Policies of a Volcano Job: what happened to its pods, and the action that follows.

Source: reference/kubernetes.md 18.3; Volcano pkg/controllers/job/job_controller_util.go,
applyPolicies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tiphys.compile.workloads.pods import is_lost
from tiphys.compile.workloads.reading import (
    count,
    exit_codes,
    finished_at,
    instant,
    is_going,
    items,
    name_of,
    part,
    phase_of,
    restarts,
    text,
)
from tiphys.expr.durations import parse_argo_duration
from tiphys.expr.errors import DurationError
from tiphys.model.base import Json, JsonObject

if TYPE_CHECKING:
    from tiphys.compile.workloads.gang import Gang

_MAX_RETRY: Final = 3
_TASK: Final = "volcano.sh/task-spec"
PARTITION: Final = "volcano.sh/partition-id"
"""The label of a pod whose task is in partitions."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; `pod` is "" if it happened to the whole task."""

    kind: str
    task: str
    pod: str
    at: float
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Action:
    """What a policy, or a person, wants; about a task, a partition of it or a pod if it is named.

    Differs: a task without `partitionPolicy` is one partition. Volcano ends no pod of it, and
    counts restarts until there were too many.
    """

    name: str
    task: str = ""
    pod: str = ""
    partition: str = ""

    def meets(self, pod: JsonObject) -> bool:
        """Tell whether a pod is to be begun again."""
        if self.name == "RestartPod" and self.pod:
            return name_of(pod) == self.pod
        if not self.task or self.name not in ("RestartTask", "RestartPod", "RestartPartition"):
            return True
        is_near = self.name != "RestartPartition" or self.partition in ("", partition_of(pod))
        return is_near and text(part(pod, "metadata", "annotations"), _TASK) == self.task


def partition_of(pod: JsonObject) -> str:
    """Return the number of a pod's partition, "" if its task has none."""
    return text(part(pod, "metadata", "labels"), PARTITION)


def action_for(gang: Gang) -> tuple[Action | None, float | None]:
    """Return the action that is due, and when the next one with a timeout will be."""
    waits = []
    for event in sorted(_events(gang), key=lambda item: item.at):
        policy = _policy(gang, event)
        if policy is None:
            continue
        at = event.at + _timeout(policy)
        if at <= gang.now:
            near = next((partition_of(it) for it in gang.pods if name_of(it) == event.pod), "")
            return Action(text(policy, "action"), event.task, event.pod, near), None
        waits.append(at)
    return None, min(waits, default=None)


def _timeout(policy: JsonObject) -> float:
    try:
        return parse_argo_duration(text(policy, "timeout", "0s"))
    except DurationError:
        return 0.0


def _policy(gang: Gang, event: Event) -> JsonObject | None:
    """Return the first policy that matches: the task's own ones go before the Job's."""
    task = next((item for item in gang.tasks if item.get("name") == event.task), {})
    for policy in (*items(task, "policies"), *items(gang.spec, "policies")):
        listed = policy.get("events")
        events: list[Json] = [policy.get("event"), *(listed if isinstance(listed, list) else [])]
        # A pod is pending before anything can be done about it: that wants a timeout.
        is_early = event.kind == "PodPending" and not policy.get("timeout")
        if (event.kind in events or "*" in events) and not is_early:
            return policy
        code = policy.get("exitCode")
        if event.exit_code and code is not None and code == event.exit_code:
            return policy
    return None


def _events(gang: Gang) -> Iterator[Event]:
    for task in gang.tasks:
        name, pods = text(task, "name"), gang.of_task(text(task, "name"))
        for pod in pods:
            yield from _of_pod(name, pod)
        replicas = count(task, "replicas")
        if replicas and gang.ended_well(name) >= replicas:
            yield Event("TaskCompleted", name, "", max(map(finished_at, pods)))
        most = count(task, "maxRetry", _MAX_RETRY)
        if any(restarts(pod) >= most > 0 for pod in pods):
            yield Event("TaskFailed", name, "", 0.0)


def _of_pod(task: str, pod: JsonObject) -> Iterator[Event]:
    if is_going(pod):
        return
    match phase_of(pod):
        case "Failed" if is_lost(pod):
            yield Event("PodEvicted", task, name_of(pod), finished_at(pod))
        case "Failed":
            code = next((code for _, code in exit_codes(pod) if code), 0)
            yield Event("PodFailed", task, name_of(pod), finished_at(pod), code)
        case "Running":
            began = instant(part(pod, "status"), "startTime") or 0.0
            yield Event("PodRunning", task, name_of(pod), began)
        case "Pending":
            made = instant(part(pod, "metadata"), "creationTimestamp") or 0.0
            yield Event("PodPending", task, name_of(pod), made)
