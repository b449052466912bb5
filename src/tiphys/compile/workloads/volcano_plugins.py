"""What Volcano's plugins give to the pods of a Job, and the objects that stand beside it.

`ssh` has no meaning where all pods share one machine: there is nobody to log in to. The host names
of `svc` are Volcano's; the runtime makes them known (runtime/names.py).
Source: reference/kubernetes.md 18.4; Volcano pkg/controllers/job/plugins.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from tiphys.compile.workloads.pods import Stamp
from tiphys.compile.workloads.reading import (
    count,
    items,
    name_of,
    owner_reference,
    part,
    text,
    uid_of,
)
from tiphys.compile.workloads.volcano_policies import PARTITION
from tiphys.model.base import Json, JsonObject

if TYPE_CHECKING:
    from tiphys.compile.workloads.gang import Gang

KNOWN: Final = ("env", "svc", "ssh", "tensorflow", "mpi", "pytorch", "ray")
GROUP: Final = "scheduling.k8s.io/group-name"
"""The annotation by which a pod belongs to a gang."""
PODGROUP_API: Final = "scheduling.volcano.sh/v1beta1"
_NETWORKED: Final = ("svc", "tensorflow", "mpi", "pytorch", "ray")
_HOSTS: Final = "/etc/volcano"


def group_name(job: JsonObject) -> str:
    """Return the name of a Job's PodGroup."""
    return f"{name_of(job)}-{uid_of(job)}"


def stamp_of(job: JsonObject, of_task: JsonObject, index: int) -> Stamp:
    """Return what pod `index` of a task gets besides its template."""
    name, spec, task = name_of(job), part(job, "spec"), text(of_task, "name")
    near: JsonObject = {}
    if policy := part(of_task, "partitionPolicy"):
        near[PARTITION] = str(index // max(1, count(policy, "partitionSize")))
    known: JsonObject = {
        "volcano.sh/task-spec": task,
        "volcano.sh/task-index": str(index),
        "volcano.sh/job-name": name,
        "volcano.sh/job-namespace": text(part(job, "metadata"), "namespace"),
        "volcano.sh/queue-name": text(spec, "queue"),
        "volcano.sh/job-version": str(count(part(job, "status"), "version")),
        "volcano.sh/job-retry-count": str(count(part(job, "status"), "retryCount")),
        "volcano.sh/template-uid": f"{uid_of(job)}-{task}",
    }
    pod = f"{name}-{task}-{index}"
    networked = _is_networked(job)
    return Stamp(
        name=pod,
        labels={**known, **near},
        annotations={**known, GROUP: group_name(job)},
        env=tuple(_env(job, index)),
        hostname=pod if networked else "",
        subdomain=name if networked else "",
    )


def _is_networked(job: JsonObject) -> bool:
    return any(name in _NETWORKED for name in part(job, "spec", "plugins"))


def _env(job: JsonObject, index: int) -> Iterator[JsonObject]:
    if "env" in part(job, "spec", "plugins"):
        yield {"name": "VC_TASK_INDEX", "value": str(index)}
        yield {"name": "VK_TASK_INDEX", "value": str(index)}
    if _is_networked(job):
        for task, hosts in _hosts(job):
            word = task.upper().replace("-", "_")
            yield {"name": f"VC_{word}_HOSTS", "value": ",".join(hosts)}
            yield {"name": f"VC_{word}_NUM", "value": str(len(hosts))}


def _hosts(job: JsonObject) -> Iterator[tuple[str, list[str]]]:
    name = name_of(job)
    for task in items(part(job, "spec"), "tasks"):
        word = text(task, "name")
        yield word, [f"{name}-{word}-{i}.{name}" for i in range(count(task, "replicas"))]


def with_volumes(job: JsonObject, template: JsonObject) -> JsonObject:
    """Return a pod template with the file of hosts, and the Job's own volumes."""
    spec = part(template, "spec")
    mounts: list[JsonObject] = []
    volumes: list[JsonObject] = []
    if _is_networked(job):
        name = f"{name_of(job)}-svc"
        volumes.append({"name": name, "configMap": {"name": name}})
        mounts.append({"name": name, "mountPath": _HOSTS})
    for index, item in enumerate(items(part(job, "spec"), "volumes")):
        claim = text(item, "volumeClaimName", f"{name_of(job)}-volume-{index}")
        volumes.append({"name": claim, "persistentVolumeClaim": {"claimName": claim}})
        mounts.append({"name": claim, "mountPath": text(item, "mountPath")})
    made: JsonObject = {**spec, "schedulerName": text(part(job, "spec"), "schedulerName")}
    if volumes:
        made["volumes"] = [*items(spec, "volumes"), *volumes]
        for kind in ("initContainers", "containers"):
            if kind in spec:
                made[kind] = [_mounted(item, mounts) for item in items(spec, kind)]
    return {**template, "spec": made}


def _mounted(container: JsonObject, mounts: list[JsonObject]) -> JsonObject:
    return {**container, "volumeMounts": [*items(container, "volumeMounts"), *mounts]}


def belongings(gang: Gang) -> Iterator[JsonObject]:
    """Yield the objects that stand beside a Job before its first pod does."""
    if gang.pods:
        return
    job, spec = gang.job, gang.spec
    group: JsonObject = {"minMember": gang.min_available, "queue": text(spec, "queue")}
    yield _beside(job, PODGROUP_API, "PodGroup", group_name(job), {"spec": group})
    if _is_networked(job):
        files: dict[str, Json] = {
            f"{task.replace('-', '_')}.host": "\n".join(hosts) for task, hosts in _hosts(job)
        }
        yield _beside(job, "v1", "ConfigMap", f"{name_of(job)}-svc", {"data": files})
        selector: JsonObject = {"volcano.sh/job-name": name_of(job)}
        service: JsonObject = {"clusterIP": "None", "selector": selector}
        yield _beside(job, "v1", "Service", name_of(job), {"spec": service})
    for index, item in enumerate(items(spec, "volumes")):
        claim = part(item, "volumeClaim")
        if claim:
            name = text(item, "volumeClaimName", f"{name_of(job)}-volume-{index}")
            yield _beside(job, "v1", "PersistentVolumeClaim", name, {"spec": claim})


def _beside(
    job: JsonObject, api_version: str, kind: str, name: str, content: JsonObject
) -> JsonObject:
    metadata: JsonObject = {
        "name": name,
        "namespace": text(part(job, "metadata"), "namespace"),
        "ownerReferences": [owner_reference(job)],
    }
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}
