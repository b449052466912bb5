"""Workflows of stored templates. Source: reference/rest-api.md 6.6."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tiphys.api.call import Body, Call
from tiphys.api.guard import require
from tiphys.api.routes.asking import person_of
from tiphys.api.routes.workflows import BASE, created
from tiphys.api.routing import Answer, Routes, Says, needs
from tiphys.errors import UserError
from tiphys.model.codec import convert
from tiphys.model.meta import OwnerReference
from tiphys.service.artifact_keys import parse_artifacts
from tiphys.service.create import Creation, DryRun
from tiphys.service.submit import Overrides, parse_pairs, parse_parameters

_RESOURCES: Final = {
    "workflowtemplate": "workflowtemplates",
    "wftmpl": "workflowtemplates",
    "clusterworkflowtemplate": "clusterworkflowtemplates",
    "cwftmpl": "clusterworkflowtemplates",
    "cronworkflow": "cronworkflows",
    "cronwf": "cronworkflows",
}

_UPLOAD: Final = re.compile(r"uploads/[a-z0-9.-]+/[0-9a-f-]{36}/[^/\0]+")


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
    how = Creation(
        call.namespace,
        person_of(call.principal),
        _dry_run(options),
        _overrides(options, call.namespace),
    )
    return await created(call, await call.services.creator.submit(kind, name, how))


def _dry_run(options: Body) -> DryRun:
    if options.flag("dryRun"):
        return "client"
    return "server" if options.flag("serverDryRun") else ""


def _overrides(options: Body, namespace: str) -> Overrides:
    """Return what a person wants otherwise. Raises UserError."""
    owner = options.get("ownerReference")
    return Overrides(
        name=options.text("name"),
        generate_name=options.text("generateName"),
        entrypoint=options.text("entryPoint"),
        parameters=parse_parameters(options.texts("parameters")),
        labels=parse_pairs(options.text("labels")),
        annotations=parse_pairs(options.text("annotations"), "annotations"),
        artifacts=_artifacts(options.texts("artifacts"), namespace),
        service_account=options.text("serviceAccount"),
        priority=options.number("priority"),
        pod_priority_class_name=options.text("podPriorityClassName"),
        owner_reference=None if owner is None else convert(owner, OwnerReference),
    )


def _artifacts(texts: Sequence[str], namespace: str) -> list[tuple[str, str]]:
    """Return artifacts with the keys of uploads: no others, or a key could be anybody's file.

    Raises UserError.
    """
    found = parse_artifacts(texts)
    for name, key in found:
        if not _UPLOAD.fullmatch(key) or key.split("/")[1] != namespace:
            raise UserError(f"artifact {name}: {key!r} is not the key of an upload")
    return found
