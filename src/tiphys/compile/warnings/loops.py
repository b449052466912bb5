"""Warnings about loops, and what stands in their items."""

from __future__ import annotations

import re

from tiphys.compile.validate_leaf import find_cycle
from tiphys.compile.warnings.survey import Body, Call, Survey, find_tags
from tiphys.model.codec import encode
from tiphys.model.templates import DAGTask, template_type

_ITEM_KEY = "item."
_GROUP_FIELDS = ("status", "id", "startedAt", "finishedAt")


def warn_of_loops(survey: Survey) -> None:
    """Note what loops do that nobody expects."""
    for call in survey.calls:
        _warn_of_call(survey, call)
    _warn_of_recursion(survey)
    for body in survey.bodies:
        if body.template.dag is not None:
            _warn_of_skipped_loops(survey, body)


def _warn_of_recursion(survey: Survey) -> None:
    """A cycle of calls that nothing can end: no `when`, no loop, no result that is asked for."""
    graph: dict[str, tuple[str, ...]] = {}
    for call in survey.calls:
        depends = call.item.depends if isinstance(call.item, DAGTask) else ""
        is_certain = not (call.item.when or call.is_loop or re.search(r"[.!]", depends))
        if is_certain and call.item.template and call.body.caller is None:
            graph[call.body.template.name] = (
                *graph.get(call.body.template.name, ()),
                call.item.template,
            )
    cycle = find_cycle(graph)
    body = survey.templates.get(cycle[0]) if cycle else None
    if body is not None:
        reason = f"templates call each other without end: {' -> '.join(cycle)}"
        survey.note("TIP011", reason, body.path, "give one of the calls a `when`")


def _warn_of_call(survey: Survey, call: Call) -> None:
    _warn_of_empty_loop(survey, call)
    if call.is_loop:
        _warn_of_inline_inputs(survey, call)
        _warn_of_missing_keys(survey, call)
    elif not call.body.is_in_loop:
        _warn_of_item_outside(survey, call)
    if call.item.inline is not None:
        _warn_of_shadowed_inputs(survey, call)
    if call.item.with_param and "{{item" in call.item.when.replace(" ", ""):
        reason = (
            f"`when` of `{call.name}` needs an item, so the list of `withParam` is read before it "
            "and must be there even when nothing is to run"
        )
        survey.note("TIP003", reason, (*call.path, "when"), "test the list in a step before it")
    for tag in survey.tags_of(call):
        _warn_of_loop_result(survey, call, tag.text, tag.path)


def _warn_of_empty_loop(survey: Survey, call: Call) -> None:
    for name, empty in (("withItems", []), ("withParam", "")):
        if survey.raw((*call.path, name)) == empty:
            reason = f"`{name}` is empty, which means no loop: `{call.name}` runs once"
            survey.note("TIP002", reason, (*call.path, name), "remove the step or give it items")


def _warn_of_item_outside(survey: Survey, call: Call) -> None:
    for tag in survey.tags_of(call):
        if tag.text == "item" or tag.text.startswith(_ITEM_KEY):
            reason = f"`{call.name}` is no loop: {{{{{tag.text}}}}} stays as it is"
            survey.note("TIP009", reason, tag.path)


def _warn_of_missing_keys(survey: Survey, call: Call) -> None:
    """Keys of one item are accepted by validation, though another item lacks them."""
    items = call.item.with_items
    if not items:
        return
    for tag in survey.tags_of(call):
        key = tag.text.removeprefix(_ITEM_KEY)
        if key == tag.text:
            continue
        lacking = [
            n for n, item in enumerate(items) if not (isinstance(item, dict) and key in item)
        ]
        if lacking and len(lacking) < len(items):
            reason = f"item {lacking[0]} of `{call.name}` has no `{key}`: the loop ends in an error"
            survey.note("TIP010", reason, (*call.path, "withItems", lacking[0]), f"add `{key}`")


def _own_inputs(call: Call) -> list[tuple[str, tuple[str | int, ...]]]:
    """The names of the inputs that an inline template mentions, and where."""
    if call.item.inline is None:
        return []
    prefix = "inputs.parameters."
    return [
        (tag.text.removeprefix(prefix), tag.path)
        for tag in find_tags(encode(call.item.inline), (*call.path, "inline"))
        if tag.text.startswith(prefix)
    ]


def _parent_inputs(call: Call) -> set[str]:
    return {item.name for item in call.body.template.inputs.parameters}


def _warn_of_inline_inputs(survey: Survey, call: Call) -> None:
    outside = _parent_inputs(call)
    for name, path in _own_inputs(call):
        if name not in outside:
            reason = (
                f"the loop `{call.name}` must resolve every tag of its inline template, and "
                f"{{{{inputs.parameters.{name}}}}} is known only inside it: the step is an Error"
            )
            survey.note("TIP005", reason, path, "make it a template with a name")


def _warn_of_shadowed_inputs(survey: Survey, call: Call) -> None:
    inline = call.item.inline
    own = {item.name for item in inline.inputs.parameters} if inline is not None else set()
    both = own & _parent_inputs(call)
    for name, path in _own_inputs(call):
        if name in both:
            reason = (
                f"{{{{inputs.parameters.{name}}}}} is the input of the template around the inline "
                f"template of `{call.name}`, not its own"
            )
            survey.note("TIP006", reason, path, "give the inner input another name")


def _warn_of_loop_result(
    survey: Survey, call: Call, text: str, path: tuple[str | int, ...]
) -> None:
    parts = text.split(".")
    if len(parts) < 3 or parts[0] != call.kind:
        return
    other = _sibling(survey, call, parts[1])
    if other is None or not other.is_loop or other is call:
        return
    if call.kind == "steps" and parts[2] in _GROUP_FIELDS and len(parts) == 3:
        reason = (
            f"`{other.name}` is a loop: {{{{{text}}}}} is that of the whole group of steps, not of "
            "the loop"
        )
        survey.note("TIP007", reason, path)
    if parts[2:] == ["outputs", "result"] and other.is_aggregate:
        called = survey.called(other.item)
        if called is not None and template_type(called) in ("Container", "Script", "ContainerSet"):
            reason = (
                f"`{other.name}` is a loop: what each of its items writes must be JSON, or "
                f"`{call.body.template.name}` ends in an error"
            )
            survey.note("TIP008", reason, path, "use an output parameter for text")


def _sibling(survey: Survey, call: Call, name: str) -> Call | None:
    return survey.siblings(call.body).get(name)


def _warn_of_skipped_loops(survey: Survey, body: Body) -> None:
    calls = survey.siblings(body)
    loops = {name for name, call in calls.items() if call.is_loop and call.item.when}
    for call in calls.values() if loops else ():
        depends = call.item.depends if isinstance(call.item, DAGTask) else ""
        for name, result in re.findall(r"([-a-zA-Z0-9]+)\.(Skipped|Succeeded)\b", depends):
            if name not in loops:
                continue
            says = (
                "is never true: a loop whose items are all skipped counts as Succeeded"
                if result == "Skipped"
                else "is also true when every item of the loop is skipped"
            )
            reason = f"`{name}.{result}` {says}"
            hint = f"`{name}.AnySucceeded` asks whether an item succeeded"
            survey.note("TIP001", reason, (*call.path, "depends"), hint)
