"""Warnings about expressions: whether they can be read, and whether what they name exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tiphys.compile.warnings.closed_names import DATA, HTTP, RETRY, Names, unknown_names
from tiphys.compile.warnings.survey import Body, Call, Survey
from tiphys.expr.errors import ExprError
from tiphys.expr.names import BUILTINS
from tiphys.expr.parse import parse_expression
from tiphys.expr.tree import (
    Binary,
    Identifier,
    Let,
    Member,
    Node,
    consumed_paths,
    path_of,
    walk,
)
from tiphys.expr.tree import Call as FunctionCall
from tiphys.model.artifacts import Artifact
from tiphys.model.codec import suggestion
from tiphys.model.cron import CronWorkflow
from tiphys.model.shapes import Path
from tiphys.model.workflow import Workflow

_FUNCTIONS: Final = ("asFloat", "asInt", "jsonpath", "toJson")
_ROOTS: Final = ("inputs.", "steps.", "tasks.", "workflow.", "outputs.", "lastRetry.")
_GUARDS: Final = ("??", "nil", "?.", " in ")
_TAG: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Source:
    """An expression; `is_bare` when Argo's functions are not known in it.

    `names` are all that its environment holds, if nothing of a workflow can add to them.
    """

    text: str
    path: Path
    owner: Body | Call | None = None
    is_bare: bool = False
    names: Names | None = None


def warn_of_expressions(survey: Survey) -> None:
    """Note what validation does not: it only reads the syntax of `{{=...}}`."""
    for source in filter(lambda item: item.text, _sources(survey)):
        try:
            root = parse_expression(_TAG.sub("x", source.text))
        except ExprError as exc:
            reason = f"this is no expression: {exc.message.splitlines()[0]}"
            survey.note("TIP504", reason, source.path)
            continue
        _warn_of_functions(survey, source, root)
        _warn_of_names(survey, source, root)


def _sources(survey: Survey) -> Iterator[_Source]:
    for owner in survey.owners():
        for tag in survey.tags_of(owner):
            if tag.is_expression and _can_be_read(tag.text[1:]):
                yield _Source(tag.text[1:], tag.path, owner)
    for body in survey.bodies:
        yield from _of_body(body)
    for call in survey.calls:
        for name, hook in call.item.hooks.items():
            yield _Source(hook.expression, (*call.path, "hooks", name, "expression"))
        place = (*call.path, "arguments", "artifacts")
        yield from _of_artifacts(call.item.arguments.artifacts, place, call)
    yield from (item for item in _of_spec(survey))


def _can_be_read(text: str) -> bool:
    """Say whether validation accepts it: what it refuses is an error already."""
    try:
        parse_expression(text)
    except ExprError:
        return False
    return True


def _of_body(body: Body) -> Iterator[_Source]:
    template, path = body.template, body.path
    if template.retry_strategy is not None:
        place = (*path, "retryStrategy", "expression")
        yield _Source(template.retry_strategy.expression, place, body, names=RETRY)
    for index, item in enumerate(template.outputs.parameters):
        if item.value_from is not None:
            place = (*path, "outputs", "parameters", index, "valueFrom", "expression")
            yield _Source(item.value_from.expression, place, body)
    yield from _of_artifacts(template.outputs.artifacts, (*path, "outputs", "artifacts"), body)
    if template.http is not None:
        text, place = template.http.success_condition, (*path, "http", "successCondition")
        yield _Source(text, place, is_bare=True, names=HTTP)
    for index, step in enumerate(template.data.transformation if template.data else ()):
        place = (*path, "data", "transformation", index, "expression")
        yield _Source(step.expression, place, is_bare=True, names=DATA)


def _of_artifacts(
    artifacts: tuple[Artifact, ...], path: Path, owner: Body | Call
) -> Iterator[_Source]:
    for index, item in enumerate(artifacts):
        yield _Source(item.from_expression, (*path, index, "fromExpression"), owner)


def _of_spec(survey: Survey) -> Iterator[_Source]:
    spec, root = survey.spec, survey.root
    for name, hook in spec.hooks.items():
        yield _Source(hook.expression, (*root, "hooks", name, "expression"))
    if spec.retry_strategy is not None:
        place = (*root, "retryStrategy", "expression")
        yield _Source(spec.retry_strategy.expression, place, names=RETRY)
    metadata = spec.workflow_metadata
    for name, label in metadata.labels_from.items() if metadata is not None else ():
        place = (*root, "workflowMetadata", "labelsFrom", name, "expression")
        yield _Source(label.expression, place)
    if isinstance(survey.resource, CronWorkflow):
        stop = survey.resource.spec.stop_strategy
        if stop is not None:
            path = ("spec", "stopStrategy", "expression")
            yield _Source(stop.expression, path, is_bare=True)


def _warn_of_functions(survey: Survey, source: _Source, root: Node) -> None:
    nodes = list(walk(root))
    bound = {node.name for node in nodes if isinstance(node, Let)}
    for node in nodes:
        if not isinstance(node, FunctionCall):
            continue
        name = path_of(node.callee) or ""
        if name.startswith("sprig.") and not source.is_bare:
            hint = _sprig_hint(name.removeprefix("sprig."))
            if hint is not None:
                survey.note("TIP505", f"sprig has no function `{name}`", source.path, hint)
            continue
        known = () if source.is_bare else _FUNCTIONS
        if name and "." not in name and name not in bound and name not in known:
            hint = suggestion(name, (*BUILTINS, *known))
            survey.note("TIP505", f"there is no function `{name}` here", source.path, hint)


def _sprig_hint(name: str) -> str | None:
    """Return a hint for a function that sprig does not have, None if it has it."""
    from tiphys.expr.sprig import SPRIG

    if name in SPRIG:
        return None
    return suggestion(name, SPRIG)


def _warn_of_names(survey: Survey, source: _Source, root: Node) -> None:
    cut = {path for path, _ in _subtractions(root)}
    for path, name in _subtractions(root):
        parent, _, last = path.rpartition(".")
        reason = f"`{path}-{name}` is a subtraction"
        survey.note("TIP509", reason, source.path, f"write `{parent}['{last}-{name}']`")
    for path in consumed_paths(root):
        if path not in cut:
            _warn_of_name(survey, source, path)
    if source.names is not None:
        for path, hint in unknown_names(root, source.names):
            survey.note("TIP108", f"`{path}` has no value here", source.path, hint)


def _subtractions(root: Node) -> Iterator[tuple[str, str]]:
    """Yield what looks like a name with a dash in it."""
    for node in walk(root):
        if not (isinstance(node, Binary) and node.operator == "-"):
            continue
        left = path_of(node.left) if isinstance(node.left, Member) else None
        right = node.right
        while isinstance(right, Binary):
            right = right.left
        word = path_of(right) or ""
        if (
            left
            and left.startswith(_ROOTS)
            and word
            and isinstance(node.right, Identifier | Member)
        ):
            yield left, word.partition(".")[0]


def _warn_of_name(survey: Survey, source: _Source, path: str) -> None:
    """A step, task, input or parameter that does not exist."""
    owner, parts = source.owner, path.split(".")
    if owner is None or len(parts) < 2 or _is_beside(survey, source, parts):
        return
    body = owner.body if isinstance(owner, Call) else owner
    known = _known(survey, body, parts)
    name = parts[1] if parts[0] in ("steps", "tasks") else parts[2] if len(parts) > 2 else ""
    if known is None or not name or name in known:
        return
    survey.note("TIP108", f"`{path}` has no value here", source.path, suggestion(name, known))


def _is_beside(survey: Survey, source: _Source, parts: list[str]) -> bool:
    """Note a step of the same group; an expression that says what to do without it may ask."""
    call = source.owner
    if not isinstance(call, Call) or parts[0] != "steps" or "hooks" in source.path:
        return False
    other = survey.siblings(call.body).get(parts[1])
    if other is None or other is call or other.kind != "steps" or other.group != call.group:
        return False
    if not any(word in source.text for word in _GUARDS):
        name = ".".join(parts)
        reason = f"`{other.name}` runs beside `{call.name}`, in the same group: `{name}` has"
        survey.note("TIP103", f"{reason} no value yet", source.path, "put it into a later group")
    return True


def _known(survey: Survey, body: Body, parts: list[str]) -> list[str] | None:
    """Return the names that are known in the place of a path's name, None if anything may be."""
    if parts[0] in ("steps", "tasks"):
        calls = survey.siblings(body)
        kinds = {call.kind for call in calls.values()}
        return list(calls) if parts[0] in kinds else None
    if parts[:2] == ["inputs", "parameters"] and body.caller is None:
        return [item.name for item in body.template.inputs.parameters]
    is_whole = isinstance(survey.resource, Workflow) and survey.spec.workflow_template_ref is None
    if parts[:2] == ["workflow", "parameters"] and is_whole:
        return ["json", *(item.name for item in survey.spec.arguments.parameters)]
    return None
