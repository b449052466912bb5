"""What became of a workflow: the status document clients read.

The engine writes these; the reader accepts them from older versions too.
Source: reference/resources.md 5.8.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import field

from tiphys.model.arguments import Inputs, Outputs
from tiphys.model.base import Int32, Int64, JsonObject, Model, Time, always
from tiphys.model.phases import NodePhase, NodeType, WorkflowPhase
from tiphys.model.repositories import ArtifactRepositoryRefStatus
from tiphys.model.spec import WorkflowSpec
from tiphys.model.templates import Template, TemplateRef


class NodeFlag(Model, frozen=True, kw_only=True):
    """How a node came to be."""

    hooked: bool | None = None
    retried: bool | None = None


class NodeSynchronizationStatus(Model, frozen=True, kw_only=True):
    """The lock a node waits for."""

    waiting: str = ""


class MemoizationStatus(Model, frozen=True, kw_only=True):
    """What the cache said for a node."""

    hit: bool = always(False)
    key: str = always("")
    cache_name: str = always("")


class Condition(Model, frozen=True, kw_only=True):
    """One named finding about a workflow."""

    type: str = ""
    status: str = ""
    message: str = ""


class SemaphoreHolding(Model, frozen=True, kw_only=True):
    """Who holds, or stands before, a semaphore."""

    semaphore: str = ""
    holders: tuple[str, ...] = ()


class SemaphoreStatus(Model, frozen=True, kw_only=True):
    """The semaphores of a workflow."""

    holding: tuple[SemaphoreHolding, ...] = ()
    waiting: tuple[SemaphoreHolding, ...] = ()


class MutexHolding(Model, frozen=True, kw_only=True):
    """Who holds, or stands before, a mutex."""

    mutex: str = ""
    holder: str = ""


class MutexStatus(Model, frozen=True, kw_only=True):
    """The mutexes of a workflow."""

    holding: tuple[MutexHolding, ...] = ()
    waiting: tuple[MutexHolding, ...] = ()


class SynchronizationStatus(Model, frozen=True, kw_only=True):
    """The locks of a workflow."""

    semaphore: SemaphoreStatus | None = None
    mutex: MutexStatus | None = None


class ArtGCStatus(Model, frozen=True, kw_only=True):
    """How far artifact deletion has come."""

    strategies_processed: Mapping[str, bool] = field(default_factory=dict)
    pods_recouped: Mapping[str, bool] = field(default_factory=dict)
    not_specified: bool | None = None


class NodeUsage(Model, frozen=True, kw_only=True):
    """What a node's job used, by the kernel's accounting. Ours: Argo has no such field."""

    cpu_milliseconds: Int64 = 0
    peak_memory_bytes: Int64 = 0
    wall_milliseconds: Int64 = 0


class NodeStatus(Model, frozen=True, kw_only=True):
    """One entry of `status.nodes`. Ours, beside Argo's fields: `usage` and `waiting_reason`."""

    id: str = always("")
    name: str = always("")
    display_name: str = ""
    type: NodeType = always("Pod")
    template_name: str = ""
    template_ref: TemplateRef | None = None
    template_scope: str = ""
    phase: NodePhase = always("Pending")
    boundary_id: str = field(default="", name="boundaryID")
    message: str = ""
    started_at: Time | None = always(None)
    finished_at: Time | None = always(None)
    estimated_duration: Int64 | None = None
    progress: str = ""
    resources_duration: Mapping[str, Int64] = field(default_factory=dict)
    pod_ip: str = field(default="", name="podIP")
    daemoned: bool | None = None
    node_flag: NodeFlag | None = None
    inputs: Inputs | None = None
    outputs: Outputs | None = None
    children: tuple[str, ...] = ()
    outbound_nodes: tuple[str, ...] = ()
    host_node_name: str = ""
    memoization_status: MemoizationStatus | None = None
    synchronization_status: NodeSynchronizationStatus | None = None
    task_result_synced: bool | None = None
    failed_pod_restarts: Int32 | None = None
    restarting_pod_uid: str = field(default="", name="restartingPodUID")
    usage: NodeUsage | None = None
    waiting_reason: str = ""


class WorkflowStatus(Model, frozen=True, kw_only=True):
    """What became of a workflow so far."""

    phase: WorkflowPhase = ""
    started_at: Time | None = always(None)
    finished_at: Time | None = always(None)
    estimated_duration: Int64 | None = None
    progress: str = ""
    message: str = ""
    compressed_nodes: str = ""
    nodes: Mapping[str, NodeStatus] = field(default_factory=dict)
    offload_node_status_version: str = ""
    stored_templates: Mapping[str, Template] = field(default_factory=dict)
    persistent_volume_claims: tuple[JsonObject, ...] = ()
    outputs: Outputs | None = None
    conditions: tuple[Condition, ...] = ()
    resources_duration: Mapping[str, Int64] = field(default_factory=dict)
    stored_workflow_template_spec: WorkflowSpec | None = None
    synchronization: SynchronizationStatus | None = None
    artifact_repository_ref: ArtifactRepositoryRefStatus | None = None
    artifact_gc_status: ArtGCStatus | None = field(default=None, name="artifactGCStatus")
    task_results_completion_status: Mapping[str, bool] = field(default_factory=dict)
