"""Warnings about what is written and never used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tiphys.compile.warnings.survey import Body, Call, Survey
from tiphys.model.arguments import Parameter
from tiphys.model.artifacts import Artifact
from tiphys.model.codec import suggestion, to_json
from tiphys.model.templates import LifecycleHook
from tiphys.model.workflow import ClusterWorkflowTemplate, WorkflowTemplate

_ALL_PARAMETERS = ("{{inputs.parameters}}", "toJson(inputs.parameters)", "inputs.parameters[")


def warn_of_unused(survey: Survey) -> None:
    """Note arguments nobody declared, inputs nobody reads, templates nobody calls."""
    for call in survey.calls:
        _warn_of_undeclared(survey, call)
        _warn_of_hidden(survey, call)
    for body in survey.bodies:
        _warn_of_inputs(survey, body)
    is_library = isinstance(survey.resource, WorkflowTemplate | ClusterWorkflowTemplate)
    is_whole = not is_library and survey.spec.workflow_template_ref is None
    if is_whole and survey.spec.entrypoint in survey.templates:
        _warn_of_dead_templates(survey)
        _warn_of_parameters(survey)


def _warn_of_undeclared(survey: Survey, call: Call) -> None:
    called = survey.called(call.item)
    if called is None:
        return
    arguments, inputs = call.item.arguments, called.inputs
    for kind, given, declared in (
        ("parameters", _names(arguments.parameters), _names(inputs.parameters)),
        ("artifacts", _names(arguments.artifacts), _names(inputs.artifacts)),
    ):
        for index, name in enumerate(given):
            if name and name not in declared:
                reason = f"`{call.name}` passes `{name}`, which its template ignores: not declared"
                path = (*call.path, "arguments", kind, index)
                survey.note("TIP402", reason, path, suggestion(name, declared))


def _warn_of_hidden(survey: Survey, call: Call) -> None:
    if call.item.inline is not None and (call.item.template or call.item.template_ref):
        field = "template" if call.item.template else "templateRef"
        reason = f"`{field}` of `{call.name}` is never used: its inline template is"
        survey.note("TIP406", reason, (*call.path, field))


def _names(items: Iterable[Parameter | Artifact]) -> list[str]:
    return [item.name for item in items]


def _warn_of_inputs(survey: Survey, body: Body) -> None:
    template = body.template
    if template.suspend is not None or not template.inputs.parameters:
        return  # what a person is asked for is an input too
    text = to_json(template).decode("utf-8", "surrogatepass").replace(" ", "")
    for index, item in enumerate(template.inputs.parameters):
        path = (*body.path, "inputs", "parameters", index)
        if item.enum is not None:
            reason = (
                f"`enum` of the input `{item.name}` is never looked at when {body.label} is called"
            )
            survey.note("TIP405", reason, (*path, "enum"), "set it where the value is given")
        used = (
            f"inputs.parameters.{item.name}" in text or f"inputs.parameters['{item.name}']" in text
        )
        if item.name and not used and not any(word in text for word in _ALL_PARAMETERS):
            survey.note("TIP403", f"{body.label} never uses its input `{item.name}`", path)


def _warn_of_dead_templates(survey: Survey) -> None:
    reached: set[str] = set()
    waiting = list(_starts(survey))
    called_by: dict[str, list[str]] = {}
    for call in survey.calls:
        owner = call.body
        while owner.caller is not None:
            owner = owner.caller.body
        called_by.setdefault(owner.template.name, []).extend(_named(call))
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(called_by.get(name, ()))
    for name, body in survey.templates.items():
        if name and name not in reached:
            survey.note("TIP401", f"nothing calls the template `{name}`", body.path)


def _starts(survey: Survey) -> Iterator[str]:
    spec = survey.spec
    yield spec.entrypoint
    yield spec.on_exit
    yield from (hook.template for hook in spec.hooks.values())


def _named(call: Call) -> Iterator[str]:
    yield call.item.template
    yield call.item.on_exit
    hooks: Iterator[LifecycleHook] = iter(call.item.hooks.values())
    yield from (hook.template for hook in hooks)


def _warn_of_parameters(survey: Survey) -> None:
    """An argument is used by name anywhere, or by the entrypoint or exit handler as an input."""
    spec = survey.spec
    parameters = spec.arguments.parameters
    elsewhere = any(call.item.template_ref is not None for call in survey.calls)
    if not parameters or elsewhere:
        return  # a template of another document may read workflow.parameters too
    text = to_json(spec).decode("utf-8", "surrogatepass").replace(" ", "")
    if "workflow.parameters}}" in text or "workflow.parameters.json" in text:
        return
    inputs: set[str] = set()
    for name in _starts(survey):
        body = survey.templates.get(name)
        inputs |= {item.name for item in body.template.inputs.parameters} if body else set()
    for index, item in enumerate(parameters):
        names = (f"workflow.parameters.{item.name}", f"workflow.parameters['{item.name}']")
        if item.name and item.name not in inputs and not any(name in text for name in names):
            path = (*survey.root, "arguments", "parameters", index)
            survey.note("TIP404", f"nothing uses the workflow's parameter `{item.name}`", path)
