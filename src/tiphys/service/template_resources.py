"""WorkflowTemplates and ClusterWorkflowTemplates: kept, checked, changed.

Source: reference/rest-api.md 10; argo server/workflowtemplate, server/clusterworkflowtemplate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace

from tiphys.compile.references import template_store
from tiphys.compile.validate import validate
from tiphys.compile.validate_context import Options
from tiphys.compile.validate_metadata import validate_metadata
from tiphys.errors import Finding, InvalidDocument, UserError
from tiphys.model.base import API_VERSION, JsonObject
from tiphys.model.codec import convert, encode
from tiphys.model.workflow import ClusterWorkflowTemplate, WorkflowTemplate
from tiphys.ports import ObjectRef, Objects
from tiphys.service.actors import Person, acted, creator_labels
from tiphys.service.create import forged_removed
from tiphys.service.selection import checked_limit, requirements, token_number
from tiphys.service.stored import stored_documents

Template = WorkflowTemplate | ClusterWorkflowTemplate
Kind = Literal["WorkflowTemplate", "ClusterWorkflowTemplate"]


@dataclass(frozen=True, slots=True)
class TemplatesAsked:
    """Which templates are wanted: a part of the name, labels, at most `limit` after `token`."""

    namespace: str = ""
    pattern: str = ""
    labels: str = ""
    limit: int = 0
    token: str = ""


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of a store."""

    objects: Objects

    async def list(self, kind: Kind, asked: TemplatesAsked) -> tuple[list[JsonObject], JsonObject]:
        """Return a page of templates, and the metadata of the list. Raises UserError.

        Without a limit they are sorted by name; pages are cut by version, so that nothing is lost.
        """
        place = asked.namespace or None if kind == "WorkflowTemplate" else None
        terms = requirements(asked.labels)
        found = [
            item
            for item in await self.objects.list(API_VERSION, kind, place)
            if asked.pattern in name_of(item) and all(t.matches(labels_of(item)) for t in terms)
        ]
        if not checked_limit(asked.limit):
            return sorted(found, key=name_of), {}
        found.sort(key=version_of, reverse=True)
        before = token_number(asked.token)
        rest = [item for item in found if not before or version_of(item) < before]
        shown = rest[: asked.limit]
        more: JsonObject = (
            {"continue": str(version_of(shown[-1]))} if len(rest) > len(shown) else {}
        )
        return shown, more

    async def get(self, kind: Kind, namespace: str, name: str) -> JsonObject:
        """Return a template. Raises NotFound."""
        return await self.objects.get(_reference(kind, namespace, name))

    async def create(self, template: Template, namespace: str, person: Person | None) -> JsonObject:
        """Check a template and keep it. Raises InvalidDocument, Conflict, UserError."""
        metadata = template.metadata
        labels = forged_removed(metadata.labels) | creator_labels(person)
        fresh = replace(metadata, labels=labels, uid="", resource_version="")
        ready = placed(replace(template, metadata=fresh), namespace)
        await self.check(ready, namespace)
        return await self.objects.create(encode(ready))

    async def update(self, template: Template, namespace: str, person: Person | None) -> JsonObject:
        """Put a checked template in the place of the stored one.

        Raises InvalidDocument, NotFound, Conflict, UserError.
        """
        metadata = template.metadata
        kind = template.kind
        if not metadata.resource_version:
            resource = (
                "workflowtemplates" if kind == "WorkflowTemplate" else "clusterworkflowtemplates"
            )
            raise UserError(
                f'{resource}.argoproj.io "{metadata.name}" is invalid: metadata.resourceVersion: '
                "Invalid value: 0: must be specified for an update"
            )
        labels = acted(metadata.labels, person, "Update")
        ready = placed(replace(template, metadata=replace(metadata, labels=labels)), namespace)
        await self.check(ready, namespace)
        return await self.objects.replace(encode(ready))

    async def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Remove a template. Raises NotFound."""
        await self.objects.delete(_reference(kind, namespace, name))

    async def check(self, template: Template, namespace: str) -> None:
        """Raise InvalidDocument with everything that is wrong with a template."""
        found: list[Finding] = [*validate_metadata(template.metadata, None)]
        documents = await self._beside(namespace, template)
        options = Options(namespace=namespace, lint=True)
        found += validate(template, template_store(documents), options)
        if found:
            raise InvalidDocument(found)

    async def _beside(self, namespace: str, template: Template) -> Sequence[object]:
        """Return what a template may refer to: what is stored, and itself as it is now."""
        mine = (template.kind, template.metadata.name)
        stored = await stored_documents(self.objects, namespace)
        others = [
            item
            for item in stored
            if not isinstance(item, Template) or (item.kind, item.metadata.name) != mine
        ]
        return [*others, template]


def placed(template: Template, namespace: str) -> Template:
    """Return a template in the namespace of the path. Raises UserError if it says another one."""
    if isinstance(template, ClusterWorkflowTemplate):
        return replace(template, metadata=replace(template.metadata, namespace=""))
    if not namespace:
        raise UserError("an empty namespace may not be set during creation")
    if template.metadata.namespace not in {"", namespace}:
        raise UserError(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    return replace(template, metadata=replace(template.metadata, namespace=namespace))


def decoded(value: JsonObject, kind: Kind) -> Template:
    """Return a document as the struct of its kind. Raises InvalidDocument."""
    if kind == "WorkflowTemplate":
        return convert(value, WorkflowTemplate)
    return convert(value, ClusterWorkflowTemplate)


def _reference(kind: Kind, namespace: str, name: str) -> ObjectRef:
    return ObjectRef(API_VERSION, kind, namespace if kind == "WorkflowTemplate" else "", name)


def name_of(document: JsonObject) -> str:
    """Return a document's name."""
    metadata = document.get("metadata")
    return str(metadata.get("name", "")) if isinstance(metadata, dict) else ""


def version_of(document: JsonObject) -> int:
    """Return the number of a document's last change."""
    metadata = document.get("metadata")
    return int(str(metadata.get("resourceVersion", 0))) if isinstance(metadata, dict) else 0


def labels_of(document: JsonObject) -> dict[str, str]:
    """Return a document's labels."""
    metadata = document.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    return {k: str(v) for k, v in labels.items()} if isinstance(labels, dict) else {}
