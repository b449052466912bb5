"""What workflows may refer to, from the store: templates and ConfigMaps."""

from __future__ import annotations

from tiphys.errors import NotFound
from tiphys.model.base import API_VERSION, JsonObject
from tiphys.model.codec import convert
from tiphys.model.workflow import ClusterWorkflowTemplate, WorkflowTemplate
from tiphys.ports import ObjectRef, Objects


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
        return convert(await _get(objects, where, "cluster"), ClusterWorkflowTemplate)
    where = ObjectRef(API_VERSION, "WorkflowTemplate", namespace, name)
    return convert(await _get(objects, where, ""), WorkflowTemplate)


async def _get(objects: Objects, where: ObjectRef, prefix: str) -> JsonObject:
    try:
        return await objects.get(where)
    except NotFound as exc:
        kind = f"{prefix}workflowtemplates.argoproj.io"
        raise NotFound(f'{kind} "{where.name}" not found') from exc
