"""The Workflow that a CronWorkflow makes.

Source: Argo workflow/common/convert.go, ConvertCronWorkflowToWorkflowWithProperties;
reference/engine-operations.md 11.1.4.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from tiphys.model.cron import CronWorkflow
from tiphys.model.meta import ObjectMeta, OwnerReference
from tiphys.model.times import time_text
from tiphys.model.workflow import Workflow

CRON_LABEL: Final = "workflows.argoproj.io/cron-workflow"
SCHEDULED_TIME: Final = "workflows.argoproj.io/scheduled-time"
_INSTANCE: Final = "workflows.argoproj.io/controller-instanceid"
_CREATORS: Final = (
    "workflows.argoproj.io/creator",
    "workflows.argoproj.io/creator-email",
    "workflows.argoproj.io/creator-preferred-username",
)


def child_name(cron: str, at: int) -> str:
    """Return the name of the Workflow of a due time."""
    return f"{cron}-{at}"


def scheduled_child(cron: CronWorkflow, at: int) -> Workflow:
    """Return the Workflow of a due time."""
    made = _child(cron, at, (*_CREATORS, _INSTANCE))
    name = child_name(cron.metadata.name, at)
    return replace(made, metadata=replace(made.metadata, name=name))


def manual_child(cron: CronWorkflow, now: float) -> Workflow:
    """Return the Workflow that a person makes of a CronWorkflow; policies are not asked."""
    made = _child(cron, now, (_INSTANCE,))
    prefix = f"{cron.metadata.name}-"
    return replace(made, metadata=replace(made.metadata, generate_name=prefix))


def _child(cron: CronWorkflow, at: float, copied: tuple[str, ...]) -> Workflow:
    own, given = cron.metadata, cron.spec.workflow_metadata or ObjectMeta()
    labels = {name: own.labels[name] for name in copied if name in own.labels}
    return Workflow(
        metadata=ObjectMeta(
            namespace=own.namespace,
            labels={CRON_LABEL: own.name, **labels, **given.labels},
            annotations={SCHEDULED_TIME: time_text(at), **given.annotations},
            finalizers=given.finalizers,
            owner_references=(owner_of(cron),),
        ),
        spec=cron.spec.workflow_spec,
    )


def owner_of(cron: CronWorkflow) -> OwnerReference:
    """Return the reference by which a child names its CronWorkflow."""
    return OwnerReference(
        api_version=cron.api_version,
        kind=cron.kind,
        name=cron.metadata.name,
        uid=cron.metadata.uid,
        controller=True,
        block_owner_deletion=True,
    )


def cron_of(workflow: Workflow) -> str:
    """Return the uid of the CronWorkflow that made a workflow, "" if none did."""
    owners = workflow.metadata.owner_references
    return next((owner.uid for owner in owners if owner.kind == "CronWorkflow"), "")


def is_child(metadata: ObjectMeta, uid: str) -> bool:
    """Tell whether a Workflow with this metadata belongs to the CronWorkflow of a uid."""
    owners = (owner.uid for owner in metadata.owner_references if owner.controller)
    return CRON_LABEL in metadata.labels and next(owners, "") == uid
