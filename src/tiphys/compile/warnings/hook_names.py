"""Warnings about what hooks name: validation reads neither their expressions nor what they pass.

A name without a value makes the step, task or workflow of the hook an Error.
Source: reference/engine.md 3.3, 6.2, 6.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tiphys.compile.warnings.references import waits_for
from tiphys.compile.warnings.survey import Call, Survey, find_tags
from tiphys.expr.errors import ExprError
from tiphys.expr.numbers import item_suffix
from tiphys.expr.parse import parse_expression
from tiphys.expr.tree import Binary, Constant, Let, Node, consumed_paths, path_of, walk
from tiphys.model.codec import encode, suggestion
from tiphys.model.shapes import Path
from tiphys.model.templates import LifecycleHook
from tiphys.model.variables import VARIABLES, find_variable
from tiphys.model.workflow import Workflow

_TAG: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_OF_ITEM: Final = re.compile(r"\{\{=?[^}]*\bitem\b")
_CALL: Final = re.compile(r"([^.()]+)(\(\d+:[^()]*\))?(?:\.(.*))?\Z", re.DOTALL)
_PHASES: Final = ("Pending", "Running", "Succeeded", "Failed", "Error", "Skipped", "Omitted")
_RETRIED: Final = ("retries", "lastRetry")
_ELSEWHERE: Final = ("steps", "tasks", "inputs", "outputs", "pod")
_OUTSIDE: Final = "hooks of the workflow know `workflow.*` only"


@dataclass(frozen=True, slots=True)
class _Fault:
    """Why a name has no value. `text` stands after the name."""

    hint: str = ""
    text: str = "has no value here"
    rule: str = "TIP108"


@dataclass(frozen=True, slots=True)
class _Hook:
    """A hook and where it stands; `call` is its step or task, None for one of the workflow."""

    hook: LifecycleHook
    path: Path
    call: Call | None = None

    @property
    def is_of_item(self) -> bool:
        """Say whether it belongs to each item of a loop; of a task only if it mentions it."""
        call = self.call
        if call is None or not call.is_loop:
            return False
        texts = [
            self.hook.expression,
            *(item.value or "" for item in self.hook.arguments.parameters),
        ]
        return call.kind == "steps" or any(map(_OF_ITEM.search, texts))


def warn_of_hook_names(survey: Survey) -> None:
    """Note what hooks name and cannot have."""
    for hook in _hooks(survey):
        _warn_of_expression(survey, hook, hook.hook.expression, (*hook.path, "expression"))
        if hook.call is None:
            _warn_of_arguments(survey, hook)


def _hooks(survey: Survey) -> Iterator[_Hook]:
    for name, hook in survey.spec.hooks.items():
        yield _Hook(hook, (*survey.root, "hooks", name))
    for call in survey.calls:
        for name, hook in call.item.hooks.items():
            yield _Hook(hook, (*call.path, "hooks", name), call)


def _warn_of_expression(survey: Survey, hook: _Hook, text: str, path: Path) -> None:
    try:
        root = parse_expression(_TAG.sub("x", text)) if text else None
    except ExprError:
        return  # that is said already
    if root is None:
        return
    known = {node.name for node in walk(root) if isinstance(node, Let)}
    known |= {"", "x"} if "{{" in text else {""}
    for name in consumed_paths(root):
        fault = None if name.partition(".")[0] in known else _fault(survey, hook, name)
        if fault is not None:
            survey.note(fault.rule, f"`{name}` {fault.text}", path, fault.hint)
    for phase in _compared(root):
        if phase not in _PHASES:
            survey.note("TIP108", f"`{phase}` is no phase", path, suggestion(phase, _PHASES))


def _compared(root: Node) -> Iterator[str]:
    """Yield what a status is compared with."""
    for node in walk(root):
        if not (isinstance(node, Binary) and node.operator in ("==", "!=")):
            continue
        for side, other in ((node.left, node.right), (node.right, node.left)):
            is_status = (path_of(side) or "").endswith(".status")
            if is_status and isinstance(other, Constant) and isinstance(other.value, str):
                yield other.value


def _warn_of_arguments(survey: Survey, hook: _Hook) -> None:
    """Note what a hook of the workflow passes on and does not know."""
    for tag in find_tags(encode(hook.hook.arguments), (*hook.path, "arguments")):
        if tag.is_expression:
            _warn_of_expression(survey, hook, tag.text[1:], tag.path)
            continue
        root = tag.text.partition(".")[0]
        reason = f"{{{{{tag.text}}}}} is unknown in a hook of the workflow: it stays as it is"
        if root == "item":
            survey.note("TIP009", reason, tag.path)
        elif root in _ELSEWHERE:
            survey.note("TIP105", reason, tag.path, _OUTSIDE)
        elif root == "workflow" and (fault := _of_workflow(survey, tag.text)):
            survey.note("TIP105", reason, tag.path, fault.hint)


# ------------------------------------------------------------------------------------- names


def _fault(survey: Survey, hook: _Hook, path: str) -> _Fault | None:
    """Return why a name has no value in the expression of a hook, None if it may have one."""
    root, _, rest = path.partition(".")
    if root == "workflow":
        return _of_workflow(survey, path) if rest else None
    call = hook.call
    if call is None:
        return _Fault(_OUTSIDE)
    template = call.body.template
    if root == call.kind:
        return _of_call(survey, hook, call, rest) if rest else None
    if root == "inputs":
        names = [item.name for item in template.inputs.parameters]
        is_known = call.body.caller is not None or not rest.startswith("parameters.")
        name = rest.removeprefix("parameters.").partition(".")[0]
        return None if is_known or name in names else _Fault(suggestion(name, names))
    if root in _RETRIED:
        is_retried = template.retry_strategy or survey.spec.retry_strategy
        return None if is_retried else _Fault("only a template with a retryStrategy knows it")
    is_known = path == "node.name" or (root == "item" and hook.is_of_item)
    return None if is_known else _Fault(suggestion(root, (call.kind, "inputs", "workflow")))


def _of_workflow(survey: Survey, path: str) -> _Fault | None:
    parts = path.split(".")
    is_whole = isinstance(survey.resource, Workflow) and survey.spec.workflow_template_ref is None
    if parts[1] == "parameters" and len(parts) > 2:
        names = ["json", *(item.name for item in survey.spec.arguments.parameters)]
        is_known = parts[2] in names or not is_whole
        return None if is_known else _Fault(suggestion(parts[2], names))
    known = [item.name for item in VARIABLES if item.name.startswith("workflow.")]
    if find_variable(path) is not None or any(name.startswith(f"{path}.") for name in known):
        return None
    return _Fault(suggestion(path, known))


def _of_call(survey: Survey, hook: _Hook, call: Call, rest: str) -> _Fault | None:
    """Return why a hook cannot have something of a step or task."""
    found = _CALL.match(rest)
    if found is None:
        return None
    name, item, field = found[1], found[2] or "", found[3] or ""
    siblings = survey.siblings(call.body)
    other = siblings.get(name)
    if other is None:
        return _Fault(suggestion(name, siblings))
    if item and not _is_item(other, hook, f"{name}{item}"):
        return _Fault(f"the whole of it is `{call.kind}.{name}`")
    if other is call:
        return _of_own(survey, call, field)
    if call.kind == "steps":
        return _of_step(survey, call, other, field, bool(item))
    if not waits_for(survey.dependencies(call.body), call.name, name):
        return _Fault(f"`{call.name}` does not wait for `{name}`")
    return _of_output(survey, other, field)


def _is_item(other: Call, hook: _Hook, name: str) -> bool:
    """Say whether a hook may name the node of an item so."""
    is_near = other is hook.call or other.kind == "steps"
    if not (other.is_loop and is_near and (other.kind == "steps" or hook.is_of_item)):
        return False
    items = other.item.with_items
    if not items or "{{" in str(items):
        return True
    return name in {f"{other.name}({n}:{item_suffix(item)})" for n, item in enumerate(items)}


def _of_own(survey: Survey, call: Call, field: str) -> _Fault | None:
    if field in ("outputs.result", "exitCode"):
        text = f"is what a hook of `{call.name}` itself cannot have"
        return _Fault("use an output parameter", text, "TIP304")
    if field in ("status", "", "outputs", "outputs.parameters"):
        return None
    if not field.startswith("outputs."):
        return _Fault("of its own step or task a hook knows `status` and `outputs.parameters`")
    return _of_output(survey, call, field)


def _of_step(survey: Survey, call: Call, other: Call, field: str, is_item: bool) -> _Fault | None:
    if other.group > call.group:
        return _Fault(f"`{other.name}` runs later")
    if other.group == call.group:
        if other.is_loop and not is_item:
            return _Fault(f"name one of its items, as `steps['{other.name}(0:...)']`")
        return None if field in ("status", "") else _Fault(f"`{other.name}` runs beside it")
    if is_item:
        return _Fault(f"the whole of it is `steps.{other.name}`")
    return _of_output(survey, other, field)


def _of_output(survey: Survey, other: Call, field: str) -> _Fault | None:
    """Return what is wrong with a parameter that no template makes."""
    called = survey.called(other.item)
    prefix = "outputs.parameters."
    if called is None or not field.startswith(prefix):
        return None
    names = [item.name for item in called.outputs.parameters]
    name = field.removeprefix(prefix)
    return None if name in names else _Fault(suggestion(name, names))
