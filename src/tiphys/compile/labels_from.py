"""workflowMetadata: labels and annotations put on a workflow, some of them from expressions.

Done once, when the workflow is admitted; what comes of it is kept in its documents.
Source: reference/engine.md 2.4; argo workflow/controller/operator.go, updateWorkflowMetadata.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec.structs import replace

from tiphys.compile.constants import with_config_values, workflow_constants
from tiphys.errors import UserError
from tiphys.expr.argo_functions import ARGO_FUNCTIONS
from tiphys.expr.environment import expand
from tiphys.expr.errors import LanguageError
from tiphys.expr.evaluate import compile_expression
from tiphys.expr.gotext import quote
from tiphys.expr.labels import value_fault
from tiphys.expr.template import LENIENT, MapScope, compile_text
from tiphys.expr.types import go_type
from tiphys.expr.values import Context
from tiphys.model.base import Json
from tiphys.model.spec import WorkflowSpec, WorkflowTemplateRef
from tiphys.model.workflow import Workflow

_PREFIX = "workflows.argoproj.io"


class _LabelFault(UserError):
    """A label has no value that Kubernetes would take; the workflow is an Error."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


def labelled(
    workflow: Workflow, spec: WorkflowSpec, created_at: float, configs: Mapping[str, Json]
) -> tuple[Workflow, str]:
    """Return a workflow with the labels and annotations its workflowMetadata puts on it.

    `spec` is the execution spec. The second result says why the workflow is an Error, "" if it is
    not. A workflow that runs a stored template is labelled with the template's name as well.
    """
    reference = workflow.spec.workflow_template_ref
    given = {} if reference is None else _reference_label(reference)
    added = spec.workflow_metadata
    labels = {**workflow.metadata.labels, **given}
    annotations = {**workflow.metadata.annotations}
    workflow = _with(workflow, labels, annotations)
    if added is None:
        return workflow, ""
    try:
        names = _names(workflow, spec, created_at, configs)
        context = _context(workflow, "metadata", created_at)
        labels |= _filled(added.labels, names, context)
        annotations |= _filled(added.annotations, names, context)
        workflow = _with(workflow, labels, annotations)
        for key in added.labels:
            _check(labels[key], f"label {quote(key)}")
        found = _evaluated(workflow, spec, created_at, configs)
    except _LabelFault as exc:
        return workflow, exc.message
    return _with(workflow, {**labels, **found}, annotations), ""


def _with(workflow: Workflow, labels: Mapping[str, str], notes: Mapping[str, str]) -> Workflow:
    metadata = replace(workflow.metadata, labels=labels, annotations=notes)
    return replace(workflow, metadata=metadata)


def _reference_label(reference: WorkflowTemplateRef) -> dict[str, str]:
    kind = "cluster-workflow-template" if reference.cluster_scope else "workflow-template"
    return {f"{_PREFIX}/{kind}": reference.name}


def _names(
    workflow: Workflow, spec: WorkflowSpec, created_at: float, configs: Mapping[str, Json]
) -> dict[str, str]:
    return {**workflow_constants(workflow, with_config_values(spec, configs)[0], created_at)}


def _context(workflow: Workflow, what: str, created_at: float) -> Context:
    seed = hashlib.sha256(f"{workflow.metadata.uid} {what}".encode()).digest()
    return Context(now=datetime.fromtimestamp(created_at, UTC), seed=seed)


def _filled(texts: Mapping[str, str], names: Mapping[str, str], context: Context) -> dict[str, str]:
    """Return texts with the workflow's variables in their tags; others stay as they are.

    Raises _LabelFault.
    """
    try:
        scope = MapScope(names)
        return {
            key: compile_text(text).resolve(scope, LENIENT, context) for key, text in texts.items()
        }
    except LanguageError as exc:
        raise _LabelFault(f"failed to resolve workflowMetadata: {exc.message}") from exc


def _evaluated(
    workflow: Workflow, spec: WorkflowSpec, created_at: float, configs: Mapping[str, Json]
) -> dict[str, str]:
    """Return the labels from expressions; they cannot see each other. Raises _LabelFault."""
    sources = spec.workflow_metadata.labels_from if spec.workflow_metadata else {}
    if not sources:
        return {}
    flat = _names(workflow, spec, created_at, configs)
    hidden = {f"workflow.labels.{key}" for key in sources}
    env = expand({name: value for name, value in flat.items() if name not in hidden})
    found = {}
    for key in sorted(sources):
        source = sources[key].expression
        context = _context(workflow, f"label {key}", created_at)
        what = f"label {quote(key)} expression {quote(source)}"
        try:
            scope = {**env, **ARGO_FUNCTIONS}
            value = compile_expression(source, scope).evaluate(scope, context)
        except LanguageError as exc:
            raise _LabelFault(f"failed to evaluate {what}: {exc.message}") from exc
        if not isinstance(value, str):
            kind = go_type(value)
            raise _LabelFault(f"failed to evaluate {what} evaluted to {kind} but must be a string")
        _check(value, f"label {quote(key)} and expression {quote(source)}")
        found[key] = value
    return found


def _check(value: str, what: str) -> None:
    fault = value_fault(value)
    if fault:
        raise _LabelFault(f"invalid label value {quote(value)} for {what}: {fault}")
