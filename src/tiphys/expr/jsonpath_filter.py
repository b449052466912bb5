"""The expressions inside filters and scripts of the `jsonpath()` dialect.

Source: evilmonkeyinc/jsonpath script/standard; language.md 14.3. Only `jsonpath` calls this.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tiphys.expr.errors import JsonPathError, RegexError
from tiphys.expr.goregex import compile_regex
from tiphys.expr.numbers import go_divide
from tiphys.expr.values import Value

Sub = Callable[[str, Value], Value]
_Evaluate = Callable[[Value, Sub], Value]

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<path>[$@](?:\.\.?[A-Za-z0-9_*]+|\[(?:'[^']*'|"[^"]*"|[^\[\]'"])*\])*)
    |(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    |(?P<string>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")
    |(?P<word>true|false|null|nil|not\ in|in)\b
    |(?P<operator>\|\||&&|==|!=|<=|>=|=~|\*\*|[<>+\-*/%!()\[\],]))""",
    re.VERBOSE,
)
_LEVELS: Final = (
    frozenset({"||"}),
    frozenset({"&&"}),
    frozenset({"==", "!=", "<", "<=", ">", ">=", "=~", "in", "not in"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
    frozenset({"**"}),
)
_WORDS: Final[dict[str, Value]] = {"true": True, "false": False, "null": None, "nil": None}
_MAX_DEPTH: Final = 50


@dataclass(frozen=True, slots=True)
class Condition:
    """An expression ready to be evaluated for each element."""

    _run: _Evaluate

    def evaluate(self, current: Value, root: Value, sub: Sub) -> Value:
        """Return its value; `sub` resolves paths. Raises JsonPathError."""
        del root
        return self._run(current, sub)


def truthy(value: Value) -> bool:
    """Return whether a filter keeps an element whose expression has this value."""
    if isinstance(value, (list, dict)):
        return True
    return bool(value)


def parse_condition(text: str, path: str) -> Condition:
    """Return the expression. One that is not well formed matches nothing when evaluated.

    Raises JsonPathError for an empty one and for a parenthesised left operand.
    """
    if not text.strip():
        raise JsonPathError("invalid expression. is empty")
    try:
        return Condition(_Parser(text, path).parse())
    except _MalformedError:
        return Condition(_fail)


def _fail(_: Value, __: Sub) -> Value:
    raise JsonPathError("invalid expression")


class _MalformedError(Exception):
    """The expression cannot be parsed."""


class _Parser:
    def __init__(self, text: str, path: str) -> None:
        self._path = path
        self._tokens = list(_scan(text))
        self._position = 0
        self._depth = 0

    def parse(self) -> _Evaluate:
        found = self._level(0)
        if self._position < len(self._tokens):
            raise _MalformedError
        return found

    def _peek(self) -> tuple[str, str]:
        if self._position < len(self._tokens):
            return self._tokens[self._position]
        return "", ""

    def _level(self, level: int) -> _Evaluate:
        if level == len(_LEVELS):
            return self._operand()
        opened = level == 0 and self._peek() == ("operator", "(")
        left = self._level(level + 1)
        while (token := self._peek())[0] in ("operator", "word") and token[1] in _LEVELS[level]:
            if opened:
                message = f"invalid JSONPath selector '{self._path}' unsupported operator"
                raise JsonPathError(message)
            self._position += 1
            left = _binary(token[1], left, self._level(level + 1))
        return left

    def _operand(self) -> _Evaluate:
        kind, text = self._peek()
        self._position += 1
        if kind == "path":
            return lambda current, sub: sub(text, current)
        if kind == "number":
            return _constant(float(text))
        if kind == "string":
            return _constant(re.sub(r"\\(.)", r"\1", text[1:-1]))
        if kind == "word" and text in _WORDS:
            return _constant(_WORDS[text])
        return self._compound(text if kind == "operator" else "")

    def _compound(self, text: str) -> _Evaluate:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise JsonPathError("expression nests too deeply")
        try:
            if text == "!":
                inner = self._operand()
                return lambda current, sub: not truthy(inner(current, sub))
            if text == "-":
                negated = self._operand()
                return lambda current, sub: -_number(negated(current, sub))
            if text == "(":
                inside = self._level(0)
                self._expect(")")
                return inside
            if text == "[":
                return self._list()
        finally:
            self._depth -= 1
        raise _MalformedError

    def _expect(self, text: str) -> None:
        if self._peek() != ("operator", text):
            raise _MalformedError
        self._position += 1

    def _list(self) -> _Evaluate:
        items: list[_Evaluate] = []
        while self._peek() != ("operator", "]"):
            if items:
                self._expect(",")
            items.append(self._level(1))
        self._position += 1
        return lambda current, sub: [item(current, sub) for item in items]


def _scan(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise _MalformedError
        found.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return found


def _constant(value: Value) -> _Evaluate:
    return lambda _, __: value


def _number(value: Value) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise JsonPathError("expected a number")


def _binary(operator: str, left: _Evaluate, right: _Evaluate) -> _Evaluate:
    if operator == "||":
        return lambda current, sub: _held(left, current, sub) or _held(right, current, sub)
    if operator == "&&":
        return lambda current, sub: truthy(left(current, sub)) and truthy(right(current, sub))
    return lambda current, sub: _apply(operator, left(current, sub), right(current, sub))


def _held(part: _Evaluate, current: Value, sub: Sub) -> bool:
    try:
        return truthy(part(current, sub))
    except JsonPathError:
        return False


def _apply(operator: str, left: Value, right: Value) -> Value:
    if operator in ("==", "!="):
        return (type(left) is type(right) and left == right) == (operator == "==")
    if operator == "=~":
        return _matches(left, right)
    if operator in ("in", "not in"):
        if operator == "not in" or not isinstance(right, list):
            raise JsonPathError("unsupported operator")
        return isinstance(left, float) and left in [x for x in right if isinstance(x, float)]
    one, other = _number(left), _number(right)
    if operator in _LEVELS[2]:
        order = (one > other) - (one < other)
        return {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]
    return _calculate(operator, one, other)


def _matches(left: Value, right: Value) -> bool:
    if not isinstance(left, str) or not isinstance(right, str):
        raise JsonPathError("expected a string")
    try:
        return compile_regex(right).matches(left)
    except RegexError as error:
        raise JsonPathError(error.message) from error


def _calculate(operator: str, left: float, right: float) -> float:
    try:
        if operator == "**":
            return math.pow(left, right)
        if operator == "%":
            return math.fmod(left, right)
    except (ValueError, OverflowError) as error:
        raise JsonPathError("arithmetic fault") from error
    if operator == "/":
        return go_divide(left, right)
    return {"+": left + right, "-": left - right, "*": left * right}[operator]
