"""What each tag of a text yields, and why not: for people, not for the engine.

`tiphys expr` and `tiphys render` print it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from tiphys.expr.errors import TemplateError
from tiphys.expr.gotext import json_string
from tiphys.expr.template_tags import (
    ABSENT_OPTIONAL,
    LENIENT,
    STRICT,
    Scope,
    Tag,
    cut_tags,
    decode_json_body,
)
from tiphys.expr.tree import Let, Node, walk
from tiphys.expr.values import MISSING, Context

_MOST = 3


@dataclass(frozen=True, slots=True)
class TagResult:
    """One tag: the text it becomes, or None and the reason; `missing` are names without a value."""

    tag: str
    text: str | None
    reason: str = ""
    missing: tuple[str, ...] = ()


def explain_text(source: str, scope: Scope, context: Context) -> list[TagResult]:
    """Return what each tag of a string yields, in order; raises nothing."""
    parts, rest = cut_tags(json_string(source)[1:-1])
    results = [_explain(part, scope, context) for part in parts if not isinstance(part, str)]
    if rest is not None:
        results.append(TagResult("{{" + decode_json_body(rest), None, "there is no }} after it"))
    return results


def _explain(tag: Tag, scope: Scope, context: Context) -> TagResult:
    shown = decode_json_body(tag.kept)
    try:
        found = tag.resolve(scope, LENIENT, context)
        if found is not None:
            return TagResult(shown, found.text)
        tag.resolve(scope, STRICT, context)
        reason = "it stays as it is"
    except TemplateError as error:
        reason = error.message
    try:
        missing = () if ABSENT_OPTIONAL in reason else _missing(tag, scope)
    except TemplateError:  # a variable that is there and cannot be read, as `reason` says
        missing = ()
    return TagResult(shown, None, reason, missing)


def _missing(tag: Tag, scope: Scope) -> tuple[str, ...]:
    from tiphys.expr.template_expressions import ExpressionTag, is_known

    if isinstance(tag, ExpressionTag):
        names = tag.identifiers
        known = {name: value for path in names for name, value in scope.under(path).items()}
        return tuple(name for name in names if not is_known(name, known))
    return tuple(name for name in sorted(tag.names) if scope.get(name) is MISSING)


def nearest(name: str, known: Collection[str]) -> Sequence[str]:
    """Return the names most like a mistyped one, best first."""
    return get_close_matches(name, known, _MOST, 0.6)


def bound_names(root: Node) -> frozenset[str]:
    """Return the names that an expression binds itself, and `$env`."""
    return frozenset(node.name for node in walk(root) if isinstance(node, Let)) | {"$env"}


def _functions() -> Collection[str]:
    """Return the names of all functions of an expression."""
    from tiphys.expr.argo_functions import ARGO_FUNCTIONS
    from tiphys.expr.names import BUILTINS
    from tiphys.expr.sprig import SPRIG

    return [*BUILTINS, *ARGO_FUNCTIONS, *(f"sprig.{name}" for name in SPRIG)]


def hints(missing: Sequence[str], known: Collection[str]) -> list[str]:
    """Return a line for each missing name, and one with what is known."""
    lines = []
    for name in missing:
        if any(other.startswith(f"{name}.") for other in missing):
            continue  # the longest path says it
        near = nearest(name, known) or nearest(name, _functions())
        did_you_mean = f"; did you mean {', '.join(near)}?" if near else ""
        lines.append(f"{name} has no value here{did_you_mean}")
    lines.append("in scope: " + (", ".join(sorted(known)) or "nothing"))
    return lines
