"""What is wrong with a WorkflowEventBinding whatever event comes. Pure.

Differs: Argo looks at the expressions of a binding only when an event has come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from tiphys.compile.triggers.bindings import (
    METADATA,
    NO_VALUE_FROM,
    NOT_TEXT,
    PARAMETER,
    SELECTOR,
)
from tiphys.errors import Finding
from tiphys.expr.argo_functions import ARGO_FUNCTIONS
from tiphys.expr.errors import ExprError
from tiphys.expr.evaluate import checked_type
from tiphys.expr.types import ANY, BOOL, MAP, STRING, Type, type_of
from tiphys.model.arguments import Parameter
from tiphys.model.decode import path_text
from tiphys.model.documents import Document
from tiphys.model.events import Submit, WorkflowEventBinding
from tiphys.model.shapes import Path

_EVENT: Final[Mapping[str, Type]] = {
    "namespace": STRING,
    "discriminator": STRING,
    "payload": ANY,
    "metadata": MAP,
}
_WITH_FUNCTIONS: Final = {
    **_EVENT,
    **{name: type_of(function) for name, function in ARGO_FUNCTIONS.items()},
}
_Fault = tuple[str, Path, str]


def binding_findings(binding: WorkflowEventBinding, source: Document | None) -> list[Finding]:
    """Return each expression that no event could make good, with its place if `source` is there."""
    submit = binding.spec.submit
    faults = [*_selector(binding.spec.event.selector)]
    if submit is not None:
        faults += [*_template(submit), *_metadata(submit), *_arguments(submit)]
    return [_finding(source, *fault) for fault in faults]


def _finding(source: Document | None, rule: str, path: Path, reason: str) -> Finding:
    found = Finding(reason) if source is None else source.finding(reason, path)
    return replace(found, path=path_text(path), rule=rule)


def _selector(text: str) -> Iterator[_Fault]:
    path: Path = ("spec", "event", "selector")
    try:
        kind = checked_type(text, _EVENT)
    except ExprError as exc:
        yield "E1", path, SELECTOR.format(exc.message)
        return
    if kind.kind not in {BOOL.kind, ANY.kind}:
        yield "E1", path, SELECTOR.format(f"the selector must be true or false, not a {kind.name}")


def _template(submit: Submit) -> Iterator[_Fault]:
    if not submit.workflow_template_ref.name:
        path: Path = ("spec", "submit", "workflowTemplateRef")
        yield "E4", path, "the name of the workflow template is missing"


def _metadata(submit: Submit) -> Iterator[_Fault]:
    own, path = submit.metadata, ("spec", "submit", "metadata")
    texts: list[tuple[str, Path, str]] = [
        ("name", (*path, "name"), own.name),
        ("generateName", (*path, "generateName"), own.generate_name),
    ]
    for field, word, given in (
        ("labels", "label", own.labels),
        ("annotations", "annotation", own.annotations),
    ):
        texts += [(f'{word} "{key}"', (*path, field, key), text) for key, text in given.items()]
    for what, place, text in texts:
        # A label may be empty, and is then an expression that cannot be read; a name is just none.
        if not text and what in {"name", "generateName"}:
            continue
        try:
            kind = checked_type(text, _WITH_FUNCTIONS)
        except ExprError as exc:
            yield "E2", place, METADATA.format(what, exc.message)
            continue
        if kind.kind not in {STRING.kind, ANY.kind}:
            yield "E2", place, NOT_TEXT.format(what, kind.name)


def _arguments(submit: Submit) -> Iterator[_Fault]:
    given = submit.arguments.parameters if submit.arguments is not None else ()
    for index, item in enumerate(given):
        path: Path = ("spec", "submit", "arguments", "parameters", index)
        fault = _argument(item)
        if fault:
            inner: Path = ("valueFrom", "event") if item.value_from is not None else ()
            yield "E3", (*path, *inner), fault


def _argument(parameter: Parameter) -> str:
    if parameter.value_from is None:
        return NO_VALUE_FROM.format(parameter.name)
    try:
        checked_type(parameter.value_from.event, _EVENT)
    except ExprError as exc:
        return PARAMETER.format(parameter.name, exc.message)
    return ""
