"""Warnings about hooks and exit handlers: validation hardly looks at them."""

from __future__ import annotations

from collections.abc import Iterator

from tiphys.compile.warnings.survey import Call, Survey
from tiphys.model.codec import suggestion
from tiphys.model.shapes import Path
from tiphys.model.templates import LifecycleHook, Template


def warn_of_hooks(survey: Survey) -> None:
    """Note hooks that cannot run, or not as written."""
    spec, root = survey.spec, survey.root
    is_local = spec.workflow_template_ref is None
    exit_hook = spec.hooks.get("exit")
    if exit_hook is not None and exit_hook.expression:
        reason = "the expression of the workflow's exit hook is ignored: it always runs"
        path = (*root, "hooks", "exit", "expression")
        survey.note(
            "TIP301", reason, path, "test `{{workflow.status}}` in a `when` of its template"
        )
    if exit_hook is not None and spec.on_exit:
        reason = "spec.onExit wins: spec.hooks.exit never runs"
        survey.note("TIP303", reason, (*root, "hooks", "exit"))
    for name, hook in spec.hooks.items() if is_local else ():
        _warn_of_template(survey, hook, (*root, "hooks", name), f"hook `{name}`")
    for call in survey.calls:
        _warn_of_call(survey, call)


def _warn_of_call(survey: Survey, call: Call) -> None:
    item = call.item
    if item.on_exit:
        hook = LifecycleHook(template=item.on_exit)
        _warn_of_template(
            survey, hook, (*call.path, "onExit"), f"onExit of `{call.name}`", item.on_exit
        )
        if "exit" in item.hooks:
            reason = f"onExit of `{call.name}` wins: its hook `exit` never runs"
            survey.note("TIP303", reason, (*call.path, "hooks", "exit"))
    for name, hook in item.hooks.items():
        path = (*call.path, "hooks", name)
        _warn_of_template(survey, hook, path, f"hook `{name}` of `{call.name}`")
        if call.kind == "tasks" and name != "exit" and not hook.expression:
            reason = f"hook `{name}` of task `{call.name}` has no expression: the task is an Error"
            survey.note("TIP305", reason, path, "say when it runs in `expression`")
        _warn_of_own_result(survey, call, hook, path)


def _warn_of_template(
    survey: Survey, hook: LifecycleHook, path: Path, label: str, legacy: str = ""
) -> None:
    """Note an unknown template, and inputs that it does not get."""
    reference = hook.template_ref
    if reference is not None and "{{" in reference.name + reference.template:
        return
    template = survey.called(hook)
    if template is None:
        name = hook.template or (f"{reference.name}.{reference.template}" if reference else "")
        hint = suggestion(hook.template, survey.templates) if hook.template else ""
        survey.note("TIP302", f"{label} names a template that is not there: `{name}`", path, hint)
        return
    # Without arguments of its own an exit handler gets those of the workflow.
    gets_spec = legacy or (path[-1] == "exit" and not hook.arguments.parameters)
    given = survey.spec.arguments if gets_spec else hook.arguments
    known = {item.name for item in given.parameters}
    for name in _required(template):
        if name not in known:
            reason = f"{label} gives no value to the input `{name}` of its template"
            survey.note("TIP306", reason, path, suggestion(name, known))


def _required(template: Template) -> Iterator[str]:
    for item in template.inputs.parameters:
        if item.value is None and item.default is None and item.value_from is None:
            yield item.name


def _warn_of_own_result(survey: Survey, call: Call, hook: LifecycleHook, path: Path) -> None:
    own = f"{call.kind}.{call.name}."
    for index, item in enumerate(hook.arguments.parameters):
        for name in ("outputs.result", "exitCode"):
            if f"{own}{name}" in (item.value or ""):
                reason = f"a hook of `{call.name}` cannot have its `{name}`: the tag stays as it is"
                place = (*path, "arguments", "parameters", index)
                survey.note("TIP304", reason, place, "use an output parameter")
