"""A container as an engine is asked to make it.

Source: docs.docker.com, Engine API v1.40, ContainerCreate; Kubernetes pkg/kubelet/kuberuntime,
generateContainerConfig.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tiphys.executor import contract, env, stage
from tiphys.executor.fields import host_name, resource_of
from tiphys.executor.layout import Mount
from tiphys.executor.members import main_container, object_of
from tiphys.executor.run import Member
from tiphys.model.base import Json, JsonObject
from tiphys.model.containers import Container
from tiphys.runtime.engines.images import ImageConfig
from tiphys.runtime.engines.layout import STAGING

_NANO: Final = 1e9
_SHARES: Final = 1024
_NO_LIMIT: Final = "1000TB"
_SELINUX: Final = "/sys/fs/selinux/enforce"
RUN_LABEL: Final = "io.tiphys.run"
NODE_LABEL: Final = "io.tiphys.node"


@dataclass(frozen=True, slots=True)
class Net:
    """Where a container is in the network: `mode` is docker's word, `holder` the pod's if any.

    With a holder, its host name is the container's own only if it is `named`.
    """

    mode: str
    holder: str = ""
    named: bool = False


def words_of(member: Member, image: ImageConfig) -> list[str]:
    """Return the whole command: the template's, completed by the image's. Raises Permanent."""
    variables = env.environment(member.job, member.container, member.layout, member.values)
    return env.command_line(member.job, member.container, member.layout, variables, image.defaults)


def body_of(member: Member, container: Container, image: ImageConfig, net: Net) -> JsonObject:
    """Return the body of the request that makes the container, for docker. Raises Permanent."""
    job = member.job
    variables = env.environment(job, container, member.layout, member.values)
    context = context_of(member, container)
    words: list[Json] = [*words_of(member, image)]
    body: JsonObject = {
        "Image": container.image,
        "Entrypoint": words,
        "Cmd": [],
        "Env": [f"{name}={value}" for name, value in variables.items()],
        "Labels": labels_of(job.run, job.id),
        "HostConfig": {
            "Init": True,
            "Mounts": [_bind(mount) for mount in mounts_of(member)],
            **_network(net),
            **_limits(container),
            **_rights(context),
        },
    }
    if container.working_dir:
        body["WorkingDir"] = container.working_dir
    if net.named if net.holder else net.mode != "host" or job.hostname:
        body["Hostname"] = host_name(job)
    if user := user_of(context):
        body["User"] = user
    return body


def with_log(body: JsonObject, path: str) -> JsonObject:
    """Return the body for podman, which then keeps the output in a file of ours, all of it."""
    host = body["HostConfig"]
    kept: JsonObject = {"Type": "k8s-file", "Config": {"path": path, "max-size": _NO_LIMIT}}
    return {**body, "HostConfig": {**(host if isinstance(host, dict) else {}), "LogConfig": kept}}


def labels_of(run: str, node: str) -> JsonObject:
    """Return the labels by which a run's containers are found again."""
    return {RUN_LABEL: run, NODE_LABEL: node}


def holder_body(member: Member, image: str, mode: str) -> JsonObject:
    """Return the container that keeps a pod's network and does nothing else."""
    return {
        "Image": image,
        "Entrypoint": ["/pause"],
        "Cmd": [],
        "Labels": labels_of(member.job.run, member.job.id),
        "Hostname": host_name(member.job),
        "HostConfig": {"NetworkMode": mode, "IpcMode": "shareable"},
    }


def context_of(member: Member, container: Container) -> JsonObject:
    """Return the security context: the pod's, and over it the container's."""
    whole = member.job.template.security_context or {}
    return {**whole, **(container.security_context or {})}


def user_of(context: Mapping[str, Json]) -> str:
    """Return the user as docker writes it, "" for the image's own."""
    user, group = context.get("runAsUser"), context.get("runAsGroup")
    if not isinstance(user, int):
        return f"0:{group}" if isinstance(group, int) else ""
    return f"{user}:{group}" if isinstance(group, int) else str(user)


def mounts_of(member: Member) -> Sequence[Mount]:
    """Return what is mounted: volumes, the script, input artifacts, the termination log."""
    layout, job = member.layout, member.job
    found = {mount.path: mount for mount in layout.mounts}
    if member.container is main_container(job):
        if job.template.script is not None:
            found.setdefault(STAGING, Mount(STAGING, os.path.dirname(layout.script)))
        for artifact in job.template.inputs.artifacts:
            path = stage.clean_path(artifact)
            source = layout.host(path)
            if layout.mounted(path) is None and os.path.lexists(source):
                found.setdefault(path, Mount(path, source))
    log = contract.POD_TERMINATION_LOG
    found.setdefault(log, Mount(log, layout.termination_log))
    return [found[path] for path in sorted(found)]


def make_places(member: Member) -> None:
    """Make the files and directories of the job's that every container mounts."""
    folder = f"{member.layout.directory}/{contract.SHARED}"
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o777)  # noqa: S103 - whoever the program is, it may tell of its progress
    log = member.layout.termination_log
    os.makedirs(os.path.dirname(log), exist_ok=True)
    with open(log, "ab"):
        os.chmod(log, 0o666)  # noqa: S103 - whoever the program is, it may say why it failed


def _bind(mount: Mount) -> JsonObject:
    return {
        "Type": "bind",
        "Source": os.path.realpath(mount.source),
        "Target": mount.path,
        "ReadOnly": mount.read_only,
    }


def _network(net: Net) -> JsonObject:
    if net.holder:
        return {
            "NetworkMode": f"container:{net.holder}",
            "IpcMode": f"container:{net.holder}",
        }
    return {"NetworkMode": net.mode}


def _limits(container: Container) -> JsonObject:
    found: JsonObject = {}
    if (memory := resource_of(container, "limits", "memory")) is not None:
        found["Memory"] = found["MemorySwap"] = int(memory)
    if (cores := resource_of(container, "limits", "cpu")) is not None:
        found["NanoCpus"] = int(cores * _NANO)
    if (asked := resource_of(container, "requests", "cpu")) is not None:
        found["CpuShares"] = max(2, int(asked * _SHARES))
    return found


def _rights(context: Mapping[str, Json]) -> JsonObject:
    found: JsonObject = {
        "Privileged": context.get("privileged") is True,
        "ReadonlyRootfs": context.get("readOnlyRootFilesystem") is True,
    }
    capabilities = object_of(context.get("capabilities"))
    for side, name in (("add", "CapAdd"), ("drop", "CapDrop")):
        if given := capabilities.get(side):
            found[name] = given
    groups = context.get("supplementalGroups")
    more = [*(groups if isinstance(groups, list) else ()), context.get("fsGroup")]
    if names := [str(item) for item in more if isinstance(item, int)]:
        found["GroupAdd"] = [*names]
    options: list[Json] = []
    if context.get("allowPrivilegeEscalation") is False:
        options.append("no-new-privileges")
    if object_of(context.get("seccompProfile")).get("type") == "Unconfined":
        options.append("seccomp=unconfined")
    if os.path.exists(_SELINUX):
        options.append("label=disable")  # a job's files have the labels of the user's home
    if options:
        found["SecurityOpt"] = options
    return found
