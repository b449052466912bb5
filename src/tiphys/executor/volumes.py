"""Which directory or file of this machine stands for a volume, and where containers mount it.

Nothing is made here; `materialize.py` fills what a pod brings along. A volume that lives as long
as its pod lies below `volumes/` in the job directory.
Source: reference/kubernetes.md 3.7; Kubernetes pkg/volume/util/subpath.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tiphys.errors import Permanent
from tiphys.executor import contract
from tiphys.executor.config import NOTHING, Values
from tiphys.executor.env import environment
from tiphys.executor.layout import Layout, Mount
from tiphys.executor.members import given_mounts, object_of
from tiphys.messages import JobSpec
from tiphys.model.base import JsonObject
from tiphys.model.containers import Container

OF_THE_POD: Final = ("emptyDir", "configMap", "secret", "projected", "downwardAPI")
"""Kinds whose content is the pod's own."""
_REFERENCE: Final = re.compile(r"\$\$|\$\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class Places:
    """Where volumes that outlive a pod are: named ones, and what of the host may be mounted.

    `claims` is the directory of named volumes, "" if there are none. `host_paths` are the
    directories at or below which a hostPath volume may lie.
    """

    claims: str = ""
    host_paths: tuple[str, ...] = ()

    def claim(self, namespace: str, name: str) -> str:
        """Return the directory of a claim. Raises Permanent if it cannot name one."""
        for part in (namespace, name):
            if not part or "/" in part or "\0" in part or part in (".", ".."):
                raise Permanent(f'persistentvolumeclaim "{name}" cannot name a directory')
        if not self.claims:
            raise Permanent(f'persistentvolumeclaim "{name}" not found')
        return f"{self.claims}/{namespace}/{name}"


def volume(job: JobSpec, name: str) -> JsonObject:
    """Return a volume by its name, the template's before the workflow's.

    Raises Permanent with Argo's text.
    Source: argo workflow/controller/workflowpod.go, addVolumeReferences.
    """
    for item in (*job.template.volumes, *job.volumes):
        if item.get("name") == name:
            return item
    raise Permanent(f"volume '{name}' not found in workflow spec")


def source_of(job: JobSpec, name: str, directory: str, places: Places) -> str:
    """Return where a volume is on this machine. Raises Permanent if it may not be used."""
    made = volume(job, name)
    if "persistentVolumeClaim" in made:
        claim = object_of(made["persistentVolumeClaim"]).get("claimName")
        return places.claim(job.namespace, str(claim or ""))
    if "hostPath" in made:
        return allowed_host_path(name, str(object_of(made["hostPath"]).get("path") or ""), places)
    if not any(kind in made for kind in OF_THE_POD) and len(made) > 1:
        kind = next(key for key in made if key != "name")
        raise Permanent(f"volume '{name}': {kind} volumes cannot be had on this machine")
    if not name or "/" in name or name in (".", ".."):
        raise Permanent(f"volume '{name}' cannot name a directory")
    return f"{directory}/{contract.VOLUMES}/{name}"


def allowed_host_path(name: str, path: str, places: Places) -> str:
    """Return the real path of a hostPath volume. Raises Permanent if the settings forbid it."""
    if any(is_inside(path, allowed) for allowed in places.host_paths):
        return os.path.realpath(path)
    raise Permanent(
        f"volume '{name}': hostPath {path} is not allowed on this machine; allow it in the settings"
    )


def mounts_of(
    job: JobSpec, container: Container, directory: str, places: Places, values: Values = NOTHING
) -> tuple[Mount, ...]:
    """Return what a container mounts, in its own order.

    `values` are needed for the variables of a subPathExpr. Raises Permanent for what cannot be
    mounted.
    """
    made = []
    env: dict[str, str] = {}
    if any(item.get("subPathExpr") for item in given_mounts(job, container)):
        env = environment(job, container, Layout(directory), values)
    for item in given_mounts(job, container):
        path = str(item.get("mountPath") or "")
        if not path.startswith("/"):
            path = "/" + path
        source = source_of(job, str(item.get("name", "")), directory, places)
        part = _part(item, env)
        place = f"{source}/{part}" if part else source
        if part and not is_inside(place, source):
            raise Permanent(f"volumeMount {path}: subPath {part} leaves the volume")
        read_only = item.get("readOnly") is True
        made.append(Mount(posixpath.normpath(path), place, read_only, source))
    return tuple(made)


def is_inside(path: str, root: str) -> bool:
    """Tell whether a path is still in a directory when all links are followed."""
    real, whole = os.path.realpath(path), os.path.realpath(root)
    return real == whole or real.startswith(whole.rstrip("/") + "/")


def _part(mount: JsonObject, env: Mapping[str, str]) -> str:
    """Return the path inside the volume. Raises Permanent if it leads out of it."""
    part = str(mount.get("subPath") or "")
    if template := str(mount.get("subPathExpr") or ""):
        part = _REFERENCE.sub(lambda match: _variable(match, env), template)
    if part.startswith("/") or ".." in part.split("/"):
        raise Permanent(f"volumeMount {mount.get('mountPath')}: subPath {part} leaves the volume")
    part = posixpath.normpath(part) if part else ""
    return "" if part == "." else part


def _variable(match: re.Match[str], env: Mapping[str, str]) -> str:
    name = match.group(1)
    if name is None:
        return "$"
    if name not in env:
        raise Permanent(f"missing value for {name!r} in subPathExpr")
    return env[name]
