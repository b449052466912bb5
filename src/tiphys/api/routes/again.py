"""Workflows that have ended, once more. Source: reference/rest-api.md 6.8, 6.9, 9."""

from __future__ import annotations

from tiphys.api.call import Call
from tiphys.api.guard import require
from tiphys.api.routes.archive import ONE, of_item
from tiphys.api.routes.asking import person_of
from tiphys.api.routes.workflows import BASE, created, creation, shown
from tiphys.api.routing import Answer, Routes, Says, all_of, needs
from tiphys.ports_server import Listed
from tiphys.service.actors import creator_labels
from tiphys.service.again import ResubmitOptions, RetryOptions
from tiphys.service.submit import parse_parameters

_RETRY = ("restartSuccessful:boolean", "nodeFieldSelector:string", "parameters:strings")
_RESUBMIT = ("memoized:boolean", "parameters:strings")
_NAMES = ("name:string", "namespace:string")


def register(routes: Routes) -> None:
    """Add the endpoints."""
    read = needs("get", "workflows")
    says = Says("Go on from what failed.", body=_RETRY, answer="Workflow")
    policy = all_of(read, needs("update", "workflows"))
    routes.add("PUT", f"{BASE}/{{name}}/retry", policy, retry, says)
    says = Says("Run a workflow anew.", body=_RESUBMIT, answer="Workflow")
    policy = all_of(read, needs("create", "workflows"))
    routes.add("PUT", f"{BASE}/{{name}}/resubmit", policy, resubmit, says)
    policy = all_of(of_item("get"), of_item("create"))
    says = Says("Retry an archived workflow.", body=(*_NAMES, *_RETRY), answer="Workflow")
    routes.add("PUT", f"{ONE}/retry", policy, retry_archived, says)
    says = Says("Run an archived workflow anew.", body=(*_NAMES, *_RESUBMIT), answer="Workflow")
    routes.add("PUT", f"{ONE}/resubmit", policy, resubmit_archived, says)


async def retry(call: Call) -> Answer:
    """Let a workflow go on from what failed."""
    row = await call.services.workflows.row(call.namespace, call.name)
    await call.services.repeater.retry(row, _retrial(call))
    await call.services.operator.settled(row)
    return await shown(call, row)


async def resubmit(call: Call) -> Answer:
    """Run a workflow anew under another name."""
    row = await call.services.workflows.row(call.namespace, call.name)
    return await shown(call, await call.services.repeater.resubmit(row, _resubmission(call)))


def _retrial(call: Call) -> RetryOptions:
    body = call.body
    return RetryOptions(
        body.flag("restartSuccessful"),
        body.text("nodeFieldSelector"),
        parse_parameters(body.texts("parameters")),
        person_of(call.principal),
    )


def _resubmission(call: Call) -> ResubmitOptions:
    body = call.body
    return ResubmitOptions(
        body.flag("memoized"),
        parse_parameters(body.texts("parameters")),
        creator_labels(person_of(call.principal)),
    )


async def _item(call: Call) -> Listed:
    """Return the archived workflow, which the body may name. Raises NotFound, Forbidden."""
    body = call.body
    item = await call.services.archive.find(
        call.params["uid"], body.text("namespace"), body.text("name")
    )
    for verb in ("get", "create"):
        await require(call, verb, "workflows", item.row.namespace)
    return item


async def retry_archived(call: Call) -> Answer:
    """Let an archived workflow that is gone come back and go on from what failed."""
    row = await call.services.archived.retry(await _item(call), _retrial(call))
    await call.services.operator.settled(row)
    return await shown(call, row)


async def resubmit_archived(call: Call) -> Answer:
    """Run an archived workflow anew under another name."""
    item = await _item(call)
    options = _resubmission(call)
    how = creation(call, item.row.namespace, options.parameters)
    return await created(call, await call.services.archived.resubmit(item, options, how))
