"""The language of `when`: comparisons of already substituted operands.

Source: Argo util/expr/shouldExecute; language.md 8 and 16.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Final

from tiphys.expr.errors import RegexError, WhenError
from tiphys.expr.goregex import compile_regex
from tiphys.expr.numbers import go_divide, go_float, truncate64
from tiphys.expr.when_tokens import Operand, Token, check_order, tokenize

_LEVELS: Final = (
    frozenset({","}),
    frozenset({"?", ":", "??"}),
    frozenset({"||"}),
    frozenset({"&&"}),
    frozenset({"==", "!=", "<", "<=", ">", ">=", "=~", "!~", "in"}),
    frozenset({"&", "|", "^"}),
    frozenset({"<<", ">>"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
    frozenset({"**"}),
)
_FAULTS: Final = (
    "Invalid 'when' expression '",
    "Failed to parse 'when' expression '",
    "Failed to evaluate 'when' expresion '",
    "Expected boolean evaluation for '",
)
"""How the texts of `evaluate_when` begin."""
_MAX_DEPTH: Final = 40
_OPERATORS: Final = frozenset({"MODIFIER", "COMPARATOR", "LOGICALOP", "TERNARY", "SEPARATOR"})
_MASK: Final = (1 << 64) - 1

_Evaluate = Callable[[], Operand]


@lru_cache(maxsize=4096)
def evaluate_when(text: str, bare_words: bool = True) -> bool:
    """Return whether the step or task whose `when` is `text` runs; empty text is true.

    `bare_words` turns unquoted words into strings (steps and tasks; not CronWorkflows).
    Raises WhenError with Argo's text.
    Source: Argo workflow/controller shouldExecute, workflow/cron; language.md 8, 16.3.
    """
    if not text:
        return True
    tokens = _compile(text, bare_words)
    prefix = f"Failed to evaluate 'when' expresion '{text}': " if bare_words else ""
    try:
        value = _Parser(tokens).parse()()
    except WhenError as error:
        raise WhenError(prefix + error.message) from error
    except RecursionError:
        raise WhenError(prefix + "expression nests too deeply") from None
    if isinstance(value, bool):
        return value
    raise WhenError(f"Expected boolean evaluation for '{text}'. Got {_shown(value)}")


def is_when_fault(message: str) -> bool:
    """Return whether a message is one of `evaluate_when`, of a step or task."""
    return message.startswith(_FAULTS)


def when_fault(text: str, bare_words: bool = True) -> str:
    """Return what is wrong with the form of a `when` text, whatever its operands; "" if nothing."""
    try:
        _compile(text, bare_words)
    except WhenError as error:
        return error.message
    return ""


def _compile(text: str, bare_words: bool) -> list[Token]:
    try:
        tokens = tokenize(text)
        check_order(tokens)
        _check_patterns(tokens)
    except WhenError as error:
        if not bare_words:
            raise
        hint = ""
        if "Invalid token" in error.message:
            hint = ' (hint: try wrapping the affected expression in quotes ("))'
        raise WhenError(f"Invalid 'when' expression '{text}': {error.message}{hint}") from error
    if not bare_words:
        return tokens
    for token in tokens:
        if token.kind == "VARIABLE":
            token.kind = "STRING"
    try:
        check_order(tokens)
        _check_patterns(tokens)
    except WhenError as error:
        raise WhenError(f"Failed to parse 'when' expression '{text}': {error.message}") from error
    return tokens


def _check_patterns(tokens: list[Token]) -> None:
    for operator, operand in pairwise(tokens):
        literal = operand.kind == "STRING" and operator.kind == "COMPARATOR"
        if literal and operator.value in ("=~", "!~"):
            _pattern(str(operand.value))


def _pattern(text: str) -> Callable[[str], bool]:
    try:
        return compile_regex(text).matches
    except RegexError as error:
        raise WhenError(error.message) from error


def _shown(value: Operand) -> str:
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return go_float(value)
    if isinstance(value, list):
        return "[" + " ".join(_shown(item) for item in value) + "]"
    return str(value)


class _Parser:
    """Precedence climbing over the tokens; every level groups from the left."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._position = 0
        self._depth = 0

    def parse(self) -> _Evaluate:
        return self._level(0)

    def _peek(self) -> Token | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def _level(self, level: int) -> _Evaluate:
        if level == len(_LEVELS):
            return self._operand()
        left = self._level(level + 1)
        while (token := self._peek()) and token.kind in _OPERATORS:
            symbol = str(token.value)
            if symbol not in _LEVELS[level]:
                break
            self._position += 1
            left = _binary(symbol, left, self._level(level + 1))
        return left

    def _operand(self) -> _Evaluate:
        token = self._peek()
        if token is None or token.kind == "CLAUSE_CLOSE":
            return lambda: None
        self._position += 1
        if token.kind == "CLAUSE":
            return self._clause()
        if token.kind == "PREFIX":
            return _prefix(str(token.value), self._operand())
        if token.kind in ("VARIABLE", "ACCESSOR"):
            return _unknown(str(token.value).split(".")[0])
        value = token.value
        return lambda: value

    def _clause(self) -> _Evaluate:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise WhenError("expression nests too deeply")
        inside = self._level(0)
        self._position += 1
        self._depth -= 1
        return inside


def _unknown(name: str) -> _Evaluate:
    def fail() -> Operand:
        raise WhenError(f"No parameter '{name}' found.")

    return fail


def _prefix(symbol: str, operand: _Evaluate) -> _Evaluate:
    def evaluate() -> Operand:
        value = operand()
        if symbol == "!" and isinstance(value, bool):
            return not value
        if symbol != "!" and isinstance(value, float):
            return -value if symbol == "-" else float(~truncate64(value))
        raise WhenError(f"Value '{_shown(value)}' cannot be used with the prefix '{symbol}'")

    return evaluate


def _binary(symbol: str, left: _Evaluate, right: _Evaluate) -> _Evaluate:
    def evaluate() -> Operand:
        first = left()
        stops, answer = _short_circuit(symbol, first)
        if stops:
            return answer
        return _apply(symbol, first, right())

    return evaluate


def _short_circuit(symbol: str, first: Operand) -> tuple[bool, Operand]:
    if symbol == "&&":
        return first is False, False
    if symbol == "||":
        return first is True, True
    if symbol in ("??", ":"):
        return first is not None, first
    if symbol == "?":
        return first is False, None
    return False, None


def _apply(symbol: str, first: Operand, second: Operand) -> Operand:
    if symbol == ",":
        return [*first, second] if isinstance(first, list) else [first, second]
    if symbol in ("?", ":", "??"):
        if symbol == "?" and not isinstance(first, bool):
            raise _misused(first, "ternary operator", symbol, "a bool")
        return second
    if symbol in ("&&", "||"):
        for value in (first, second):
            if not isinstance(value, bool):
                raise _misused(value, "logical operator", symbol, "a bool")
        return second
    if symbol in _LEVELS[4]:
        return _compare(symbol, first, second)
    return _calculate(symbol, first, second)


def _misused(value: Operand, role: str, symbol: str, needed: str) -> WhenError:
    return WhenError(
        f"Value '{_shown(value)}' cannot be used with the {role} '{symbol}', it is not {needed}"
    )


def _same(first: Operand, second: Operand) -> bool:
    return type(first) is type(second) and first == second


def _compare(symbol: str, first: Operand, second: Operand) -> bool:
    if symbol in ("==", "!="):
        return _same(first, second) == (symbol == "==")
    if symbol == "in":
        if not isinstance(second, list):
            raise _misused(second, "comparator", symbol, "a number")
        return any(_same(first, item) for item in second)
    if symbol in ("=~", "!~"):
        for value in (first, second):
            if not isinstance(value, str):
                raise _misused(value, "comparator", symbol, "a number")
        return _pattern(str(second))(str(first)) == (symbol == "=~")
    return _order(symbol, first, second)


def _order(symbol: str, first: Operand, second: Operand) -> bool:
    if isinstance(first, float) and isinstance(second, float):
        return _ordered(symbol, first < second, first == second, first > second)
    if isinstance(first, str) and isinstance(second, str):
        return _ordered(symbol, first < second, first == second, first > second)
    raise _misused(first, "comparator", symbol, "a number")


def _ordered(symbol: str, less: bool, equal: bool, more: bool) -> bool:
    return {"<": less, "<=": less or equal, ">": more, ">=": more or equal}[symbol]


def _calculate(symbol: str, first: Operand, second: Operand) -> Operand:
    if symbol == "+" and (isinstance(first, str) or isinstance(second, str)):
        return _shown(first) + _shown(second)
    if not isinstance(first, float):
        raise _misused(first, "modifier", symbol, "a number")
    if not isinstance(second, float):
        raise _misused(first if symbol == "+" else second, "modifier", symbol, "a number")
    if symbol in ("+", "-", "*"):
        return {"+": first + second, "-": first - second, "*": first * second}[symbol]
    if symbol in ("/", "%", "**"):
        return _risky(symbol, first, second)
    return _bits(symbol, truncate64(first), truncate64(second))


def _risky(symbol: str, first: float, second: float) -> float:
    if symbol == "/":
        return go_divide(first, second)
    try:
        return math.fmod(first, second) if symbol == "%" else math.pow(first, second)
    except OverflowError:
        negative = first < 0 and math.fmod(second, 2.0) != 0
        return -math.inf if negative else math.inf
    except ValueError:
        return math.inf if symbol == "**" and first == 0 else math.nan


def _bits(symbol: str, first: int, second: int) -> float:
    if symbol in ("<<", ">>"):
        amount = second & _MASK
        if amount >= 64:
            return 0.0
        value = first & _MASK
        return float((value << amount) & _MASK if symbol == "<<" else value >> amount)
    return float({"&": first & second, "|": first | second, "^": first ^ second}[symbol])
