"""Persistent volume claims on one machine: a directory for each, by namespace and name.

A claim that a workflow makes for itself (`volumeClaimTemplates`) is called
`<workflow>-<name of the template>`; it appears when it is first mounted and goes when the
workflow's volumeClaimGC says so. Any other must exist as a PersistentVolumeClaim or as a directory.
Source: reference/kubernetes.md 6.2.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

from tiphys.errors import NotFound, Permanent
from tiphys.executor.members import object_of, used_volumes
from tiphys.executor.volumes import Places
from tiphys.messages import JobSpec
from tiphys.ports import ObjectRef, Objects
from tiphys.runtime.files import remove_tree

_MODE: Final = 0o777
"""As provisioners of local volumes make them: a pod's user need not be the one of the engine. What
keeps the machine's other users out is the directory of all claims."""


def claims_of(job: JobSpec) -> list[str]:
    """Return the names of the claims that a job's pod mounts."""
    found = [object_of(item.get("persistentVolumeClaim")) for item in used_volumes(job)]
    return [str(claim["claimName"]) for claim in found if claim.get("claimName")]


async def ensure_claims(job: JobSpec, places: Places, objects: Objects | None) -> None:
    """Make the directories of a job's claims. Raises Permanent if one is not to be had."""
    for name in claims_of(job):
        directory = places.claim(job.namespace, name)
        if os.path.isdir(directory):
            continue
        if not name.startswith(f"{job.workflow}-") and not await _exists(job, name, objects):
            raise Permanent(f'persistentvolumeclaim "{name}" not found')
        os.makedirs(places.claims, exist_ok=True)
        os.chmod(places.claims, 0o700)
        os.makedirs(directory, exist_ok=True)
        os.chmod(directory, _MODE)


async def _exists(job: JobSpec, name: str, objects: Objects | None) -> bool:
    if objects is None:
        return False
    try:
        await objects.get(ObjectRef("v1", "PersistentVolumeClaim", job.namespace, name))
    except NotFound:
        return False
    return True


def delete_claims(places: Places, namespace: str, workflow: str, templates: Iterable[str]) -> None:
    """Remove the volumes that a workflow made for itself. Blocks; none there: no effect.

    `templates` are the names of its volumeClaimTemplates.
    """
    for name in templates:
        remove_tree(places.claim(namespace, f"{workflow}-{name}"))
