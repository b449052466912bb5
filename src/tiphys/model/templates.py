"""Template, every kind of template, steps, tasks and hooks.

`template_type` tells a template's kind; nothing else here decides anything.
Source: reference/resources.md 5.2 and 5.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import field

from tiphys.model.arguments import Arguments, Inputs, Outputs
from tiphys.model.artifacts import Artifact, ArtifactLocation
from tiphys.model.base import Int64, IntOrString, Json, JsonObject, Model, always
from tiphys.model.containers import Container
from tiphys.model.meta import Metadata, SecretKeySelector
from tiphys.model.phases import TemplateType
from tiphys.model.policies import ExecutorConfig, Memoize, Metrics, RetryStrategy, Synchronization


class UserContainer(Container, frozen=True, kw_only=True):
    """An init container or sidecar of the user's."""

    mirror_volume_mounts: bool | None = None


class ScriptTemplate(Container, frozen=True, kw_only=True):
    """A container that runs `source`, handed over as a file."""

    source: str = always("")


class ContainerNode(Container, frozen=True, kw_only=True):
    """One container of a container set."""

    dependencies: tuple[str, ...] = ()


class ContainerSetRetryStrategy(Model, frozen=True, kw_only=True):
    """The retry inside a pod of each container of a set."""

    duration: str = ""
    retries: IntOrString | None = None


class ContainerSetTemplate(Model, frozen=True, kw_only=True):
    """Several containers in one pod, started in dependency order."""

    containers: tuple[ContainerNode, ...] = always(())
    volume_mounts: tuple[JsonObject, ...] = ()
    retry_strategy: ContainerSetRetryStrategy | None = None


class ManifestFrom(Model, frozen=True, kw_only=True):
    """A manifest read from an input artifact."""

    artifact: Artifact = always(Artifact())


class ResourceTemplate(Model, frozen=True, kw_only=True):
    """A change to an object of the cluster."""

    action: str = always("")
    merge_strategy: str = ""
    manifest: str = ""
    manifest_from: ManifestFrom | None = None
    set_owner_reference: bool | None = None
    success_condition: str = ""
    failure_condition: str = ""
    flags: tuple[str, ...] = ()


class HTTPHeaderSource(Model, frozen=True, kw_only=True):
    """A header's value from a Secret."""

    secret_key_ref: SecretKeySelector | None = None


class HTTPHeader(Model, frozen=True, kw_only=True):
    """One header of an HTTP template."""

    name: str = always("")
    value: str = ""
    value_from: HTTPHeaderSource | None = None


class HTTPBodySource(Model, frozen=True, kw_only=True):
    """A binary body, base64 in JSON."""

    bytes: str = ""


class HTTP(Model, frozen=True, kw_only=True):
    """A request the engine's agent makes."""

    method: str = ""
    url: str = always("")
    headers: tuple[HTTPHeader, ...] = ()
    timeout_seconds: Int64 | None = None
    success_condition: str = ""
    body: str = ""
    body_from: HTTPBodySource | None = None
    insecure_skip_verify: bool | None = None


class ArtifactPaths(Artifact, frozen=True, kw_only=True):
    """An artifact location whose keys are listed."""


class DataSource(Model, frozen=True, kw_only=True):
    """Where a data template's list comes from."""

    artifact_paths: ArtifactPaths | None = None


class TransformationStep(Model, frozen=True, kw_only=True):
    """One expression over `data`."""

    expression: str = always("")


class Data(Model, frozen=True, kw_only=True):
    """A list of keys, transformed."""

    source: DataSource = always(DataSource())
    transformation: tuple[TransformationStep, ...] = always(())


class SuspendTemplate(Model, frozen=True, kw_only=True):
    """A wait for a person, or for `duration`."""

    duration: str = ""


class TemplateRef(Model, frozen=True, kw_only=True):
    """A template of another resource."""

    name: str = ""
    template: str = ""
    cluster_scope: bool | None = None


class LifecycleHook(Model, frozen=True, kw_only=True):
    """A template run beside or after a node; only `exit` may lack an expression."""

    template: str = ""
    arguments: Arguments = always(Arguments())
    template_ref: TemplateRef | None = None
    expression: str = ""


class ContinueOn(Model, frozen=True, kw_only=True):
    """Which outcomes do not stop the caller."""

    error: bool | None = None
    failed: bool | None = None


class Sequence(Model, frozen=True, kw_only=True):
    """A numeric loop; all numbers may be templated text."""

    count: IntOrString | None = None
    start: IntOrString | None = None
    end: IntOrString | None = None
    format: str = ""


class WorkflowStep(Model, frozen=True, kw_only=True):
    """One item of a steps template."""

    name: str = ""
    template: str = ""
    inline: Template | None = None
    arguments: Arguments = always(Arguments())
    template_ref: TemplateRef | None = None
    with_items: tuple[Json, ...] = ()
    with_param: str = ""
    with_sequence: Sequence | None = None
    when: str = ""
    continue_on: ContinueOn | None = None
    on_exit: str = ""
    hooks: Mapping[str, LifecycleHook] = field(default_factory=dict)


class DAGTask(Model, frozen=True, kw_only=True):
    """One item of a dag template."""

    name: str = always("")
    template: str = ""
    inline: Template | None = None
    arguments: Arguments = always(Arguments())
    template_ref: TemplateRef | None = None
    dependencies: tuple[str, ...] = ()
    with_items: tuple[Json, ...] = ()
    with_param: str = ""
    with_sequence: Sequence | None = None
    when: str = ""
    continue_on: ContinueOn | None = None
    on_exit: str = ""
    depends: str = ""
    hooks: Mapping[str, LifecycleHook] = field(default_factory=dict)


class DAGTemplate(Model, frozen=True, kw_only=True):
    """Tasks with dependencies; failFast absent means true."""

    target: str = ""
    tasks: tuple[DAGTask, ...] = always(())
    fail_fast: bool | None = None


class Template(Model, frozen=True, kw_only=True):
    """A unit of definition: exactly one of the kinds is set."""

    name: str = ""
    inputs: Inputs = always(Inputs())
    outputs: Outputs = always(Outputs())
    node_selector: Mapping[str, str] = field(default_factory=dict)
    affinity: JsonObject | None = None
    metadata: Metadata = always(Metadata())
    daemon: bool | None = None
    steps: tuple[tuple[WorkflowStep, ...], ...] | None = None
    container: Container | None = None
    container_set: ContainerSetTemplate | None = None
    script: ScriptTemplate | None = None
    resource: ResourceTemplate | None = None
    dag: DAGTemplate | None = None
    suspend: SuspendTemplate | None = None
    data: Data | None = None
    http: HTTP | None = None
    plugin: JsonObject | None = None
    volumes: tuple[JsonObject, ...] = ()
    init_containers: tuple[UserContainer, ...] = ()
    sidecars: tuple[UserContainer, ...] = ()
    archive_location: ArtifactLocation | None = None
    active_deadline_seconds: IntOrString | None = None
    retry_strategy: RetryStrategy | None = None
    parallelism: Int64 | None = None
    fail_fast: bool | None = None
    tolerations: tuple[JsonObject, ...] = ()
    scheduler_name: str = ""
    priority_class_name: str = ""
    service_account_name: str = ""
    automount_service_account_token: bool | None = None
    executor: ExecutorConfig | None = None
    host_aliases: tuple[JsonObject, ...] = ()
    security_context: JsonObject | None = None
    pod_spec_patch: str = ""
    metrics: Metrics | None = None
    synchronization: Synchronization | None = None
    memoize: Memoize | None = None
    timeout: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    pending_timeout: str = ""
    pod_resources: JsonObject | None = None
    resource_claims: tuple[JsonObject, ...] = ()


_KINDS: Final[tuple[tuple[str, TemplateType], ...]] = (
    ("container", "Container"),
    ("container_set", "ContainerSet"),
    ("steps", "Steps"),
    ("dag", "DAG"),
    ("script", "Script"),
    ("resource", "Resource"),
    ("data", "Data"),
    ("suspend", "Suspend"),
    ("http", "HTTP"),
    ("plugin", "Plugin"),
)


def template_types(template: Template) -> tuple[TemplateType, ...]:
    """Return every kind that is set, in Argo's order of precedence; a valid template has one.

    Source: argo workflow_types.go, Template.GetType; reference/resources.md 6.5.
    """
    return tuple(kind for name, kind in _KINDS if getattr(template, name) is not None)


def template_type(template: Template) -> TemplateType:
    """Return the kind of `template`, "Unknown" when none is set."""
    found = template_types(template)
    return found[0] if found else "Unknown"


LEAF_TYPES: Final[frozenset[TemplateType]] = frozenset(
    {"Container", "ContainerSet", "Script", "Resource", "Data", "HTTP", "Plugin"}
)
"""Kinds that do work of their own."""

POD_TYPES: Final[frozenset[TemplateType]] = LEAF_TYPES - {"HTTP", "Plugin"}
"""Kinds that make a pod."""
