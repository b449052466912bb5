"""An archived document taken apart: the workflow that ran, and the templates it ran with.

Argo keeps those in the status: `storedTemplates` by "scope/name/template", and
`storedWorkflowTemplateSpec` for a workflowTemplateRef. What is kept by now may be something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from tiphys.model.base import JsonObject
from tiphys.model.codec import convert
from tiphys.model.meta import ObjectMeta
from tiphys.model.spec import WorkflowSpec
from tiphys.model.status import WorkflowStatus
from tiphys.model.templates import Template
from tiphys.model.workflow import ClusterWorkflowTemplate, Workflow, WorkflowTemplate

_WRITTEN: Final = frozenset(
    f"workflows.argoproj.io/{name}" for name in ("phase", "completed", "workflow-archiving-status")
)
_SCOPES: Final = {"namespaced": False, "cluster": True}
_Key = tuple[bool, str]
"""Whether it is for all namespaces, and its name."""


def restored(document: JsonObject) -> tuple[Workflow, WorkflowStatus]:
    """Return the workflow as it was submitted, and its status. Raises InvalidDocument."""
    found = convert(document, Workflow)
    known = found.metadata
    labels = {name: text for name, text in known.labels.items() if name not in _WRITTEN}
    metadata = ObjectMeta(
        name=known.name,
        generate_name=known.generate_name,
        namespace=known.namespace,
        labels=labels,
        annotations=known.annotations,
        owner_references=known.owner_references,
    )
    spec = msgspec.structs.replace(found.spec, shutdown="", suspend=None)
    return Workflow(metadata=metadata, spec=spec), found.status


def templates_then(
    workflow: Workflow, status: WorkflowStatus, documents: Sequence[object]
) -> list[object]:
    """Return documents with those templates in them that the workflow ran with.

    `documents` are the ones that are kept now; what was not used then is taken from them.
    """
    stored: dict[_Key, dict[str, Template]] = {}
    for path, template in status.stored_templates.items():
        scope, _, rest = path.partition("/")
        name, _, own = rest.partition("/")
        if scope in _SCOPES:
            named = msgspec.structs.replace(template, name=own)
            stored.setdefault((_SCOPES[scope], name), {})[own] = named
    whole = _whole(workflow, status)
    present = dict(_by_key(documents))
    wanted = [*dict.fromkeys((*whole, *stored))]
    left = [item for item in documents if not any(present.get(key) is item for key in wanted)]
    namespace = workflow.metadata.namespace
    for key in wanted:
        now = present.get(key)
        spec = whole.get(key) or (now.spec if now is not None else WorkflowSpec())
        left.append(_made(key, namespace, _with(spec, stored.get(key, {}))))
    return left


def _whole(workflow: Workflow, status: WorkflowStatus) -> Mapping[_Key, WorkflowSpec]:
    reference, spec = workflow.spec.workflow_template_ref, status.stored_workflow_template_spec
    if reference is None or spec is None:
        return {}
    plain = msgspec.structs.replace(spec, workflow_template_ref=None, shutdown="", suspend=None)
    return {(bool(reference.cluster_scope), reference.name): plain}


def _by_key(
    documents: Iterable[object],
) -> Iterable[tuple[_Key, WorkflowTemplate | ClusterWorkflowTemplate]]:
    for item in documents:
        if isinstance(item, ClusterWorkflowTemplate):
            yield (True, item.metadata.name), item
        elif isinstance(item, WorkflowTemplate):
            yield (False, item.metadata.name), item


def _with(spec: WorkflowSpec, stored: Mapping[str, Template]) -> WorkflowSpec:
    others = [item for item in spec.templates if item.name not in stored]
    return msgspec.structs.replace(spec, templates=(*stored.values(), *others))


def _made(
    key: _Key, namespace: str, spec: WorkflowSpec
) -> WorkflowTemplate | ClusterWorkflowTemplate:
    is_cluster, name = key
    if is_cluster:
        return ClusterWorkflowTemplate(metadata=ObjectMeta(name=name), spec=spec)
    return WorkflowTemplate(metadata=ObjectMeta(name=name, namespace=namespace), spec=spec)
