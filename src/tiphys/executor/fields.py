"""What a pod knows about itself: `fieldRef` and `resourceFieldRef`, for variables and files.

Source: Kubernetes pkg/fieldpath/fieldpath.go, pkg/api/v1/resource/helpers.go;
reference/kubernetes.md 2.2 and 2.3 for Argo's own labels and annotations.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from typing import Final

from tiphys.errors import Permanent
from tiphys.executor.contract import LOOPBACK
from tiphys.executor.members import containers_of
from tiphys.expr.errors import QuantityError
from tiphys.expr.quantities import read_quantity
from tiphys.messages import JobSpec
from tiphys.model.base import Json, JsonObject
from tiphys.model.containers import Container

_PREFIX: Final = "workflows.argoproj.io/"
_SUBSCRIPT: Final = re.compile(r"metadata\.(labels|annotations)\['([^']*)'\]")


def pod_labels(job: JobSpec) -> dict[str, str]:
    """Return the labels of the pod: Argo's and the template's."""
    own = {f"{_PREFIX}completed": "false", f"{_PREFIX}workflow": job.workflow}
    return own | dict(job.template.metadata.labels)


def pod_annotations(job: JobSpec) -> dict[str, str]:
    """Return the annotations of the pod: Argo's and the template's."""
    own = {f"{_PREFIX}node-id": str(job.id), f"{_PREFIX}node-name": job.node_name}
    return own | dict(job.template.metadata.annotations)


def field_value(job: JobSpec, reference: JsonObject) -> str:
    """Return what a fieldRef names. Raises Permanent for a field that pods do not have."""
    path = str(reference.get("fieldPath", ""))
    if match := _SUBSCRIPT.fullmatch(path):
        return (pod_labels if match.group(1) == "labels" else pod_annotations)(job).get(
            match.group(2), ""
        )
    if path in ("metadata.labels", "metadata.annotations"):
        return _lines((pod_labels if path.endswith("labels") else pod_annotations)(job))
    host = os.uname().nodename
    known = {
        "metadata.name": job.pod_name,
        "metadata.namespace": job.namespace,
        "metadata.uid": str(job.id),
        "spec.nodeName": host,
        "spec.serviceAccountName": job.template.service_account_name or "default",
        "status.hostIP": LOOPBACK,
        "status.hostIPs": LOOPBACK,
        "status.podIP": LOOPBACK,
        "status.podIPs": LOOPBACK,
    }
    if path not in known:
        raise Permanent(f"unsupported fieldPath: {path}")
    return known[path]


def _lines(values: Mapping[str, str]) -> str:
    """Return a map as the downward API writes it: sorted, with quoted values."""
    return "\n".join(f"{key}={json.dumps(value)}" for key, value in sorted(values.items()))


def resource_value(job: JobSpec, container: Container | None, reference: JsonObject) -> str:
    """Return what a resourceFieldRef names, in units of its divisor, rounded up.

    A limit that is not set is what the machine has. Raises Permanent.
    """
    name = str(reference.get("containerName") or "")
    if name:
        container = next((item for item in containers_of(job) if item.name == name), container)
    side, _, resource = str(reference.get("resource", "")).partition(".")
    if side not in ("limits", "requests") or not resource or container is None:
        raise Permanent(f"unsupported container resource : {side}.{resource}")
    given = resource_of(container, side, resource)
    if given is None:
        given = _of_machine(resource) if side == "limits" else 0.0
    divisor = quantity(reference.get("divisor")) or 1.0
    return str(math.ceil(given / divisor - 1e-9))


def resource_of(container: Container, side: str, resource: str) -> float | None:
    """Return a container's limit or request as a number (bytes, cores), None if not set."""
    given = container.resources.get(side)
    return quantity(given.get(resource)) if isinstance(given, dict) else None


def _of_machine(resource: str) -> float:
    if resource == "cpu":
        return float(os.cpu_count() or 1)
    if resource == "memory":
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return 0.0


def quantity(value: Json) -> float | None:
    """Return a Kubernetes quantity as a number, None if there is none or it cannot be read."""
    if value is None:
        return None
    try:
        return float(read_quantity(value).amount)
    except QuantityError:
        return None


def host_name(job: JobSpec) -> str:
    """Return the pod's host name, at most 63 characters long."""
    return (job.hostname or job.pod_name)[:63].strip("-.") or "pod"
