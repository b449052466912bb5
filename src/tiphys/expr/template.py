"""Text with `{{name}}` and `{{=expression}}` tags.

Two layers with the same results: `replace` works on a whole text (normally the JSON of an
object) as Argo does; `compile_text` and `compile_json` take strings apart once, and resolving
looks up only what a string refers to. Source: Argo util/template; language.md 2 to 4, 7.1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from tiphys.expr.errors import ExprError, TemplateError
from tiphys.expr.gotext import json_string, quote, quote_body, trim_space
from tiphys.expr.template_tags import (
    INVALID_RESULT,
    LENIENT,
    STRICT,
    Found,
    MapScope,
    Mode,
    Scope,
    Tag,
    cut_tags,
    decode_json_body,
    fault,
    has_bad_characters,
    strict_prefix,
    unterminated,
)
from tiphys.expr.values import MISSING, Context, Json, Value

__all__ = [
    "LENIENT",
    "STRICT",
    "Body",
    "MapScope",
    "Mode",
    "Scope",
    "Text",
    "compile_json",
    "compile_text",
    "reference_name",
    "replace",
    "resolve_reference",
    "strict_prefix",
]

NO_CONTEXT: Final = Context(datetime(1970, 1, 1, tzinfo=UTC))
_NO_NAMES: Final[frozenset[str]] = frozenset()


def replace(
    text: str, values: Mapping[str, Value], mode: Mode, context: Context, raw: bool = False
) -> str:
    """Return the text after one pass over its tags.

    The text is JSON and stays JSON unless `raw` (CronWorkflow `when`, ConfigMap names and keys).
    Raises TemplateError. Source: Argo util/template/replace.go; language.md 2, 3.
    """
    if not raw and not _is_json(text):
        raise TemplateError("cannot do template replacements with invalid JSON")
    parts, rest = cut_tags(text)
    scope = MapScope(values)
    written = [
        part if isinstance(part, str) else _write(part, scope, mode, context) for part in parts
    ]
    if rest is not None:
        raise unterminated(text, rest)
    result = "".join(written)
    if not raw and not _is_json(result):
        raise TemplateError(INVALID_RESULT)
    return result


def _write(tag: Tag, scope: Scope, mode: Mode, context: Context) -> str:
    found = tag.resolve(scope, mode, context)
    if found is None:
        return tag.kept
    return json_string(found.text)[1:-1] if found.exact else quote_body(found.text)


def _refuse(text: str) -> Value:
    raise ValueError(text)


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True


class Text:
    """One string, taken apart. Make it with `compile_text`."""

    __slots__ = ("_parts", "_rest", "literal", "names", "source")

    def __init__(self, source: str) -> None:
        """Cut the string; nothing is looked up and nothing fails."""
        self.source = source
        self._parts: list[str | Tag] = [source]
        self._rest: str | None = None
        if "{{" in source:
            parts, self._rest = cut_tags(json_string(source)[1:-1])
            self._parts = [
                decode_json_body(part) if isinstance(part, str) else part for part in parts
            ]
        tags = [part for part in self._parts if not isinstance(part, str)]
        self.literal = not tags and self._rest is None
        self.names = _NO_NAMES.union(*(tag.names for tag in tags))

    def resolve(self, scope: Scope, mode: Mode, context: Context) -> str:
        """Return the string with its tags resolved; raises TemplateError."""
        if self.literal:
            return self.source
        parts = [
            part if isinstance(part, str) else _decoded(part, part.resolve(scope, mode, context))
            for part in self._parts
        ]
        if self._rest is not None:
            raise unterminated(json_string(self.source), self._rest + '"')
        return "".join(parts)


def _decoded(tag: Tag, found: Found | None) -> str:
    if found is None:
        return decode_json_body(tag.kept)
    if not found.exact and has_bad_characters(found.text):
        raise TemplateError(INVALID_RESULT)
    return found.text


@lru_cache(maxsize=16384)
def compile_text(text: str) -> Text:
    """Return one string (its value, not JSON) ready to be resolved."""
    return Text(text)


_Resolve = Callable[[Scope, Mode, Context], Json]


class Body:
    """A JSON tree, taken apart. Make it with `compile_json`."""

    __slots__ = ("_resolve", "literal", "names", "source")

    def __init__(self, source: Json) -> None:
        """Compile every string; parts without tags are shared, not copied."""
        self.source = source
        names: set[str] = set()
        self._resolve = _compile(source, names)
        self.literal = self._resolve is None
        self.names = frozenset(names)

    def resolve(self, scope: Scope, mode: Mode, context: Context) -> Json:
        """Return the tree with its tags resolved; raises TemplateError.

        Parts without tags are the same objects as in the source: do not change them.
        """
        return self.source if self._resolve is None else self._resolve(scope, mode, context)


def compile_json(value: Json) -> Body:
    """Return a JSON tree ready to be resolved; tags in keys count too."""
    return Body(value)


def _compile(value: Json, names: set[str]) -> _Resolve | None:
    """Return how to resolve the value, None when it has no tags; collects the names."""
    if isinstance(value, str):
        text = compile_text(value)
        names.update(text.names)
        return None if text.literal else text.resolve
    if isinstance(value, list):
        return _compile_list(value, names)
    if isinstance(value, dict):
        return _compile_dict(value, names)
    return None


def _compile_list(value: list[Json], names: set[str]) -> _Resolve | None:
    parts = [(item, _compile(item, names)) for item in value]
    if all(part is None for _, part in parts):
        return None

    def resolve(scope: Scope, mode: Mode, context: Context) -> Json:
        return [item if part is None else part(scope, mode, context) for item, part in parts]

    return resolve


def _compile_dict(value: dict[str, Json], names: set[str]) -> _Resolve | None:
    pairs = [(compile_text(key), item, _compile(item, names)) for key, item in value.items()]
    for key, _, _ in pairs:
        names.update(key.names)
    if all(key.literal and part is None for key, _, part in pairs):
        return None

    def resolve(scope: Scope, mode: Mode, context: Context) -> Json:
        return {
            key.resolve(scope, mode, context): (
                item if part is None else part(scope, mode, context)
            )
            for key, item, part in pairs
        }

    return resolve


def reference_name(text: str) -> str:
    """Return the name in a `valueFrom.parameter` or artifact `from`: braces and spaces removed.

    Source: Argo scope.go resolveVar; language.md 7.1.
    """
    return trim_space(trim_space(text).removeprefix("{{").removesuffix("}}"))


def resolve_reference(text: str, scope: Scope, context: Context = NO_CONTEXT) -> Value:
    """Return the value a reference names; None is an absent optional.

    Raises TemplateError with Argo's text. A leading `=` is an expression over the flat names.
    Source: Argo workflow/controller/scope.go; language.md 7.1.
    """
    name = reference_name(text)
    if not name.startswith("="):
        value = scope.get(name)
        if value is MISSING:
            raise fault(f"Unable to resolve: {quote(name)}")
        return value
    from tiphys.expr.evaluate import compile_expression

    source = name[1:]
    env = dict(scope.under(""))
    try:
        expression = compile_expression(source, env)
    except ExprError as error:
        raise fault(f"Unable to compile: {quote(source)}") from error
    try:
        return expression.evaluate(env, context)
    except ExprError as error:
        raise fault(f"Invalid expression: {quote(source)}") from error
