"""Warnings about variables that pass validation and have no value at run time."""

from __future__ import annotations

import difflib
from collections import deque

from tiphys.compile.warnings.survey import Body, Call, Survey, Tag, default_of
from tiphys.model.variables import find_variable
from tiphys.model.workflow import Workflow

_ROOTS = ("inputs", "outputs", "steps", "tasks", "workflow", "pod", "node", "lastRetry", "retries")
_CHECKED = ("item.", "steps.", "inputs.", "outputs.", "pod.", "workflow.", "tasks.")


def warn_of_references(survey: Survey) -> None:
    """Note references that validation accepts and the run cannot resolve."""
    for body in survey.bodies:
        siblings = survey.siblings(body)
        direct = survey.dependencies(body)
        for call in siblings.values():
            for tag in survey.tags_of(call):
                _warn_of_reference(survey, call, siblings, direct, tag)
        _warn_of_global_outputs(survey, body)
        _warn_of_output_values(survey, body)
    for owner in survey.owners():
        for tag in survey.tags_of(owner):
            _warn_of_unknown(survey, tag)
    _warn_of_defaults(survey)


def waits_for(direct: dict[str, list[str]], task: str, wanted: str) -> bool:
    """Say whether a task waits for another, directly or not; looks near tasks first."""
    waiting = deque(direct.get(task, ()))
    seen: set[str] = set()
    while waiting:
        name = waiting.popleft()
        if name == wanted:
            return True
        if name not in seen:
            seen.add(name)
            waiting.extend(direct.get(name, ()))
    return False


def _warn_of_reference(
    survey: Survey, call: Call, siblings: dict[str, Call], direct: dict[str, list[str]], tag: Tag
) -> None:
    parts = tag.text.split(".")
    if len(parts) < 3 or parts[0] != call.kind or "hooks" in tag.path:
        return
    other = siblings.get(parts[1])
    if other is None or other is call:
        return
    if call.kind == "steps" and other.group == call.group:
        reason = (
            f"`{other.name}` runs beside `{call.name}`, in the same group: {{{{{tag.text}}}}} has "
            "no value yet"
        )
        survey.note("TIP103", reason, tag.path, "put it into a later group")
        return
    if call.kind == "tasks" and not waits_for(direct, call.name, other.name):
        if not _is_caught(call, tag):
            reason = (
                f"`{call.name}` does not wait for `{other.name}`, so {{{{{tag.text}}}}} may have "
                "no value"
            )
            survey.note("TIP104", reason, tag.path, f"add `{other.name}` to its dependencies")
        return
    _warn_of_absence(survey, call, other, tag)


def _is_caught(call: Call, tag: Tag) -> bool:
    """Say whether validation refuses it already (D14)."""
    given = [item.value or "" for item in call.item.arguments.parameters]
    given += [item.from_ for item in call.item.arguments.artifacts]
    return any(text.startswith("{{" + tag.text) for text in given)


def _warn_of_absence(survey: Survey, call: Call, other: Call, tag: Tag) -> None:
    """The other step may have been skipped, or have failed and been let pass."""
    parts = tag.text.split(".")
    flags = other.item.continue_on
    may_skip = bool(other.item.when) and not other.is_loop
    may_fail = flags is not None and bool(flags.failed or flags.error)
    if not (may_skip or may_fail) or (call.item.when and tag.path[-1] != "when"):
        return
    is_result = parts[2:] in (["outputs", "result"], ["exitCode"])
    if is_result and (may_skip or parts[2] == "outputs"):
        how = "skipped" if may_skip else "failed"
        reason = (
            f"{{{{{tag.text}}}}} has no value when `{other.name}` is {how}: Argo waits for it for "
            "ever, Tiphys ends the step as an Error"
        )
        hint = "give the step a `when`, or use an output parameter with a default"
        survey.note("TIP101", reason, tag.path, hint)
    elif parts[2:4] == ["outputs", "parameters"] and len(parts) == 5:
        _warn_of_parameter(survey, call, other, tag, parts[4])


def _warn_of_parameter(survey: Survey, call: Call, other: Call, tag: Tag, name: str) -> None:
    template = survey.called(other.item)
    if template is None:
        return
    declared = next((item for item in template.outputs.parameters if item.name == name), None)
    if declared is None or default_of(declared) or _has_fallback(survey, call, tag):
        return
    reason = (
        f"{{{{{tag.text}}}}} has no value when `{other.name}` is skipped or fails, and the "
        "output has no default"
    )
    hint = f"add `valueFrom.default` to the output `{name}` of its template"
    survey.note("TIP102", reason, tag.path, hint)


def _has_fallback(survey: Survey, call: Call, tag: Tag) -> bool:
    """Say whether the whole of an argument is the tag, and the called template has a default."""
    called = survey.called(call.item)
    if called is None:
        return True
    inputs = {item.name: item for item in called.inputs.parameters}
    for given in call.item.arguments.parameters:
        wanted = inputs.get(given.name)
        text = (given.value or "").strip()
        if text.startswith("{{") and text.endswith("}}") and text[2:-2].strip() == tag.text:
            return wanted is not None and (wanted.default or wanted.value) is not None
    return False


def _warn_of_unknown(survey: Survey, tag: Tag) -> None:
    """A tag whose first word is nearly one of ours stays in the text as it is."""
    if tag.is_expression or tag.text.startswith(_CHECKED):
        return
    root = tag.text.partition(".")[0].partition("[")[0]
    if not root.isidentifier() or root == tag.text:
        return
    near = [root] if root in (*_ROOTS, "item") else difflib.get_close_matches(root, _ROOTS, 1, 0.75)
    if near and find_variable(tag.text) is None:
        hint = "" if near[0] == root else f"did you mean `{near[0]}`?"
        reason = f"{{{{{tag.text}}}}} is no variable: it stays as it is"
        survey.note("TIP105", reason, tag.path, hint)


def _warn_of_global_outputs(survey: Survey, body: Body) -> None:
    """A DAG exports its own outputs only as a task of another DAG."""
    if body.template.dag is None:
        return
    named = [item.global_name for item in body.template.outputs.parameters if item.global_name]
    named += [item.global_name for item in body.template.outputs.artifacts if item.global_name]
    callers = [call for call in survey.calls if call.item.template == body.template.name]
    if not named or (callers and all(call.kind == "tasks" for call in callers)):
        return
    reason = f"a dag that is the entrypoint or a step does not export its own `{named[0]}`"
    survey.note("TIP106", reason, (*body.path, "outputs"), "set globalName on the task's template")


def _warn_of_output_values(survey: Survey, body: Body) -> None:
    if body.template.steps is None and body.template.dag is None:
        return
    for index, item in enumerate(body.template.outputs.parameters):
        if item.value is not None:
            reason = (
                f"the output `{item.name}` of {body.label} has a plain value: an Error at its end"
            )
            path = (*body.path, "outputs", "parameters", index)
            survey.note("TIP109", reason, path, "write `valueFrom: {expression: ...}`")


def _warn_of_defaults(survey: Survey) -> None:
    if not isinstance(survey.resource, Workflow):
        return
    for index, item in enumerate(survey.spec.arguments.parameters):
        if item.default is not None and item.value is None and item.value_from is None:
            reason = f"a workflow's argument takes no `default`: `{item.name}` has no value"
            path = (*survey.root, "arguments", "parameters", index)
            survey.note("TIP107", reason, path, "write `value:`")
