"""WorkflowTemplates and ClusterWorkflowTemplates. Source: reference/rest-api.md 10."""

from __future__ import annotations

from dataclasses import dataclass

from tiphys.api import documents
from tiphys.api.call import Call
from tiphys.api.routes.asking import DELETE, GET, LIST, person_of
from tiphys.api.routing import (
    Answer,
    Place,
    Policy,
    Routes,
    Says,
    all_of,
    everywhere,
    in_path,
    needs,
)
from tiphys.errors import Finding, InvalidDocument
from tiphys.model.base import JsonObject
from tiphys.model.codec import encode
from tiphys.service.templates import Given, Kind, Template, TemplatesAsked, decoded


def register(routes: Routes) -> None:
    """Add the endpoints."""
    base = "/api/v1/workflow-templates/{namespace}"
    _Kind("WorkflowTemplate", "workflowtemplates", in_path).register(routes, base)
    base = "/api/v1/cluster-workflow-templates"
    _Kind("ClusterWorkflowTemplate", "clusterworkflowtemplates", everywhere).register(routes, base)


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the two kinds; they have the same endpoints."""

    kind: Kind
    resource: str
    where: Place

    def needs(self, verb: str, refusal: str = "") -> Policy:
        return needs(verb, self.resource, self.where, refusal)

    def register(self, routes: Routes, base: str) -> None:
        """Add the endpoints of a kind."""
        kind = self.kind
        body = (f"template:{kind}", "createOptions:object")
        read = self.needs("get", "permission denied")
        lists = Says(f"List {kind}s.", query=(*LIST, "namePattern"), answer=f"{kind}List")
        routes.add("GET", base, self.needs("list"), self.list, lists)
        says = Says(f"Keep a {kind}.", body=body, answer=kind)
        routes.add("POST", base, self.needs("create"), self.create, says)
        says = Says(f"Check a {kind}.", body=body, answer=kind)
        routes.add("POST", f"{base}/lint", self.needs("create"), self.lint, says)
        one = f"{base}/{{name}}"
        says = Says(f"Read a {kind}.", query=GET, answer=kind)
        routes.add("GET", one, read, self.get, says)
        says = Says(f"Change a {kind}.", body=(f"template:{kind}",), answer=kind)
        routes.add("PUT", one, all_of(read, self.needs("update")), self.update, says)
        says = Says(f"Delete a {kind}.", query=DELETE)
        routes.add("DELETE", one, self.needs("delete"), self.delete, says)

    async def list(self, call: Call) -> Answer:
        """Return a page of templates."""
        query = call.query
        asked = TemplatesAsked(
            call.namespace,
            query.text("namePattern"),
            query.text("listOptions.labelSelector"),
            query.text("listOptions.fieldSelector"),
            query.number("listOptions.limit"),
            query.text("listOptions.continue"),
        )
        items, metadata = await call.services.templates.page(self.kind, asked)
        return documents.listing(items, metadata)

    async def create(self, call: Call) -> Answer:
        """Keep a template."""
        template = self._given(call, "workflow template was not found in the request body")
        made = await call.services.templates.create(template, _how(call))
        return documents.on_the_wire(made)

    async def lint(self, call: Call) -> Answer:
        """Return a template if nothing is wrong with it."""
        template = self._given(call, "workflow template was not found in the request body")
        ready = await call.services.templates.checked(template, _how(call))
        return documents.on_the_wire(encode(ready))

    async def get(self, call: Call) -> Answer:
        """Return a template."""
        found = await call.services.templates.get(self.kind, call.namespace, call.name)
        return documents.on_the_wire(found)

    async def update(self, call: Call) -> Answer:
        """Put a template in the place of the stored one."""
        template = self._given(call, f"{self.kind} is not found in Request body")
        made = await call.services.templates.update(template, _how(call))
        return documents.on_the_wire(made)

    async def delete(self, call: Call) -> Answer:
        """Remove a template."""
        await call.services.templates.delete(self.kind, call.namespace, call.name)
        return {}

    def _given(self, call: Call, missing: str) -> Template:
        found = call.body.get("template")
        if not isinstance(found, dict):
            raise InvalidDocument([Finding(missing)])
        value: JsonObject = found
        return decoded(value, self.kind)


def _how(call: Call) -> Given:
    return Given(call.namespace, person_of(call.principal))
