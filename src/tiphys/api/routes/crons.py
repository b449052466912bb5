"""CronWorkflows. Source: reference/rest-api.md 10."""

from __future__ import annotations

from msgspec.structs import replace

from tiphys.api import documents
from tiphys.api.call import Call
from tiphys.api.routes.asking import DELETE, GET, LIST, chosen_by, person_of
from tiphys.api.routing import Answer, Routes, Says, all_of, needs
from tiphys.errors import Finding, InvalidDocument, NotFound, UserError
from tiphys.model.base import JsonObject
from tiphys.model.codec import encode
from tiphys.model.cron import CronWorkflow
from tiphys.service.actors import acted, creator_labels
from tiphys.service.create import forged_removed

BASE = "/api/v1/cron-workflows/{namespace}"
_ONE = f"{BASE}/{{name}}"


def register(routes: Routes) -> None:
    """Add the endpoints."""
    kind, resource = "CronWorkflow", "cronworkflows"
    body = (f"cronWorkflow:{kind}", "createOptions:object")
    read, update = needs("get", resource), needs("update", resource)
    says = Says("List CronWorkflows.", query=LIST, answer=f"{kind}List")
    routes.add("GET", BASE, needs("list", resource), list_crons, says)
    says = Says("Keep a CronWorkflow.", body=body, answer=kind)
    routes.add("POST", BASE, needs("create", resource), create_cron, says)
    says = Says("Check a CronWorkflow.", body=body[:1], answer=kind)
    routes.add("POST", f"{BASE}/lint", needs("create", resource), lint_cron, says)
    says = Says("Read a CronWorkflow.", query=GET, answer=kind)
    routes.add("GET", _ONE, read, get_cron, says)
    says = Says("Change a CronWorkflow.", body=body[:1], answer=kind)
    routes.add("PUT", _ONE, all_of(read, update), update_cron, says)
    says = Says("Delete a CronWorkflow.", query=DELETE)
    routes.add("DELETE", _ONE, needs("delete", resource), delete_cron, says)
    for verb, handler in (("suspend", suspend_cron), ("resume", resume_cron)):
        says = Says(f"{verb.capitalize()} a CronWorkflow.", answer=kind)
        routes.add("PUT", f"{_ONE}/{verb}", all_of(read, update), handler, says)


def _shown(cron: CronWorkflow) -> JsonObject:
    return documents.on_the_wire(encode(cron))


async def list_crons(call: Call) -> Answer:
    """Return all CronWorkflows, or those that selectors match."""
    is_wanted = chosen_by(call)
    found = [encode(cron) for cron in await call.services.crons.list(call.namespace or None)]
    return documents.listing([*filter(is_wanted, found)])


def _given(call: Call, missing: Exception) -> CronWorkflow:
    cron = call.body.struct("cronWorkflow", CronWorkflow, missing)
    metadata = cron.metadata
    if not call.namespace:
        raise UserError("an empty namespace may not be set during creation")
    if metadata.namespace not in {"", call.namespace}:
        raise UserError(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    return replace(cron, metadata=replace(metadata, namespace=call.namespace))


async def create_cron(call: Call) -> Answer:
    """Keep a CronWorkflow."""
    missing = NotFound("cron workflow was not found in the request body")
    cron = _given(call, missing)
    metadata = cron.metadata
    labels = forged_removed(metadata.labels) | creator_labels(person_of(call.principal))
    fresh = replace(metadata, labels=labels, uid="", resource_version="")
    ready = replace(cron, metadata=fresh, status=CronWorkflow().status)
    return _shown(await call.services.crons.create(ready, call.namespace, (), None))


async def lint_cron(call: Call) -> Answer:
    """Return a CronWorkflow if nothing is wrong with it."""
    missing = InvalidDocument([Finding("cron workflow was not found in the request body")])
    cron = _given(call, missing)
    await call.services.crons.check(cron, (), None)
    return _shown(cron)


async def get_cron(call: Call) -> Answer:
    """Return a CronWorkflow."""
    return _shown(await call.services.crons.get(call.namespace, call.name))


async def update_cron(call: Call) -> Answer:
    """Put a CronWorkflow in the place of the stored one."""
    cron = _given(call, InvalidDocument([Finding("CronWorkflow is not found in Request body")]))
    metadata = cron.metadata
    if not metadata.resource_version:
        raise UserError(
            f'cronworkflows.argoproj.io "{metadata.name}" is invalid: metadata.resourceVersion: '
            "Invalid value: 0: must be specified for an update"
        )
    labels = acted(metadata.labels, person_of(call.principal), "Update")
    ready = replace(cron, metadata=replace(metadata, labels=labels))
    return _shown(await call.services.crons.update(ready, call.namespace, (), None))


async def delete_cron(call: Call) -> Answer:
    """Remove a CronWorkflow."""
    await call.services.crons.delete(call.namespace, call.name)
    return {}


async def suspend_cron(call: Call) -> Answer:
    """Let a CronWorkflow make no more workflows."""
    return _shown(await call.services.crons.suspend(call.namespace, call.name, True))


async def resume_cron(call: Call) -> Answer:
    """Let a CronWorkflow make workflows again."""
    return _shown(await call.services.crons.suspend(call.namespace, call.name, False))
