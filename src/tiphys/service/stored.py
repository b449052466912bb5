"""What workflows may refer to, in the store: templates, ConfigMaps and other objects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from tiphys.errors import Conflict, NotFound
from tiphys.model.base import API_VERSION, JsonObject
from tiphys.model.codec import convert
from tiphys.model.json_patch import merge_patch
from tiphys.model.workflow import ClusterWorkflowTemplate, WorkflowTemplate
from tiphys.ports import ObjectRef, Objects

Verb: TypeAlias = Literal["created", "configured", "unchanged"]


async def keep_beside(objects: Objects, namespace: str, documents: Iterable[object]) -> None:
    """Keep the ConfigMaps, Secrets and other objects that stand beside a workflow in its files.

    One that is kept already takes on what its document says and keeps the rest, as with
    `kubectl apply`: a cache does not lose what it knows.
    """
    for document in documents:
        if isinstance(document, dict):
            await apply(objects, namespace, document)


async def apply(objects: Objects, namespace: str, document: JsonObject) -> JsonObject:
    """Create an object, or change the one of its name."""
    metadata = document.get("metadata")
    own = metadata if isinstance(metadata, dict) else {}
    placed: JsonObject = {**document, "metadata": {"namespace": namespace, **own}}
    try:
        present = await objects.get(ObjectRef.of(placed))
    except NotFound:
        return await objects.create(placed)
    merged = merge_patch(present, placed)
    return await objects.replace(merged if isinstance(merged, dict) else placed)


async def applied(
    objects: Objects, namespace: str, document: JsonObject
) -> tuple[JsonObject, Verb]:
    """Create an object or bring the one of its name up to date; tell which.

    Raises Conflict if the document names a version or uid that is not the present one.
    """
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
            if own.get("resourceVersion") or own.get("uid"):
                raise  # or the file says which version it changes, and that is another one
            continue
        return after, "unchanged" if after == before else "configured"


async def stored_documents(objects: Objects, namespace: str) -> list[object]:
    """Return the templates and ConfigMaps that a workflow of a namespace may refer to."""
    found: list[object] = [
        convert(item, ClusterWorkflowTemplate)
        for item in await objects.list(API_VERSION, "ClusterWorkflowTemplate", None)
    ]
    found += [
        convert(item, WorkflowTemplate)
        for item in await objects.list(API_VERSION, "WorkflowTemplate", namespace)
    ]
    return [*found, *await objects.list("v1", "ConfigMap", namespace)]


async def stored_template(
    objects: Objects, namespace: str, name: str, cluster: bool
) -> WorkflowTemplate | ClusterWorkflowTemplate:
    """Return a stored template. Raises NotFound."""
    if cluster:
        where = ObjectRef(API_VERSION, "ClusterWorkflowTemplate", "", name)
        return convert(await find_template(objects, where), ClusterWorkflowTemplate)
    where = ObjectRef(API_VERSION, "WorkflowTemplate", namespace, name)
    return convert(await find_template(objects, where), WorkflowTemplate)


async def find_template(objects: Objects, where: ObjectRef) -> JsonObject:
    """Return a stored template's document. Raises NotFound, in Kubernetes' words."""
    try:
        return await objects.get(where)
    except NotFound as exc:
        kind = f"{where.kind.lower()}s.argoproj.io"
        raise NotFound(f'{kind} "{where.name}" not found') from exc
