"""WorkflowTemplates and ClusterWorkflowTemplates: kept, checked, changed.

The command line and the server come here; who asks, and from which file, is in `Given`.
Source: reference/rest-api.md 10, cli.md 12; argo server/workflowtemplate,
server/clusterworkflowtemplate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from msgspec.structs import replace

from tiphys.compile.references import template_store
from tiphys.compile.validate import validate_template
from tiphys.compile.validate_context import Options
from tiphys.compile.validate_metadata import validate_metadata
from tiphys.errors import Finding, InvalidDocument, UserError
from tiphys.model.base import API_VERSION, JsonObject
from tiphys.model.codec import Document, convert, encode
from tiphys.model.workflow import ClusterWorkflowTemplate, WorkflowTemplate
from tiphys.ports import ObjectRef, Objects
from tiphys.service import documents
from tiphys.service.actors import Person, acted, creator_labels
from tiphys.service.chosen import chosen
from tiphys.service.create import forged_removed
from tiphys.service.metadata import name_of, namespace_of, version_of
from tiphys.service.selection import checked_limit, token_number
from tiphys.service.stored import find_template, stored_documents

Template: TypeAlias = WorkflowTemplate | ClusterWorkflowTemplate
Kind: TypeAlias = Literal["WorkflowTemplate", "ClusterWorkflowTemplate"]


@dataclass(frozen=True, slots=True)
class Given:
    """How a template comes in: for which namespace, and by whom.

    `beside` are documents of the same files, which it may refer to; `origin` is its own text.
    """

    namespace: str
    by: Person | None = None
    beside: Sequence[object] = ()
    origin: Document | None = None


@dataclass(frozen=True, slots=True)
class TemplatesAsked:
    """Which templates are wanted: a part of the name, selectors, at most `limit` after `token`."""

    namespace: str = ""
    pattern: str = ""
    labels: str = ""
    fields: str = ""
    limit: int = 0
    token: str = ""


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of a store."""

    objects: Objects

    async def list(self, kind: Kind, namespace: str | None) -> Sequence[JsonObject]:
        """Return the templates of a namespace (None: of all), by namespace and name."""
        place = namespace if kind == "WorkflowTemplate" else None
        found = [_in_full(item) for item in await self.objects.list(API_VERSION, kind, place)]
        return sorted(found, key=lambda item: (namespace_of(item), name_of(item)))

    async def page(
        self, kind: Kind, asked: TemplatesAsked
    ) -> tuple[Sequence[JsonObject], JsonObject]:
        """Return a page of templates, and the metadata of the list. Raises UserError.

        Without a limit they are sorted by name; pages are cut by version, so that nothing is lost.
        """
        is_wanted = chosen(asked.labels, asked.fields)
        found = [
            item
            for item in await self.list(kind, asked.namespace or None)
            if asked.pattern in name_of(item) and is_wanted(item)
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
        return _in_full(await find_template(self.objects, _reference(kind, namespace, name)))

    async def create(self, template: Template, given: Given) -> JsonObject:
        """Check a template and keep it. Raises InvalidDocument, Conflict, UserError."""
        metadata = template.metadata
        labels = forged_removed(metadata.labels) | creator_labels(given.by)
        fresh = replace(metadata, labels=labels, uid="", resource_version="")
        ready = await self.checked(replace(template, metadata=fresh), given)
        return await self.objects.create(encode(ready))

    async def update(self, template: Template, given: Given) -> JsonObject:
        """Put a checked template in the place of the version of it that its metadata names.

        Raises InvalidDocument, NotFound, Conflict, UserError.
        """
        metadata = template.metadata
        if not metadata.resource_version:
            raise UserError(
                f'{template.kind.lower()}s.argoproj.io "{metadata.name}" is invalid: '
                "metadata.resourceVersion: Invalid value: 0: must be specified for an update"
            )
        labels = acted(metadata.labels, given.by, "Update")
        ready = replace(template, metadata=replace(metadata, labels=labels))
        return await self.objects.replace(encode(await self.checked(ready, given)))

    async def renew(self, template: Template, given: Given) -> JsonObject:
        """Put a checked template in the place of whatever version there is now.

        Raises InvalidDocument, NotFound, Conflict, UserError.
        """
        metadata = template.metadata
        is_cluster = isinstance(template, ClusterWorkflowTemplate)
        kind: Kind = "ClusterWorkflowTemplate" if is_cluster else "WorkflowTemplate"
        present = await self.get(kind, given.namespace, metadata.name)
        fresh = replace(metadata, resource_version=str(version_of(present)), uid="")
        return await self.update(replace(template, metadata=fresh), given)

    async def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Remove a template. Raises NotFound."""
        await self.get(kind, namespace, name)
        await self.objects.delete(_reference(kind, namespace, name))

    async def checked(self, template: Template, given: Given) -> Template:
        """Return a template in its namespace.

        Raises InvalidDocument with everything that is wrong with it, and UserError.
        """
        ready = _placed(template, given.namespace)
        origin, namespace = given.origin, given.namespace
        stored = await stored_documents(self.objects, namespace)
        sources = {} if origin is None else {"": origin}
        found: list[Finding] = [*validate_metadata(ready.metadata, origin)]
        known = template_store([*stored, *given.beside, ready])
        found += validate_template(ready, known, Options(namespace=namespace, sources=sources))
        if found:
            raise InvalidDocument(documents.placed(found, origin) if origin is not None else found)
        return ready


def decoded(value: JsonObject, kind: Kind) -> Template:
    """Return a document as the struct of its kind. Raises InvalidDocument."""
    if kind == "WorkflowTemplate":
        return convert(value, WorkflowTemplate)
    return convert(value, ClusterWorkflowTemplate)


def _in_full(document: JsonObject) -> JsonObject:
    """Return a stored document with the fields that Argo always writes.

    One that a job has stored and that cannot be read stays as it is.
    """
    is_cluster = document.get("kind") == "ClusterWorkflowTemplate"
    try:
        kind: Kind = "ClusterWorkflowTemplate" if is_cluster else "WorkflowTemplate"
        return encode(decoded(document, kind))
    except InvalidDocument:
        return document


def _placed(template: Template, namespace: str) -> Template:
    """Return a template in a namespace. Raises UserError if it says another one."""
    if isinstance(template, ClusterWorkflowTemplate):
        return replace(template, metadata=replace(template.metadata, namespace=""))
    if not namespace:
        raise UserError("an empty namespace may not be set during creation")
    if template.metadata.namespace not in {"", namespace}:
        raise UserError(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    return replace(template, metadata=replace(template.metadata, namespace=namespace))


def _reference(kind: Kind, namespace: str, name: str) -> ObjectRef:
    return ObjectRef(API_VERSION, kind, namespace if kind == "WorkflowTemplate" else "", name)
