"""Whether every `{{variable}}` of a text can be resolved. Source: reference/validation.md 4.

Argo workflow/validate/validate.go, resolveAllVariables. Only simple tags are looked up;
expression tags are only read for syntax.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from tiphys.compile.validate_context import Checker, Spot, Stop
from tiphys.expr.errors import ExprError
from tiphys.expr.parse import parse_expression
from tiphys.model.base import Json, Model
from tiphys.model.codec import encode, suggestion, to_json
from tiphys.model.decode import path_text
from tiphys.model.shapes import Path
from tiphys.model.variables import EVERYWHERE, find_variable

_CHECKED: Final = ("item.", "steps.", "inputs.", "outputs.", "pod.", "workflow.", "tasks.")
_ACCEPTED: Final = (
    "outputs.",
    "workflow.creationTimestamp",
    "workflow.scheduledTime",
    "workflow.duration",
    "tasks.name",
    "steps.name",
    "node.name",
)
_ARGUMENTS: Final = "workflow.parameters."
_MOST_COMPARED: Final = 500


@dataclass(slots=True)
class Scope:
    """The names a text may use; a child sees its parent's names, not the other way round."""

    parent: Scope | None = None
    names: set[str] = field(default_factory=set)
    open_prefixes: set[str] = field(default_factory=set)
    """Prefixes of which everything is accepted, because what they are is not known."""
    any_item: bool = False

    def child(self) -> Scope:
        """Return a scope that adds to this one."""
        return Scope(self)

    def knows(self, name: str) -> bool:
        """Say whether `name` is in scope."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names or any(map(name.startswith, scope.open_prefixes)):
                return True
            if scope.any_item and name.startswith("item."):
                return True
            scope = scope.parent
        return False

    def every_name(self) -> Iterator[str]:
        """Yield all names, for suggestions."""
        scope: Scope | None = self
        while scope is not None:
            yield from scope.names
            scope = scope.parent


def tags(text: str) -> Iterator[str]:
    """Yield what stands between `{{` and the first `}}` after it, untrimmed.

    Raises ValueError when there is no end. Source: valyala/fasttemplate.
    """
    position = 0
    while (start := text.find("{{", position)) >= 0:
        end = text.find("}}", start + 2)
        if end < 0:
            raise ValueError(text[start:])
        yield text[start + 2 : end]
        position = end + 2


def has_tag(text: str) -> bool:
    """Say whether the text has a tag, or might have."""
    return "{{" in text


def check_variables(
    checker: Checker, scope: Scope, value: Model | Json, prefix: str, spot: Spot, rule: str
) -> None:
    """Fail with `prefix` if a simple tag in the JSON of `value` cannot be resolved.

    Every tag that cannot is noted. `spot` is where `value` stands.
    """
    text = to_json(value).decode("utf-8", "surrogatepass")
    unknown = dict.fromkeys(_unknown_tags(checker, scope, text, (rule, prefix), spot))
    if not unknown:
        return
    plain = encode(value) if isinstance(value, Model) else value
    for tag in unknown:
        _note_unknown(checker, scope, (rule, prefix, tag), plain, spot)
    raise Stop


def _unknown_tags(
    checker: Checker, scope: Scope, text: str, words: tuple[str, str], spot: Spot
) -> Iterator[str]:
    rule, prefix = words
    try:
        for tag in tags(text):
            if not tag.startswith("=") and not is_known(checker, scope, tag.strip()):
                yield tag
    except ValueError:
        if checker.is_torn(spot):
            return
        reason = f'Cannot find end tag="}}}}" in the template={json.dumps(text)}'
        checker.fail(rule, prefix + reason, spot, "a `{{` has no `}}`")


def is_known(checker: Checker, scope: Scope, tag: str) -> bool:
    """Say whether validation accepts a trimmed simple tag."""
    if not tag.startswith(_CHECKED) or tag.startswith(_ACCEPTED):
        return True
    if tag in checker.globals or scope.knows(tag):
        return True
    if checker.any_output_parameter and tag.startswith("workflow.outputs.parameters."):
        return True
    if checker.any_output_artifact and tag.startswith("workflow.outputs.artifacts."):
        return True
    return checker.is_template and tag.startswith("workflow.parameters")


def _note_unknown(
    checker: Checker, scope: Scope, words: tuple[str, str, str], value: Json, spot: Spot
) -> None:
    rule, prefix, tag = words
    name = tag.strip()
    known = islice(_similar(name, (*scope.every_name(), *checker.globals)), _MOST_COMPARED)
    place = spot.at(*(_find_text(value, "{{" + tag + "}}") or ()))
    hint = _hint(name, known) or _undeclared(checker, name)
    checker.note(rule, f"{prefix}failed to resolve {{{{{tag}}}}}", place, hint)


def _undeclared(checker: Checker, name: str) -> str:
    """Where a variable would have to be declared."""
    if name.startswith("workflow.parameters."):
        return f"declare the parameter in `{path_text(checker.root)}.arguments.parameters`"
    if name.startswith(("inputs.parameters.", "inputs.artifacts.")):
        return f"declare it in the template's `{name.rpartition('.')[0]}`"
    return ""


def _hint(name: str, known: Iterable[str]) -> str:
    """Where the variable is known, if it is one; else the one that was probably meant."""
    found = find_variable(name)
    elsewhere = ""
    if found is not None and found.where != EVERYWHERE:
        elsewhere = f"`{found.name}` is known {found.where}"
        if found.name == name:
            return elsewhere
    return suggestion(name, known) or elsewhere


def _similar(name: str, known: Iterable[str]) -> Iterator[str]:
    """The names worth comparing: a large DAG has a hundred thousand."""
    if name.startswith(_ARGUMENTS):
        known = (item for item in known if item.startswith(_ARGUMENTS))
    for item in known:
        if abs(len(item) - len(name)) <= 4 and item[:5] == name[:5]:
            yield item


def _find_text(value: Json, wanted: str) -> Path | None:
    if isinstance(value, str):
        return () if wanted in value else None
    members: Iterable[tuple[str | int, Json]] = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for part, member in members:
        found = _find_text(member, wanted)
        if found is not None:
            return (part, *found)
    return None


def check_expressions(checker: Checker, value: Model, prefix: str, spot: Spot) -> None:
    """Note every `{{=...}}` tag in the JSON of `value` that is not an expression.

    Source: reference/validation.md T12; language.md 3.2.
    """
    text = to_json(value).decode("utf-8", "surrogatepass")
    if "{{" not in text:
        return
    found: list[str] = []
    try:
        found.extend(tags(text))
    except ValueError:
        reason = f'Cannot find end tag="}}}}" in the template={json.dumps(text)}'
        checker.note("T12", prefix + reason, spot, "a `{{` has no `}}`")
        checker.torn.add(spot)
    for source in dict.fromkeys(tag[1:] for tag in found if tag.startswith("=")):
        try:
            parse_expression(json.loads(f'"{source}"', strict=False))
        except (ExprError, ValueError) as exc:
            place = _find_text(encode(value), "{{=" + _unescaped(source) + "}}") or ()
            reason = f"{prefix}failed to evaluate expression: {exc}"
            checker.note("T12", reason, spot.at(*place))


def _unescaped(source: str) -> str:
    try:
        return str(json.loads(f'"{source}"', strict=False))
    except ValueError:
        return source
