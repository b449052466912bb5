"""Text with `{{name}}` and `{{=expression}}` tags.

Two layers with the same results: `replace` works on a whole text (normally the JSON of an
object) as Argo does; `compile_text` and `compile_json` take strings apart once, and resolving
looks up only what a string refers to. Source: Argo util/template; language.md 2 to 4, 7.1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from tiphys.expr.errors import ExprError, TemplateError
from tiphys.expr.gotext import json_string, quote, quote_body, trim_space
from tiphys.expr.template_tags import (
    INVALID_RESULT,
    LENIENT,
    STRICT,
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
    return _replace(text, MapScope(values), mode, context, raw)


def _replace(text: str, scope: Scope, mode: Mode, context: Context, raw: bool) -> str:
    if not raw and not _is_json(text):
        raise TemplateError("cannot do template replacements with invalid JSON")
    parts, rest = cut_tags(text)
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

    __slots__ = ("_parts", "closed", "literal", "names", "source")

    def __init__(self, source: str) -> None:
        """Cut the string; nothing is looked up and nothing fails."""
        self.source = source
        self._parts: list[str | Tag] = [source]
        self.closed = True
        if "{{" in source:
            parts, rest = cut_tags(json_string(source)[1:-1])
            self.closed = rest is None
            self._parts = [
                decode_json_body(part) if isinstance(part, str) else part for part in parts
            ]
        tags = [part for part in self._parts if not isinstance(part, str)]
        self.literal = not tags and self.closed
        self.names = _NO_NAMES.union(*(tag.names for tag in tags))

    def resolve(self, scope: Scope, mode: Mode, context: Context) -> str:
        """Return the string with its tags resolved; raises TemplateError."""
        if self.literal:
            return self.source
        found = self.parts(scope, mode, context) if self.closed else None
        return str(_by_text(self.source, scope, mode, context)) if found is None else found

    def parts(self, scope: Scope, mode: Mode, context: Context) -> str | None:
        """Return the string with its tags resolved, None if only its JSON can tell the error."""
        made: list[str] = []
        for part in self._parts:
            if isinstance(part, str):
                made.append(part)
                continue
            found = part.resolve(scope, mode, context)
            if found is None:
                made.append(decode_json_body(part.kept))
            elif found.exact or not has_bad_characters(found.text):
                made.append(found.text)
            else:
                return None
        return "".join(made)


def _by_text(source: Json, scope: Scope, mode: Mode, context: Context) -> Json:
    """Return a document resolved as Argo does it, as one text.

    The parts know as much, but for two cases: a tag that begins in one string and ends in another,
    and a value that makes the text invalid, which is noticed after every other error.
    """
    result: Json = json.loads(_replace(_json_text(source), scope, mode, context, raw=False))
    return result


def _json_text(value: Json) -> str:
    """Return JSON as Go writes it, keys in the order they have."""
    if isinstance(value, str):
        return json_string(value)
    if isinstance(value, list):
        return "[" + ",".join(map(_json_text, value)) + "]"
    if isinstance(value, dict):
        pairs = (f"{json_string(key)}:{_json_text(item)}" for key, item in value.items())
        return "{" + ",".join(pairs) + "}"
    return json.dumps(value)


class _OnlyText(Exception):
    """What is being resolved must be resolved as one text."""


@lru_cache(maxsize=16384)
def compile_text(text: str) -> Text:
    """Return one string (its value, not JSON) ready to be resolved."""
    return Text(text)


_Resolve = Callable[[Scope, Mode, Context], Json]
_TextResolve = Callable[[Scope, Mode, Context], str]


class Body:
    """A JSON tree, taken apart. Make it with `compile_json`."""

    __slots__ = ("_closed", "_resolve", "literal", "names", "source")

    def __init__(self, source: Json) -> None:
        """Compile every string; parts without tags are shared, not copied."""
        self.source = source
        texts: list[Text] = []
        self._resolve = _compile(source, texts)
        self._closed = all(text.closed for text in texts)
        self.literal = self._resolve is None
        self.names = _NO_NAMES.union(*(text.names for text in texts))

    def resolve(self, scope: Scope, mode: Mode, context: Context) -> Json:
        """Return the tree with its tags resolved; raises TemplateError.

        Parts without tags are the same objects as in the source: do not change them.
        """
        if self._resolve is None:
            return self.source
        if self._closed:
            with suppress(_OnlyText):
                return self._resolve(scope, mode, context)
        return _by_text(self.source, scope, mode, context)


def compile_json(value: Json) -> Body:
    """Return a JSON tree ready to be resolved; tags in keys count too."""
    return Body(value)


def _compile(value: Json, texts: list[Text]) -> _Resolve | None:
    """Return how to resolve the value, None when it has no tags; collects the strings with tags."""
    if isinstance(value, str):
        return _compile_string(value, texts)
    if isinstance(value, list):
        return _compile_list(value, texts)
    if isinstance(value, dict):
        return _compile_dict(value, texts)
    return None


def _compile_string(value: str, texts: list[Text]) -> _TextResolve | None:
    text = compile_text(value)
    if text.literal:
        return None
    texts.append(text)

    def resolve(scope: Scope, mode: Mode, context: Context) -> str:
        found = text.parts(scope, mode, context)
        if found is None:
            raise _OnlyText
        return found

    return resolve


def _compile_list(value: list[Json], texts: list[Text]) -> _Resolve | None:
    parts = [(item, _compile(item, texts)) for item in value]
    if all(part is None for _, part in parts):
        return None

    def resolve(scope: Scope, mode: Mode, context: Context) -> Json:
        return [item if part is None else part(scope, mode, context) for item, part in parts]

    return resolve


def _compile_dict(value: dict[str, Json], texts: list[Text]) -> _Resolve | None:
    members = [
        (key, _compile_string(key, texts), item, _compile(item, texts))
        for key, item in value.items()
    ]
    if all(key is None and part is None for _, key, _, part in members):
        return None

    def resolve(scope: Scope, mode: Mode, context: Context) -> Json:
        return {
            (name if key is None else key(scope, mode, context)): (
                item if part is None else part(scope, mode, context)
            )
            for name, key, item, part in members
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
