"""WorkflowEventBindings: which events start a workflow, and which workflow.

Source: Argo server/event/dispatch/operation.go; reference/engine-operations.md 11.2,
rest-api.md 11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from tiphys.expr.argo_functions import ARGO_FUNCTIONS
from tiphys.expr.errors import ExprError
from tiphys.expr.evaluate import compile_expression, evaluate, evaluate_bool
from tiphys.expr.render import to_json
from tiphys.expr.types import go_type
from tiphys.expr.values import Context, Value
from tiphys.model.arguments import Arguments, Parameter
from tiphys.model.base import Json
from tiphys.model.events import Submit, WorkflowEventBinding
from tiphys.model.meta import ObjectMeta
from tiphys.model.spec import WorkflowSpec, WorkflowTemplateRef
from tiphys.model.workflow import ClusterWorkflowTemplate, Workflow, WorkflowTemplate

BINDING_LABEL: Final = "workflows.argoproj.io/workflow-event-binding"
SELECTOR: Final = "failed to evaluate workflow template expression: {}"
METADATA: Final = "failed to evaluate workflow {} expression: {}"
NOT_TEXT: Final = "workflow {} expression must evaluate to a string, not a {}"
NO_VALUE_FROM: Final = 'malformed workflow template parameter "{}": valueFrom is nil'
PARAMETER: Final = "failed to compile workflow template parameter {} expression: {}"
_INSTANCE: Final = "workflows.argoproj.io/controller-instanceid"
_HTML: Final = {"\\u003c": "<", "\\u003e": ">", "\\u0026": "&"}
_ESCAPED: Final = re.compile(r"\\u003c|\\u003e|\\u0026")


class BindingFault(Exception):
    """A binding cannot answer an event; the text is Argo's."""


def environment(
    namespace: str, discriminator: str, payload: Json, headers: Mapping[str, Sequence[str]]
) -> dict[str, Value]:
    """Return what the expressions of bindings know of an event; numbers are floats.

    Of the headers only those whose name begins with "x-" are seen, under their lower-case name.
    """
    seen: dict[str, Value] = {}
    for name, values in headers.items():
        if name.lower().startswith("x-"):
            seen[name.lower()] = [*values]
    return {
        "namespace": namespace,
        "discriminator": discriminator,
        "payload": _decoded(payload),
        "metadata": seen,
    }


def _decoded(value: Json) -> Value:
    """Return JSON as Go decodes it into nothing in particular."""
    match value:
        case dict():
            return {key: _decoded(item) for key, item in value.items()}
        case list():
            return [_decoded(item) for item in value]
        case int() if not isinstance(value, bool):
            return float(value)
        case _:
            return value


def matches(binding: WorkflowEventBinding, env: Mapping[str, Value], context: Context) -> bool:
    """Return what the selector says of an event. Raises BindingFault."""
    try:
        return evaluate_bool(binding.spec.event.selector, env, context)
    except ExprError as exc:
        raise BindingFault(SELECTOR.format(exc.message)) from exc


def submission(
    binding: WorkflowEventBinding,
    template: WorkflowTemplate | ClusterWorkflowTemplate,
    env: Mapping[str, Value],
    context: Context,
    suffix: str,
) -> Workflow:
    """Return the workflow that a binding with a `submit` makes of an event.

    `suffix` ends the name if the binding gives none. Raises BindingFault.
    """
    submit = binding.spec.submit or Submit()
    metadata = _metadata(template)
    instance = binding.metadata.labels.get(_INSTANCE)
    if instance is not None:
        metadata = replace(metadata, labels={**metadata.labels, _INSTANCE: instance})
    metadata = _with_own(metadata, submit.metadata, {**env, **ARGO_FUNCTIONS}, context)
    return Workflow(
        metadata=replace(
            metadata,
            name=metadata.name or metadata.generate_name + suffix,
            namespace=binding.metadata.namespace,
            labels={**metadata.labels, BINDING_LABEL: binding.metadata.name},
        ),
        spec=WorkflowSpec(
            workflow_template_ref=WorkflowTemplateRef(
                name=template.metadata.name,
                cluster_scope=True if isinstance(template, ClusterWorkflowTemplate) else None,
            ),
            arguments=Arguments(parameters=_parameters(submit, env, context)),
        ),
    )


def _metadata(template: WorkflowTemplate | ClusterWorkflowTemplate) -> ObjectMeta:
    """Return the metadata of any workflow of a template."""
    name, given = template.metadata.name, template.spec.workflow_metadata
    kind = "workflow-template"
    if isinstance(template, ClusterWorkflowTemplate):
        kind = "cluster-workflow-template"
    label = {f"workflows.argoproj.io/{kind}": name}
    return ObjectMeta(
        generate_name=f"{name}-",
        labels={**label, **given.labels} if given is not None else label,
        annotations=given.annotations if given is not None else {},
    )


def _with_own(
    metadata: ObjectMeta, own: ObjectMeta, env: Mapping[str, Value], context: Context
) -> ObjectMeta:
    """Return metadata with what the binding says of it, each value an expression."""

    def text(source: str, what: str) -> str:
        return _text(source, what, env, context)

    name = text(own.name, "name") if own.name else ""
    prefix = text(own.generate_name, "generateName") if own.generate_name else ""
    labels = {key: text(source, f'label "{key}"') for key, source in own.labels.items()}
    annotations = {
        key: text(source, f'annotation "{key}"') for key, source in own.annotations.items()
    }
    return replace(
        metadata,
        name=name,
        generate_name=prefix or metadata.generate_name,
        labels={**metadata.labels, **labels},
        annotations={**metadata.annotations, **annotations},
    )


def _text(source: str, what: str, env: Mapping[str, Value], context: Context) -> str:
    try:
        value = evaluate(source, env, context)
    except ExprError as exc:
        raise BindingFault(METADATA.format(what, exc.message)) from exc
    if isinstance(value, str):
        return value
    raise BindingFault(NOT_TEXT.format(what, go_type(value)))


def _parameters(
    submit: Submit, env: Mapping[str, Value], context: Context
) -> tuple[Parameter, ...]:
    """Return the arguments of an event; artifacts are ignored, as in Argo."""
    given = submit.arguments.parameters if submit.arguments is not None else ()
    return tuple(Parameter(name=item.name, value=_argument(item, env, context)) for item in given)


def _argument(parameter: Parameter, env: Mapping[str, Value], context: Context) -> str:
    name, source = parameter.name, parameter.value_from
    if source is None:
        raise BindingFault(NO_VALUE_FROM.format(name))
    try:
        expression = compile_expression(source.event, env)
    except ExprError as exc:
        raise BindingFault(PARAMETER.format(name, exc.message)) from exc
    try:
        value = expression.evaluate(env, context)
    except ExprError as exc:
        text = f'failed to evaluate workflow template parameter "{name}" expression: {exc.message}'
        raise BindingFault(text) from exc
    try:
        return _as_argument(to_json(value))
    except ExprError as exc:
        text = f'failed to convert result to JSON "{name}" expression: {exc.message}'
        raise BindingFault(text) from exc


def _as_argument(text: str) -> str:
    """Return JSON as the text of an argument: a string without its quotes, still escaped.

    Source: Argo pkg/apis/workflow/v1alpha1/item.go; reference/language.md 10.
    """
    plain = _ESCAPED.sub(lambda match: _HTML[match.group()], text)
    return plain[1:-1] if plain.startswith('"') else plain
