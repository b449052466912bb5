"""Who and what belongs to a pod: its containers, which one is main, their volumes.

Source: reference/kubernetes.md 3.3 and 3.7.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tiphys.messages import JobSpec
from tiphys.model.base import Json, JsonObject
from tiphys.model.containers import Container
from tiphys.model.templates import UserContainer

MAIN: Final = "main"


def main_container(job: JobSpec) -> Container | None:
    """Return the container that is called `main`; None for a pod without one."""
    template = job.template
    if template.container_set is not None:
        members = template.container_set.containers
        return next((item for item in members if item.name == MAIN), None)
    return template.container or template.script


def name_of(job: JobSpec, container: Container | None) -> str:
    """Return a container's name: that of a container or script template is always `main`."""
    if container is None or container is job.template.container or container is job.template.script:
        return MAIN
    return container.name


def containers_of(job: JobSpec) -> Iterator[Container]:
    """Yield every container of a job's pod: init containers, main ones, sidecars."""
    template = job.template
    yield from template.init_containers
    yield from mains_of(job)
    yield from template.sidecars


def mains_of(job: JobSpec) -> tuple[Container, ...]:
    """Return the containers that are the job's work, not its helpers."""
    if job.template.container_set is not None:
        return job.template.container_set.containers
    main = job.template.container or job.template.script
    return (main,) if main is not None else ()


def is_pod(job: JobSpec) -> bool:
    """Tell whether the job is more than one command that runs to its end."""
    template = job.template
    main = template.container or template.script
    if main is None:
        return template.container_set is not None
    return bool(
        template.init_containers
        or template.sidecars
        or template.daemon
        or main.lifecycle is not None
        or main.liveness_probe is not None
        or main.startup_probe is not None
        or main.readiness_probe is not None
    )


def given_mounts(job: JobSpec, container: Container) -> tuple[JsonObject, ...]:
    """Return a container's volumeMounts: its own, a container set's, main's if mirrored."""
    mounts = container.volume_mounts
    whole = job.template.container_set
    if whole is not None and any(container is item for item in whole.containers):
        mounts = (*mounts, *whole.volume_mounts)
    if mirrors(container) and (main := main_container(job)) is not None:
        own = {item.get("mountPath") for item in mounts}
        more = (i for i in given_mounts(job, main) if i.get("mountPath") not in own)
        mounts = (*mounts, *more)
    return mounts


def mirrors(container: Container) -> bool:
    """Tell whether a container sees what main mounts."""
    return isinstance(container, UserContainer) and container.mirror_volume_mounts is True


def used_volumes(job: JobSpec) -> tuple[JsonObject, ...]:
    """Return the volumes of a job's pod: the template's, and of the workflow's what is mounted."""
    mounted = {
        item.get("name")
        for container in containers_of(job)
        for item in given_mounts(job, container)
    }
    own = {item.get("name") for item in job.template.volumes}
    more = [i for i in job.volumes if i.get("name") in mounted and i.get("name") not in own]
    return (*job.template.volumes, *more)


def refers(job: JobSpec) -> bool:
    """Tell whether a job needs volumes, ConfigMaps or Secrets. Asked of every job: kept quick."""
    template = job.template
    main = template.container or template.script
    if main is not None and not (template.init_containers or template.sidecars):
        return bool(template.volumes) or _refers(main)
    whole = template.container_set
    if template.volumes or (whole is not None and whole.volume_mounts):
        return True
    return any(_refers(container) for container in containers_of(job))


def _refers(container: Container) -> bool:
    if container.volume_mounts or container.env_from:
        return True
    return any(variable.value_from is not None for variable in container.env)


def object_of(value: Json) -> JsonObject:
    """Return a JSON object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}
