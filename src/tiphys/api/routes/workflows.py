"""Workflows: created, read, listed, deleted. Source: reference/rest-api.md 6."""

from __future__ import annotations

from collections.abc import Sequence

from tiphys.api import documents
from tiphys.api.call import Call
from tiphys.api.fields import parse_fields
from tiphys.api.guard import require
from tiphys.api.routes.asking import DELETE, GET, LIST, asked_of, dry_run, person_of
from tiphys.api.routing import Answer, Routes, Says, all_of, needs
from tiphys.errors import UserError
from tiphys.model.base import JsonObject
from tiphys.model.workflow import Workflow
from tiphys.ports import RunRow
from tiphys.service.create import Creation
from tiphys.service.selection import selection
from tiphys.service.submit import Overrides

BASE = "/api/v1/workflows/{namespace}"
_NO_LIST = (
    'Permission denied, you are not allowed to list workflows in namespace "{namespace}". Maybe '
    "you want to specify a namespace with query parameter `.namespace={namespace}`?"
)


def register(routes: Routes) -> None:
    """Add the endpoints."""
    read = needs("get", "workflows")
    create = needs("create", "workflows")
    routes.add(
        "GET",
        BASE,
        needs("list", "workflows", list_place, _NO_LIST),
        list_workflows,
        Says(
            "List workflows, live and archived.",
            query=(*LIST, "fields", "nameFilter", "createdAfter", "finishedBefore"),
            answer="WorkflowList",
        ),
    )
    routes.add(
        "POST",
        BASE,
        create,
        create_workflow,
        Says(
            "Run a workflow.",
            body=("workflow:Workflow", "serverDryRun:boolean", "createOptions:object"),
            answer="Workflow",
        ),
    )
    routes.add(
        "POST",
        f"{BASE}/lint",
        create,
        lint_workflow,
        Says("Check a workflow.", body=("workflow:Workflow",), answer="Workflow"),
    )
    routes.add(
        "GET",
        f"{BASE}/{{name}}",
        read,
        get_workflow,
        Says("Read a workflow.", query=(*GET, "fields", "uid"), answer="Workflow"),
    )
    routes.add(
        "DELETE",
        f"{BASE}/{{name}}",
        all_of(read, needs("delete", "workflows")),
        delete_workflow,
        Says("Delete a workflow.", query=(*DELETE, "force")),
    )


async def list_place(call: Call) -> str:
    """Return the namespace a list is of, "" for all. Raises UserError."""
    found = selection(asked_of(call, call.namespace)).filter.namespace
    return found or ""


async def list_workflows(call: Call) -> Answer:
    """Return a page of workflows."""
    wanted = selection(asked_of(call, call.namespace))
    text = call.query.text("fields")
    fields = parse_fields(text)
    nodes = fields is None or fields.wants("items.status.nodes")
    page = await call.services.workflows.page(wanted, nodes)
    return documents.workflow_list(page.items, page.metadata, text)


async def create_workflow(call: Call) -> Answer:
    """Run a workflow and return it."""
    workflow = call.body.struct("workflow", Workflow, UserError("workflow body not specified"))
    return await created(call, await call.services.creator.create(workflow, creation(call)))


def creation(
    call: Call, namespace: str = "", parameters: Sequence[tuple[str, str]] = ()
) -> Creation:
    """Return how the caller creates workflows, in the namespace of the path if none is given."""
    overrides = Overrides(parameters=parameters)
    place = namespace or call.namespace
    return Creation(place, person_of(call.principal), dry_run(call), overrides)


async def created(call: Call, made: RunRow | JsonObject) -> Answer:
    """Return a workflow that was created, or would have been."""
    return await shown(call, made) if isinstance(made, RunRow) else documents.workflow(made)


async def shown(call: Call, row: RunRow) -> Answer:
    """Return a workflow as it is now."""
    item = await call.services.catalogue.listed(row.run)
    return documents.workflow(await call.services.workflows.document(item, nodes=True))


async def lint_workflow(call: Call) -> Answer:
    """Return a workflow if nothing is wrong with it."""
    workflow = call.body.struct("workflow", Workflow, UserError("unable to get a workflow"))
    return documents.workflow(await call.services.creator.lint(workflow, creation(call)))


async def get_workflow(call: Call) -> Answer:
    """Return a workflow, live or archived."""
    fields = parse_fields(call.query.text("fields"))
    nodes = fields is None or fields.wants("status.nodes")
    found = await call.services.workflows.get(
        call.namespace, call.name, call.query.text("uid"), nodes
    )
    return documents.workflow(found, fields)


async def delete_workflow(call: Call) -> Answer:
    """Delete a live workflow."""
    row = await call.services.workflows.row(call.namespace, call.name)
    await require(call, "delete", "workflows", row.namespace)
    await call.services.forget(row, call.query.flag("force"))
    return {}
