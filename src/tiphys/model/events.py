"""WorkflowEventBinding. Source: reference/resources.md 5.11."""

from __future__ import annotations

from tiphys.model.arguments import Arguments
from tiphys.model.base import API_VERSION, Model, always
from tiphys.model.meta import ObjectMeta
from tiphys.model.spec import WorkflowTemplateRef


class Event(Model, frozen=True, kw_only=True):
    """Which events a binding answers to."""

    selector: str = always("")


class Submit(Model, frozen=True, kw_only=True):
    """The workflow a binding submits; metadata values are expressions."""

    workflow_template_ref: WorkflowTemplateRef = always(WorkflowTemplateRef())
    metadata: ObjectMeta = always(ObjectMeta())
    arguments: Arguments | None = None


class WorkflowEventBindingSpec(Model, frozen=True, kw_only=True):
    """The selector and the action of a binding."""

    event: Event = always(Event())
    submit: Submit | None = None


class WorkflowEventBinding(Model, frozen=True, kw_only=True):
    """Workflows started by events."""

    api_version: str = always(API_VERSION)
    kind: str = always("WorkflowEventBinding")
    metadata: ObjectMeta = always(ObjectMeta())
    spec: WorkflowEventBindingSpec = always(WorkflowEventBindingSpec())
