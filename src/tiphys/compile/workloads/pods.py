"""Pods: the document an object's template makes, the job a runtime is handed, and the status.

A pod runs once; with restartPolicy OnFailure it is begun again in place until it succeeds.
Differs: restartPolicy Always does not begin what ended again, since nothing here serves for ever.
Source: reference/kubernetes.md 18; Kubernetes core/v1 PodStatus, kubelet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from tiphys.compile.needs import Runtime, unsupported
from tiphys.compile.workloads.reading import (
    FINALIZER,
    count,
    instant,
    items,
    name_of,
    number,
    owner_of,
    owner_reference,
    part,
    restarts,
    text,
    uid_of,
)
from tiphys.messages import JobFinished, JobLost, JobSpec
from tiphys.model.base import Json, JsonObject
from tiphys.model.containers import Container
from tiphys.model.ids import NodeId, RunId
from tiphys.model.spec import WorkflowSpec
from tiphys.model.templates import (
    ContainerNode,
    ContainerSetTemplate,
    Template,
    UserContainer,
)
from tiphys.model.times import time_text

_FIRST_PAUSE_SECONDS: Final = 10.0
_LONGEST_PAUSE_SECONDS: Final = 300.0
_LOST: Final = "Evicted"
_GRACE_SECONDS: Final = 30
_STATUSES: Final = "containerStatuses"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a pod gets besides its template."""

    name: str
    labels: JsonObject
    annotations: JsonObject
    env: Sequence[JsonObject] = ()
    hostname: str = ""
    subdomain: str = ""


def pod_of(owner: JsonObject, template: JsonObject, stamp: Stamp) -> JsonObject:
    """Return the pod that an object makes from its pod template."""
    metadata, spec = part(template, "metadata"), dict(part(template, "spec"))
    for kind in ("initContainers", "containers"):
        if isinstance(spec.get(kind), list):
            spec[kind] = [_with_env(item, stamp.env) for item in items(spec, kind)]
    if stamp.hostname:
        spec.setdefault("hostname", stamp.hostname)
    if stamp.subdomain:
        spec.setdefault("subdomain", stamp.subdomain)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": stamp.name,
            "namespace": text(part(owner, "metadata"), "namespace"),
            "labels": {**part(metadata, "labels"), **stamp.labels},
            "annotations": {**part(metadata, "annotations"), **stamp.annotations},
            "ownerReferences": [owner_reference(owner)],
            "finalizers": [FINALIZER],
        },
        "spec": spec,
        "status": {"phase": "Pending"},
    }


def _with_env(container: JsonObject, env: Sequence[JsonObject]) -> JsonObject:
    if not env:
        return container
    given = {text(item, "name") for item in env}
    own: list[Json] = [item for item in items(container, "env") if item.get("name") not in given]
    return {**container, "env": [*own, *env]}


# ------------------------------------------------------------------------------------- the job


class PodFault(Exception):
    """The pod cannot run here; the text says why."""


def job_of(pod: JsonObject, runtime: Runtime) -> JobSpec:
    """Return the job of a pod's present attempt. Raises PodFault."""
    spec, name = part(pod, "spec"), name_of(pod)
    try:
        template = _template(spec, name)
    except msgspec.ValidationError as exc:
        raise PodFault(f"Pod {name} is invalid: {exc}") from exc
    found = unsupported(WorkflowSpec(templates=(template,)), runtime)
    if found:
        raise PodFault("; ".join(dict.fromkeys(item.reason for item in found)))
    limit = number(spec, "activeDeadlineSeconds")
    return JobSpec(
        id=job_id(pod),
        run=RunId(uid_of(pod)),
        workflow=owner_of(pod)[2] or name,
        namespace=text(part(pod, "metadata"), "namespace"),
        node_name=name,
        pod_name=name,
        template=template,
        key_prefix=name,
        deadline_seconds=None if limit is None else float(limit),
        grace_seconds=float(count(spec, "terminationGracePeriodSeconds", _GRACE_SECONDS)),
        volumes=template.volumes,
        hostname=text(spec, "hostname"),
        subdomain=text(spec, "subdomain"),
    )


def job_id(pod: JsonObject) -> NodeId:
    """Return the id of the job of a pod's present attempt."""
    return NodeId(f"{uid_of(pod)}-{restarts(pod)}")


def job_ids(pod: JsonObject) -> list[NodeId]:
    """Return the ids of the jobs of all attempts of a pod, the first one first."""
    return [NodeId(f"{uid_of(pod)}-{index}") for index in range(restarts(pod) + 1)]


def _template(spec: JsonObject, name: str) -> Template:
    """Return a pod's spec as a template. Raises PodFault, ValidationError."""
    mains = items(spec, "containers")
    if not mains:
        raise PodFault(f"Pod {name} is invalid: spec.containers: Required value")
    template = Template(
        name=name,
        volumes=tuple(items(spec, "volumes")),
        init_containers=tuple(
            msgspec.convert(item, UserContainer) for item in items(spec, "initContainers")
        ),
        security_context=part(spec, "securityContext") or None,
    )
    if len(mains) == 1:
        return msgspec.structs.replace(template, container=msgspec.convert(mains[0], Container))
    several = tuple(msgspec.convert(item, ContainerNode) for item in mains)
    return msgspec.structs.replace(template, container_set=ContainerSetTemplate(containers=several))


# ---------------------------------------------------------------------------------- the status


def started(pod: JsonObject, at: float) -> JsonObject:
    """Return a pod whose containers run."""
    status = part(pod, "status")
    running: JsonObject = {"running": {"startedAt": time_text(at)}}
    containers = [
        {**item, "ready": True, "started": True, "state": running} for item in _containers(pod)
    ]
    return _with_status(
        pod,
        {
            **status,
            "phase": "Running",
            "startTime": text(status, "startTime", time_text(at)),
            "hostIP": "127.0.0.1",
            "podIP": "127.0.0.1",
            "conditions": _conditions("True", text(status, "startTime", time_text(at))),
            "containerStatuses": [*containers],
        },
    )


def finished(pod: JsonObject, report: JobFinished | JobLost) -> JsonObject:
    """Return a pod whose job has ended: over, or waiting for its next attempt."""
    status = part(pod, "status")
    is_good = isinstance(report, JobFinished) and report.phase == "Succeeded"
    ended = [_ended(item, report) for item in _containers(pod)]
    policy = text(part(pod, "spec"), "restartPolicy", "Always")
    if not is_good and policy == "OnFailure" and _may_restart(pod, report):
        return _with_status(pod, {**status, "containerStatuses": [_crashed(it) for it in ended]})
    made: JsonObject = {
        **status,
        "phase": "Succeeded" if is_good else "Failed",
        "conditions": _conditions("False", time_text(_end(report))),
        "containerStatuses": [*ended],
    }
    if isinstance(report, JobLost):
        made |= {"reason": _LOST, "message": report.message}
    elif not is_good and report.message:
        made["message"] = report.message
    return _with_status(pod, made)


def refused(pod: JsonObject, why: str) -> JsonObject:
    """Return a pod that cannot run here."""
    status: JsonObject = {"phase": "Failed", "reason": "Unsupported", "message": why}
    return _with_status(pod, {**part(pod, "status"), **status})


def begins_again_at(pod: JsonObject) -> float | None:
    """Return when the next attempt of a pod begins; None unless it waits for one."""
    if not any(part(item, "state", "waiting") for item in items(part(pod, "status"), _STATUSES)):
        return None
    tries = restarts(pod) - 1
    pause = min(_FIRST_PAUSE_SECONDS * float(2 ** min(tries, 10)), _LONGEST_PAUSE_SECONDS)
    ends = [
        instant(part(item, "lastState", "terminated"), "finishedAt") or 0.0
        for item in items(part(pod, "status"), _STATUSES)
    ]
    return max(ends, default=0.0) + pause


def is_lost(pod: JsonObject) -> bool:
    """Tell whether a pod was ended by something besides its own containers."""
    return text(part(pod, "status"), "reason") == _LOST


def is_refused(pod: JsonObject) -> bool:
    """Tell whether a pod cannot run here at all."""
    return text(part(pod, "status"), "reason") == "Unsupported"


def missing_of_containers(spec: JsonObject) -> str:
    """Return the field of a pod's containers that must be there and is not, "" if all are."""
    if not items(spec, "containers"):
        return "containers"
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(items(spec, kind)):
            for field in ("name", "image"):
                if not text(container, field):
                    return f"{kind}[{index}].{field}"
    return ""


def _may_restart(pod: JsonObject, report: JobFinished | JobLost) -> bool:
    """A pod whose command cannot be started, or whose time is over, ends whatever its policy is."""
    if isinstance(report, JobLost) or not report.outputs.exit_code:
        return False
    limit = number(part(pod, "spec"), "activeDeadlineSeconds")
    return limit is None or report.finished_at - report.started_at < limit


def _containers(pod: JsonObject) -> list[JsonObject]:
    """Return the statuses of the main containers; of each, what is known so far."""
    known = {text(item, "name"): item for item in items(part(pod, "status"), _STATUSES)}
    return [
        {
            "name": text(item, "name"),
            "image": text(item, "image"),
            "imageID": "",
            "restartCount": 0,
            **known.get(text(item, "name"), {}),
        }
        for item in items(part(pod, "spec"), "containers")
    ]


def _ended(container: JsonObject, report: JobFinished | JobLost) -> JsonObject:
    code, message = _code(container, report)
    began = report.started_at if isinstance(report, JobFinished) else report.at
    terminated: JsonObject = {
        "exitCode": code,
        "reason": "Completed" if code == 0 else "Error",
        "startedAt": time_text(began),
        "finishedAt": time_text(_end(report)),
    }
    if message:
        terminated["message"] = message
    state: JsonObject = {"terminated": terminated}
    return {**container, "ready": False, "started": False, "state": state}


def _code(container: JsonObject, report: JobFinished | JobLost) -> tuple[int, str]:
    if isinstance(report, JobLost):
        return 137, report.message
    for item in report.containers:
        if item.container == container.get("name"):
            return (0 if item.phase == "Succeeded" else 1), item.message
    code = report.outputs.exit_code or ("0" if report.phase == "Succeeded" else "1")
    return int(code) if code.lstrip("-").isdigit() else 1, report.message


def _end(report: JobFinished | JobLost) -> float:
    return report.finished_at if isinstance(report, JobFinished) else report.at


def _crashed(container: JsonObject) -> JsonObject:
    """Return a container that waits to be started again."""
    waiting: JsonObject = {"reason": "CrashLoopBackOff", "message": "back-off restarting"}
    return {
        **container,
        "restartCount": count(container, "restartCount") + 1,
        "lastState": container["state"],
        "state": {"waiting": waiting},
    }


def _conditions(ready: str, at: str) -> list[Json]:
    kinds = (("PodScheduled", "True"), ("Initialized", "True"), ("Ready", ready))
    return [{"type": kind, "status": it, "lastTransitionTime": at} for kind, it in kinds]


def _with_status(pod: JsonObject, status: JsonObject) -> JsonObject:
    return {**pod, "status": status}
