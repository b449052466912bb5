"""WorkflowSpec: the part that Workflows, templates and CronWorkflows share.

Source: reference/resources.md 5.1.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import field

from tiphys.model.arguments import Arguments
from tiphys.model.base import Int32, Int64, JsonObject, Model, always
from tiphys.model.containers import Container
from tiphys.model.meta import LocalObjectReference, Metadata, ObjectMeta
from tiphys.model.policies import (
    ExecutorConfig,
    Metrics,
    PodGC,
    RetryStrategy,
    Synchronization,
    TTLStrategy,
    VolumeClaimGC,
    WorkflowLevelArtifactGC,
)
from tiphys.model.repositories import ArtifactRepositoryRef
from tiphys.model.templates import LifecycleHook, Template


class WorkflowTemplateRef(Model, frozen=True, kw_only=True):
    """The (Cluster)WorkflowTemplate a workflow runs."""

    name: str = ""
    cluster_scope: bool | None = None


class LabelValueFrom(Model, frozen=True, kw_only=True):
    """A label's value as an expression."""

    expression: str = always("")


class WorkflowMetadata(Model, frozen=True, kw_only=True):
    """Labels and annotations put on the Workflow when it starts."""

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels_from: Mapping[str, LabelValueFrom] = field(default_factory=dict)


class ExecutorPluginSidecar(Model, frozen=True, kw_only=True):
    """The container that serves an executor plugin."""

    automount_service_account_token: bool | None = None
    container: Container | None = None


class ExecutorPluginSpec(Model, frozen=True, kw_only=True):
    """What an executor plugin runs."""

    sidecar: ExecutorPluginSidecar = always(ExecutorPluginSidecar())


class ExecutorPlugin(Model, frozen=True, kw_only=True):
    """A workflow-level executor plugin (4.1)."""

    metadata: ObjectMeta = always(ObjectMeta())
    spec: ExecutorPluginSpec = always(ExecutorPluginSpec())


class WorkflowSpec(Model, frozen=True, kw_only=True):
    """The wanted run: of a Workflow, a template or a CronWorkflow's children."""

    templates: tuple[Template, ...] = ()
    entrypoint: str = ""
    arguments: Arguments = always(Arguments())
    service_account_name: str = ""
    automount_service_account_token: bool | None = None
    executor: ExecutorConfig | None = None
    volumes: tuple[JsonObject, ...] = ()
    volume_claim_templates: tuple[JsonObject, ...] = ()
    parallelism: Int64 | None = None
    artifact_repository_ref: ArtifactRepositoryRef | None = None
    suspend: bool | None = None
    node_selector: Mapping[str, str] = field(default_factory=dict)
    affinity: JsonObject | None = None
    tolerations: tuple[JsonObject, ...] = ()
    image_pull_secrets: tuple[LocalObjectReference, ...] = ()
    host_network: bool | None = None
    dns_policy: str = ""
    dns_config: JsonObject | None = None
    on_exit: str = ""
    ttl_strategy: TTLStrategy | None = None
    active_deadline_seconds: Int64 | None = None
    priority: Int32 | None = None
    scheduler_name: str = ""
    pod_gc: PodGC | None = field(default=None, name="podGC")
    pod_priority_class_name: str = ""
    host_aliases: tuple[JsonObject, ...] = ()
    security_context: JsonObject | None = None
    pod_spec_patch: str = ""
    pod_disruption_budget: JsonObject | None = None
    metrics: Metrics | None = None
    shutdown: str = ""
    workflow_template_ref: WorkflowTemplateRef | None = None
    synchronization: Synchronization | None = None
    volume_claim_gc: VolumeClaimGC | None = field(default=None, name="volumeClaimGC")
    retry_strategy: RetryStrategy | None = None
    pod_metadata: Metadata | None = None
    template_defaults: Template | None = None
    archive_logs: bool | None = None
    hooks: Mapping[str, LifecycleHook] = field(default_factory=dict)
    workflow_metadata: WorkflowMetadata | None = None
    artifact_gc: WorkflowLevelArtifactGC | None = field(default=None, name="artifactGC")
    executor_plugins: tuple[ExecutorPlugin, ...] = ()
    pod_resources: JsonObject | None = None
    resource_claims: tuple[JsonObject, ...] = ()
