"""Jobs: what a runtime is handed, and what it says of it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from tiphys.messages.words import Message, Phase
from tiphys.model.arguments import Outputs
from tiphys.model.base import JsonObject
from tiphys.model.ids import NodeId, RunId
from tiphys.model.templates import Template


class Usage(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What one job used, from the kernel's accounting of its main process and its children."""

    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    wall_seconds: float = 0.0


class JobSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One leaf node handed to a runtime; derived from stored values only, so it can be re-sent.

    `template` has every tag resolved; its output artifacts have a key, and what else it takes to
    reach them is in its `archive_location`, unless they lie in the local repository. `key_prefix`
    is where the job's own artifacts (logs) go there. `deadline_seconds` counts from the start of
    the main process. `deadline_at` is an instant. On a passed deadline the runtime
    ends the job and reports it Failed with Argo's message. `volumes` are the Kubernetes volumes
    its containers may mount, the workflow's and the template's. `avoid_hosts` are the hosts of
    earlier attempts that failed, where retryStrategy.affinity asks to keep away from them. Pods
    that have a `subdomain` in common find each other as `<hostname>.<subdomain>`.
    """

    id: NodeId
    run: RunId
    workflow: str
    namespace: str
    node_name: str
    pod_name: str
    template: Template
    key_prefix: str
    capture_result: bool = False
    archive_logs: bool = False
    deadline_seconds: float | None = None
    deadline_at: float | None = None
    grace_seconds: float = 30.0
    volumes: tuple[JsonObject, ...] = ()
    avoid_hosts: tuple[str, ...] = ()
    hostname: str = ""
    subdomain: str = ""


class JobWaiting(Message, frozen=True):
    """The job cannot start yet, and why: an image is pulled, there is no room."""

    job: NodeId
    message: str


class JobStarted(Message, frozen=True):
    """The main process runs."""

    job: NodeId
    at: float
    host: str = ""


class JobReady(Message, frozen=True):
    """A daemon serves: all containers of the job run and are ready. `ip` is where it listens."""

    job: NodeId
    at: float
    ip: str


class ContainerReported(Message, frozen=True):
    """One container of a container set is in a phase (again); `message` says why it failed."""

    job: NodeId
    container: str
    phase: Phase
    message: str = ""


class JobProgressed(Message, frozen=True):
    """The job wrote "N/M" to its progress file."""

    job: NodeId
    progress: str


class JobFinished(Message, frozen=True, kw_only=True):
    """The job is over and its outputs are captured; said once for each job.

    `containers` are the ends of a container set's containers.
    """

    job: NodeId
    phase: Literal["Succeeded", "Failed", "Error"]
    message: str = ""
    outputs: Outputs
    usage: Usage = Usage()
    started_at: float = 0.0
    finished_at: float = 0.0
    containers: tuple[ContainerReported, ...] = ()


class JobLost(Message, frozen=True):
    """The job vanished without a result (its launcher was killed, its directory removed)."""

    job: NodeId
    at: float
    message: str = "pod deleted"


JobReport: TypeAlias = (
    JobWaiting | JobStarted | JobReady | ContainerReported | JobProgressed | JobFinished | JobLost
)
