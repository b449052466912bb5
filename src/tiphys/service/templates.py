"""WorkflowTemplates and ClusterWorkflowTemplates of a store, and `apply` for everything.

Source: Argo server/workflowtemplate, server/clusterworkflowtemplate; reference/cli.md 12.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from tiphys.compile.references import template_store
from tiphys.compile.validate import validate_template
from tiphys.compile.validate_context import Options
from tiphys.compile.validate_metadata import validate_metadata
from tiphys.errors import Conflict, Finding, InvalidDocument, NotFound
from tiphys.model.base import API_VERSION, JsonObject
from tiphys.model.codec import Document, convert, encode
from tiphys.model.workflow import ClusterWorkflowTemplate, WorkflowTemplate
from tiphys.ports import ObjectRef, Objects
from tiphys.service.documents import placed
from tiphys.service.stored import apply, stored_documents, stored_template

AnyTemplate: TypeAlias = WorkflowTemplate | ClusterWorkflowTemplate
Verb: TypeAlias = Literal["created", "configured", "unchanged"]


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of one scope: of a namespace, or of the whole store."""

    objects: Objects
    is_cluster: bool

    @property
    def kind(self) -> str:
        """The kind of its documents."""
        return "ClusterWorkflowTemplate" if self.is_cluster else "WorkflowTemplate"

    async def get(self, namespace: str, name: str) -> AnyTemplate:
        """Return a template. Raises NotFound."""
        return await stored_template(self.objects, namespace, name, self.is_cluster)

    async def list(self, namespace: str | None) -> Sequence[AnyTemplate]:
        """Return all templates, by namespace and name."""
        place = None if self.is_cluster else namespace
        found = await self.objects.list(API_VERSION, self.kind, place)
        made = [_decoded(item) for item in found]
        return sorted(made, key=lambda item: (item.metadata.namespace, item.metadata.name))

    async def create(
        self, template: AnyTemplate, namespace: str, beside: Sequence[object], origin: Document
    ) -> AnyTemplate:
        """Check a template and keep it. Raises InvalidDocument and Conflict.

        `beside` are documents of the same files, which it may refer to.
        """
        template = await checked(self.objects, template, namespace, beside, origin)
        return convert(await self.objects.create(encode(template)), type(template))

    async def update(
        self, template: AnyTemplate, namespace: str, beside: Sequence[object], origin: Document
    ) -> AnyTemplate:
        """Put a checked template in the place of the stored one.

        Raises InvalidDocument and NotFound.
        """
        template = await checked(self.objects, template, namespace, beside, origin)
        await self.get(template.metadata.namespace, template.metadata.name)
        metadata = msgspec.structs.replace(template.metadata, resource_version="", uid="")
        plain = encode(msgspec.structs.replace(template, metadata=metadata))
        return convert(await self.objects.replace(plain), type(template))

    async def delete(self, namespace: str, name: str) -> None:
        """Remove a template. Raises NotFound."""
        await self.get(namespace, name)
        place = "" if self.is_cluster else namespace
        await self.objects.delete(ObjectRef(API_VERSION, self.kind, place, name))


def _decoded(document: JsonObject) -> AnyTemplate:
    if document.get("kind") == "ClusterWorkflowTemplate":
        return convert(document, ClusterWorkflowTemplate)
    return convert(document, WorkflowTemplate)


async def checked(
    objects: Objects,
    template: AnyTemplate,
    namespace: str,
    beside: Sequence[object],
    origin: Document,
) -> AnyTemplate:
    """Return a template in its namespace. Raises InvalidDocument with what is wrong with it."""
    own = template.metadata.namespace or namespace
    place = "" if isinstance(template, ClusterWorkflowTemplate) else own
    metadata = msgspec.structs.replace(template.metadata, namespace=place)
    template = msgspec.structs.replace(template, metadata=metadata)
    stored = await stored_documents(objects, own)
    found: list[Finding] = validate_metadata(metadata, origin)
    options = Options(namespace=own, sources={"": origin})
    found += validate_template(template, template_store([*stored, *beside]), options)
    if found:
        raise InvalidDocument(placed(found, origin))
    return template


async def applied(
    objects: Objects, namespace: str, document: JsonObject
) -> tuple[JsonObject, Verb]:
    """Create an object or bring the one of its name up to date; tell which."""
    metadata = document.get("metadata")
    own = metadata if isinstance(metadata, dict) else {}
    ref = ObjectRef.of({**document, "metadata": {"namespace": namespace, **own}})
    while True:
        try:
            before = await objects.get(ref)
        except NotFound:
            return await apply(objects, namespace, document), "created"
        try:
            after = await apply(objects, namespace, document)
        except Conflict:  # somebody, such as the engine, wrote meanwhile
            continue
        return after, "unchanged" if after == before else "configured"
