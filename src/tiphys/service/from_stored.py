"""Submit from a stored resource: a CronWorkflow or a template.

Source: reference/rest-api.md 6.6.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from tiphys.compile.triggers.children import SCHEDULED_TIME
from tiphys.errors import UserError
from tiphys.model.times import normal_time
from tiphys.model.workflow import Workflow
from tiphys.service.cron import CronWorkflows
from tiphys.service.stored import stored_template
from tiphys.service.submit import from_template

_CRON: Final = ("CronWorkflow", "cronworkflow", "cronworkflows", "cronwf")
_TEMPLATE: Final = ("WorkflowTemplate", "workflowtemplate", "workflowtemplates", "wftmpl")
_CLUSTER: Final = (
    "ClusterWorkflowTemplate",
    "clusterworkflowtemplate",
    "clusterworkflowtemplates",
    "cwftmpl",
)


async def from_stored(
    crons: CronWorkflows, namespace: str, identifier: str, now: float
) -> Workflow:
    """Return the workflow that `kind/name` stands for. Raises UserError and NotFound."""
    kind, slash, name = identifier.partition("/")
    if not slash or not kind or not name or "/" in name:
        raise UserError(
            f"resource identifier '{identifier}' is malformed. Should be `kind/name`, e.g. "
            "cronwf/hello-world-cwf"
        )
    if kind in _CRON:
        return await crons.manual(namespace, name, now)
    if kind not in (*_TEMPLATE, *_CLUSTER):
        raise UserError(f"Resource kind '{kind}' is not supported for submitting")
    template = await stored_template(crons.objects, namespace, name, kind in _CLUSTER)
    return from_template(template)


def check_time(time: str) -> None:
    """Raise UserError for what is no due time."""
    if normal_time(time) is None:
        raise UserError(
            "scheduled-time contains invalid time.RFC3339 format. (e.g.: "
            "`2006-01-02T15:04:05-07:00`)"
        )


def scheduled(workflow: Workflow, time: str) -> Workflow:
    """Return a workflow that takes itself for one of a due time. Raises UserError."""
    check_time(time)
    metadata = workflow.metadata
    annotations = {**metadata.annotations, SCHEDULED_TIME: time}
    return replace(workflow, metadata=replace(metadata, annotations=annotations))
