"""Kinds the engine and its helpers in a cluster exchange.

Source: reference/resources.md 5.12-5.13.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import field

from tiphys.model.arguments import Outputs
from tiphys.model.artifacts import Artifact, ArtifactLocation
from tiphys.model.base import API_VERSION, Model, always
from tiphys.model.meta import ObjectMeta
from tiphys.model.phases import NodePhase
from tiphys.model.templates import Template


class NodeResult(Model, frozen=True, kw_only=True):
    """What the agent or executor reports of one node."""

    phase: NodePhase = always("Pending")
    message: str = ""
    outputs: Outputs | None = None
    progress: str = ""


class WorkflowTaskSetSpec(Model, frozen=True, kw_only=True):
    """Pending work of the agent, by node id."""

    tasks: Mapping[str, Template] = field(default_factory=dict)


class WorkflowTaskSetStatus(Model, frozen=True, kw_only=True):
    """Results of the agent, by node id."""

    nodes: Mapping[str, NodeResult] = field(default_factory=dict)


class WorkflowTaskSet(Model, frozen=True, kw_only=True):
    """The agent's work list for one workflow."""

    api_version: str = always(API_VERSION)
    kind: str = always("WorkflowTaskSet")
    metadata: ObjectMeta = always(ObjectMeta())
    spec: WorkflowTaskSetSpec = always(WorkflowTaskSetSpec())
    status: WorkflowTaskSetStatus = always(WorkflowTaskSetStatus())


class WorkflowTaskResult(NodeResult, frozen=True, kw_only=True):
    """The executor's report of one node."""

    api_version: str = always(API_VERSION)
    kind: str = always("WorkflowTaskResult")
    metadata: ObjectMeta = always(ObjectMeta())


class ArtifactNodeSpec(Model, frozen=True, kw_only=True):
    """The artifacts of one node to delete."""

    archive_location: ArtifactLocation | None = None
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)


class ArtifactGCSpec(Model, frozen=True, kw_only=True):
    """The artifacts to delete, by node id."""

    artifacts_by_node: Mapping[str, ArtifactNodeSpec] = field(default_factory=dict)


class ArtifactResult(Model, frozen=True, kw_only=True):
    """Whether one artifact was deleted."""

    name: str = ""
    success: bool | None = None
    error: str = ""


class ArtifactResultNodeStatus(Model, frozen=True, kw_only=True):
    """Deletion results of one node, by artifact name."""

    artifact_results: Mapping[str, ArtifactResult] = field(default_factory=dict)


class ArtifactGCStatus(Model, frozen=True, kw_only=True):
    """Deletion results, by node id."""

    artifact_results_by_node: Mapping[str, ArtifactResultNodeStatus] = field(default_factory=dict)


class WorkflowArtifactGCTask(Model, frozen=True, kw_only=True):
    """Deletion work for one garbage-collection pod."""

    api_version: str = always(API_VERSION)
    kind: str = always("WorkflowArtifactGCTask")
    metadata: ObjectMeta = always(ObjectMeta())
    spec: ArtifactGCSpec = always(ArtifactGCSpec())
    status: ArtifactGCStatus = always(ArtifactGCStatus())
