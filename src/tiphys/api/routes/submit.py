"""Workflows of stored templates. Source: reference/rest-api.md 6.6."""

from __future__ import annotations

from typing import Final

from tiphys.api.call import Body, Call
from tiphys.api.guard import require
from tiphys.api.routes.asking import person_of
from tiphys.api.routes.workflows import BASE, created
from tiphys.api.routing import Answer, Routes, Says, needs
from tiphys.errors import UserError
from tiphys.service.create import Creation, DryRun
from tiphys.service.submit import Overrides, parse_parameters

_RESOURCES: Final = {
    "workflowtemplate": "workflowtemplates",
    "wftmpl": "workflowtemplates",
    "clusterworkflowtemplate": "clusterworkflowtemplates",
    "cwftmpl": "clusterworkflowtemplates",
    "cronworkflow": "cronworkflows",
    "cronwf": "cronworkflows",
}


def register(routes: Routes) -> None:
    """Add the endpoint."""
    body = ("resourceKind:string", "resourceName:string", "submitOptions:object")
    says = Says("Run a stored template.", body=body, answer="Workflow")
    routes.add("POST", f"{BASE}/submit", needs("create", "workflows"), submit, says)


async def submit(call: Call) -> Answer:
    """Run a stored template or CronWorkflow; who asks must be allowed to read it."""
    body = call.body
    kind, name = body.text("resourceKind"), body.text("resourceName")
    resource = _RESOURCES.get(kind.lower().removesuffix("s"))
    if resource is None:
        raise UserError(f"Resource kind '{kind}' is not supported for submitting")
    place = "" if resource == "clusterworkflowtemplates" else call.namespace
    await require(call, "get", resource, place)
    options = body.part("submitOptions")
    how = Creation(call.namespace, person_of(call.principal), _dry_run(options), _overrides(options))
    return await created(call, await call.services.creator.submit(kind, name, how))


def _dry_run(options: Body) -> DryRun:
    if options.flag("dryRun"):
        return "client"
    return "server" if options.flag("serverDryRun") else ""


def _overrides(options: Body) -> Overrides:
    """Return what a person wants otherwise. Raises UserError."""
    return Overrides(
        name=options.text("name"),
        generate_name=options.text("generateName"),
        entrypoint=options.text("entryPoint"),
        parameters=parse_parameters(options.texts("parameters")),
        labels=_pairs(options.text("labels")),
        service_account=options.text("serviceAccount"),
        priority=options.number("priority"),
    )


def _pairs(text: str) -> list[tuple[str, str]]:
    found = []
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not equals:
            raise UserError(
                f"expected labels of the form: NAME1=VALUE2,NAME2=VALUE2. Received: {text}"
            )
        found.append((name, value))
    return found
