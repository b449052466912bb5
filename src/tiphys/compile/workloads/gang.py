"""A Volcano Job with its pods: defaults, counts, and the pods that are missing.

Source: reference/kubernetes.md 18.1, 18.4; Volcano pkg/webhooks/admission/jobs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tiphys.compile.workloads.pods import is_refused, pod_of
from tiphys.compile.workloads.reading import (
    count,
    is_going,
    items,
    name_of,
    number,
    part,
    phase_of,
    text,
)
from tiphys.compile.workloads.volcano_plugins import stamp_of, with_volumes
from tiphys.model.base import Json, JsonObject

TASK = "volcano.sh/task-spec"


def with_defaults(job: JsonObject) -> JsonObject:
    """Return a Job with the defaults of Volcano's webhook."""
    spec = dict(part(job, "spec"))
    tasks: list[Json] = []
    for index, task in enumerate(items(spec, "tasks")):
        replicas = count(task, "replicas", 1)
        tasks.append({**task, "name": text(task, "name", f"default{index}"), "replicas": replicas})
    spec["tasks"] = tasks
    spec["maxRetry"] = count(spec, "maxRetry") or 3
    for key, value in (("queue", "default"), ("schedulerName", "volcano")):
        spec[key] = text(spec, key, value)
    if not number(spec, "minAvailable"):
        spec["minAvailable"] = sum(count(task, "replicas") for task in items(spec, "tasks"))
    return {**job, "spec": spec}


@dataclass(frozen=True, slots=True)
class Gang:
    """A Job with its defaults, its pods, and the time."""

    job: JsonObject
    pods: tuple[JsonObject, ...]
    now: float

    @property
    def spec(self) -> JsonObject:
        """Return what is wanted."""
        return part(self.job, "spec")

    @property
    def status(self) -> JsonObject:
        """Return what is known."""
        return part(self.job, "status")

    @property
    def phase(self) -> str:
        """Return the phase of the Job."""
        return text(part(self.status, "state"), "phase", "Pending")

    @property
    def tasks(self) -> list[JsonObject]:
        """Return the tasks."""
        return items(self.spec, "tasks")

    @property
    def size(self) -> int:
        """Return the number of pods of all tasks."""
        return sum(count(task, "replicas") for task in self.tasks)

    @property
    def min_available(self) -> int:
        """Return how many pods make a gang."""
        return count(self.spec, "minAvailable")

    @property
    def pending(self) -> int:
        """Return how many pods wait."""
        return self._count("Pending")

    @property
    def running(self) -> int:
        """Return how many pods run."""
        return self._count("Running")

    @property
    def succeeded(self) -> int:
        """Return how many pods ended well."""
        return self._count("Succeeded")

    @property
    def failed(self) -> int:
        """Return how many pods failed."""
        return self._count("Failed")

    @property
    def terminating(self) -> int:
        """Return how many pods are being removed."""
        return sum(map(is_going, self.pods))

    def of_task(self, task: str) -> list[JsonObject]:
        """Return the pods of a task that are not being removed."""
        return [pod for pod in self.pods if task_of(pod) == task and not is_going(pod)]

    def ended_well(self, task: str) -> int:
        """Return how many pods of a task succeeded."""
        return sum(phase_of(pod) == "Succeeded" for pod in self.of_task(task))

    def task_counts(self) -> JsonObject:
        """Return `taskStatusCount`: of each task, how many pods are in which phase."""
        found: JsonObject = {}
        for task in self.tasks:
            phases: dict[str, Json] = {}
            own = [phase_of(pod) for pod in self.of_task(text(task, "name"))]
            for phase in sorted(own):
                phases[phase] = own.count(phase)
            if phases:
                found[text(task, "name")] = {"phase": phases}
        return found

    @property
    def refused(self) -> str:
        """Return why a pod cannot run here, "" if all can."""
        found = (pod for pod in self.pods if is_refused(pod))
        return next((text(part(pod, "status"), "message") for pod in found), "")

    def _count(self, phase: str) -> int:
        return sum(phase_of(pod) == phase and not is_going(pod) for pod in self.pods)


def task_of(pod: JsonObject) -> str:
    """Return the name of a pod's task."""
    return text(part(pod, "metadata", "annotations"), TASK)


def needed(task: JsonObject) -> list[str]:
    """Return the tasks that a task waits for."""
    names = part(task, "dependsOn").get("name")
    return [str(name) for name in names] if isinstance(names, list) else []


def least_of(task: JsonObject) -> int:
    """Return how many pods of a task are enough. Source: Volcano webhook, mutateSpec."""
    policy = part(task, "partitionPolicy")
    of_partitions = count(policy, "minPartitions") * count(policy, "partitionSize")
    return count(task, "minAvailable", of_partitions or count(task, "replicas"))


def new_pods(gang: Gang) -> Iterator[JsonObject]:
    """Yield the pods that are missing, of the tasks that may begin."""
    present = {name_of(pod) for pod in gang.pods}
    for task in gang.tasks:
        if not _may_begin(gang, task):
            continue
        for index in range(count(task, "replicas")):
            stamp = stamp_of(gang.job, task, index)
            if stamp.name not in present:
                yield pod_of(gang.job, with_volumes(gang.job, part(task, "template")), stamp)


def _may_begin(gang: Gang, task: JsonObject) -> bool:
    """A task waits until enough pods of those it depends on run or have ended."""
    ready = []
    for name in needed(task):
        other = next((item for item in gang.tasks if item.get("name") == name), {})
        least = least_of(other)
        begun = sum(phase_of(pod) != "Pending" for pod in gang.of_task(name))
        ready.append(begun >= least)
    if not ready:
        return True
    return any(ready) if part(task, "dependsOn").get("iteration") == "any" else all(ready)
