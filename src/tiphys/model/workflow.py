"""The kinds a user runs and the templates they refer to.

Source: reference/resources.md 5.1 and 5.9.
"""

from __future__ import annotations

from tiphys.model.base import API_VERSION, Model, always
from tiphys.model.meta import ObjectMeta
from tiphys.model.spec import WorkflowSpec
from tiphys.model.status import WorkflowStatus


class Workflow(Model, frozen=True, kw_only=True):
    """One run: what was asked and what became of it."""

    api_version: str = always(API_VERSION)
    kind: str = always("Workflow")
    metadata: ObjectMeta = always(ObjectMeta())
    spec: WorkflowSpec = always(WorkflowSpec())
    status: WorkflowStatus = always(WorkflowStatus())


class WorkflowTemplate(Model, frozen=True, kw_only=True):
    """Templates for a namespace's workflows."""

    api_version: str = always(API_VERSION)
    kind: str = always("WorkflowTemplate")
    metadata: ObjectMeta = always(ObjectMeta())
    spec: WorkflowSpec = always(WorkflowSpec())


class ClusterWorkflowTemplate(Model, frozen=True, kw_only=True):
    """Templates for every namespace."""

    api_version: str = always(API_VERSION)
    kind: str = always("ClusterWorkflowTemplate")
    metadata: ObjectMeta = always(ObjectMeta())
    spec: WorkflowSpec = always(WorkflowSpec())
