"""Outputs carried upward: of Steps and DAG templates, and under global names.

Source: reference/engine.md 9; argo workflow/controller/operator.go, getTemplateOutputsFromScope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tiphys.engine.binding import ArtifactNames, Caller, find_artifact, narrow
from tiphys.engine.expressions import value_of
from tiphys.engine.resolving import CallError, look_up, resolve_text
from tiphys.engine.scope import Names
from tiphys.engine.state import Node
from tiphys.expr.render import go_print
from tiphys.expr.template import LENIENT, reference_name
from tiphys.expr.values import MISSING
from tiphys.messages import GlobalOutputSet
from tiphys.model.arguments import Outputs, Parameter
from tiphys.model.artifacts import Artifact
from tiphys.program import Output, OutputArtifact

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def of_frame(run: Run, node: Node) -> Outputs | None:
    """Return the outputs of a Steps or DAG node that succeeded, None if it declares none.

    Raises CallError for one that cannot be resolved.
    """
    template = run.template(node)
    if not template.outputs and not template.output_artifacts:
        return None
    scope = run.frame_scope(node)
    parameters = tuple(_parameter(run, node, item, scope) for item in template.outputs)
    artifacts = tuple(
        found
        for item in template.output_artifacts
        if (found := _artifact(run, node, item, scope)) is not None
    )
    outputs = Outputs(parameters=parameters, artifacts=artifacts)
    if template.kind == "Steps" or node.call[:1] == ("task",):
        export(run, outputs)
    return outputs


def _parameter(run: Run, node: Node, item: Output, scope: Names) -> Parameter:
    try:
        value = _value(run, node, item, scope)
    except CallError:
        if item.default is None:
            raise
        value = None
    if value is None and item.default is not None:
        value = resolve_text(item.default, scope, LENIENT, run.context(node.name))
    if value is None:
        raise CallError(
            f'output parameter "{item.name}": "{reference_name(item.reference)}" is an absent '
            "optional (skipped/omitted node output with no default)"
        )
    return Parameter(name=item.name, value=value, global_name=_global_name(run, node, item, scope))


def _value(run: Run, node: Node, item: Output, scope: Names) -> str | None:
    context = run.context(node.name)
    if item.expression is not None:
        text = resolve_text(item.expression, run.own_scope(node), LENIENT, context)
        value = value_of(text, ArtifactNames(scope), context)
        if value is None:
            raise CallError(f'failed to evaluate expression "{text}"')
        return go_print(value)
    if not item.reference:
        raise CallError("output parameters must have a valueFrom specified")
    name = reference_name(item.reference)
    found = look_up(name, scope)
    if found is MISSING:
        raise CallError(f'Unable to resolve: "{name}"')
    return None if found is None else str(found)


def _global_name(run: Run, node: Node, item: Output | OutputArtifact, scope: Names) -> str:
    if item.global_name is None:
        return ""
    return resolve_text(item.global_name, scope, LENIENT, run.context(node.name))


def _artifact(run: Run, node: Node, item: OutputArtifact, scope: Names) -> Artifact | None:
    caller = Caller(run, scope, LENIENT, node.name)
    reference = reference_name(item.reference) if item.reference else ""
    try:
        found = find_artifact(reference, item.expression, caller)
    except CallError:
        if item.optional:
            return None
        raise
    if found is None:
        if item.optional:
            return None
        raise CallError(f'Unable to resolve: "{reference}"')
    sub_path = None
    if item.sub_path is not None:
        sub_path = resolve_text(item.sub_path, scope, LENIENT, run.context(node.name))
    named = narrow(found, item.name, sub_path)
    return msgspec.structs.replace(named, global_name=_global_name(run, node, item, scope))


def export(run: Run, outputs: Outputs | None) -> None:
    """Set the workflow's global outputs from outputs that carry a global name."""
    if outputs is None:
        return
    for item in outputs.parameters:
        if item.global_name and item.value is not None:
            run.emit(GlobalOutputSet(name=item.global_name, value=item.value))
    for artifact in outputs.artifacts:
        if artifact.global_name:
            exported = msgspec.structs.replace(
                artifact, name=artifact.global_name, global_name="", path=""
            )
            run.emit(GlobalOutputSet(name=artifact.global_name, artifact=exported))
