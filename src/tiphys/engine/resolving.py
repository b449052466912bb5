"""Strings with tags to text, in a scope.

One pass sees every layer of the scope at once. Where a value that was put in holds tags itself, a
second pass resolves those, as Argo's later passes over the same text do (reference/language.md
2.6).
"""

from __future__ import annotations

from collections.abc import Mapping

from tiphys.engine.scope import Names, environment
from tiphys.errors import UserError
from tiphys.expr.errors import TemplateError
from tiphys.expr.template import LENIENT, Body, Mode, Text, compile_json, compile_text
from tiphys.expr.values import Context, Missing
from tiphys.model.base import Json


class CallError(UserError):
    """A call cannot be made: its node becomes Error with this text.

    `missing` when it refers to a variable that does not exist. Differs: Argo looks again and
    again for such a variable, for ever. What a step or task may refer to is settled before it is
    looked at, so a variable that is missing then will never appear, and waiting helps nobody.
    """

    def __init__(self, message: str, missing: bool = False) -> None:
        self.message = message
        self.missing = missing
        super().__init__(message)


class _Scope:
    """The scope of the engine as the expression room sees it."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def get(self, name: str) -> object | Missing:
        """Return one variable."""
        return self._names.get(name)

    def under(self, path: str) -> Mapping[str, object]:
        """Return the variables at, under and above a path."""
        return environment(self._names, path)


def look_up(name: str, scope: Names) -> object | Missing:
    """Return one variable as it is. Raises CallError if it exists and cannot be read."""
    try:
        return scope.get(name)
    except TemplateError as exc:
        raise CallError(exc.message, exc.missing) from exc


def resolve_text(text: Text, scope: Names, mode: Mode, context: Context) -> str:
    """Return a string with its tags resolved. Raises CallError."""
    if text.literal:
        return text.source
    try:
        found = text.resolve(_Scope(scope), mode, context)
        if "{{" in found and found != text.source:
            found = compile_text(found).resolve(_Scope(scope), LENIENT, context)
    except TemplateError as exc:
        raise CallError(exc.message, exc.missing) from exc
    return found


def resolve_body(body: Body, scope: Names, mode: Mode, context: Context) -> Json:
    """Return a JSON tree with its tags resolved. Raises CallError."""
    wrapped = _Scope(scope)
    try:
        found = body.resolve(wrapped, mode, context)
        if any(_has_tags(scope.get(name)) for name in body.names):
            found = compile_json(found).resolve(wrapped, LENIENT, context)
    except TemplateError as exc:
        raise CallError(exc.message, exc.missing) from exc
    return found


def _has_tags(value: object) -> bool:
    return isinstance(value, str) and "{{" in value
