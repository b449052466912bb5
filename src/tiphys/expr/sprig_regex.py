"""The sprig functions on regular expressions. Source: sprig regex.go; language.md 12.8."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tiphys.expr.errors import RegexError
from tiphys.expr.functions import text, whole
from tiphys.expr.goregex import GoRegex, compile_regex, quote_meta
from tiphys.expr.gotext import quote
from tiphys.expr.running import Fault, Running
from tiphys.expr.sprig_base import Implementation, Table, string_list
from tiphys.expr.values import TypedList, Value

_Use = Callable[[Running, GoRegex, list[Value]], Value]


def _with_regex(use: _Use, must: bool) -> Implementation:
    def run(running: Running, arguments: list[Value]) -> Value:
        pattern = text(arguments[0])
        try:
            regex = compile_regex(pattern)
        except RegexError as error:
            if must:
                raise Fault(error.message) from error
            shown = quote(pattern) if "`" in pattern else f"`{pattern}`"
            raise Fault(f"regexp: Compile({shown}): {error.message}") from error
        return use(running, regex, arguments[1:])

    return run


def _match(_: Running, arguments: list[Value]) -> Value:
    try:
        return compile_regex(text(arguments[0])).matches(text(arguments[1]))
    except RegexError:
        return False


def _find(_: Running, regex: GoRegex, arguments: list[Value]) -> Value:
    found = regex.search(text(arguments[0]))
    return found.group() if found else ""


def _listed(running: Running, items: list[str]) -> TypedList:
    running.charge(len(items))
    made = string_list(items)
    made.nil = not items
    return made


def _find_all(running: Running, regex: GoRegex, arguments: list[Value]) -> Value:
    return _listed(running, regex.find_all(text(arguments[0]), whole(arguments[1])))


def _replace(running: Running, regex: GoRegex, arguments: list[Value]) -> Value:
    return running.text(regex.replace(text(arguments[0]), text(arguments[1])))


def _replace_literal(running: Running, regex: GoRegex, arguments: list[Value]) -> Value:
    return running.text(regex.replace_literal(text(arguments[0]), text(arguments[1])))


def _split(running: Running, regex: GoRegex, arguments: list[Value]) -> Value:
    return _listed(running, regex.split(text(arguments[0]), whole(arguments[1])))


_WITH_REGEX: Final[dict[str, tuple[str, _Use]]] = {
    "Match": ("ss", lambda _, regex, a: regex.matches(text(a[0]))),
    "Find": ("ss", _find),
    "FindAll": ("ssi", _find_all),
    "ReplaceAll": ("sss", _replace),
    "ReplaceAllLiteral": ("sss", _replace_literal),
    "Split": ("ssi", _split),
}
REGEX: Final[Table] = {
    **{f"regex{n}": (s, _with_regex(use, must=False)) for n, (s, use) in _WITH_REGEX.items()},
    **{f"mustRegex{n}": (s, _with_regex(use, must=True)) for n, (s, use) in _WITH_REGEX.items()},
    "regexMatch": ("ss", _match),
    "regexQuoteMeta": ("s", lambda _, a: quote_meta(text(a[0]))),
}
