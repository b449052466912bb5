"""Cut an expression into tokens. Source: expr-lang 1.17 parser/lexer; language.md 11.1."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tiphys.expr.errors import ExprParseError, ExprRuntimeError, ExprTypeError
from tiphys.expr.gotext import quote
from tiphys.expr.lexer_strings import read_bytes, read_raw, read_string

WORD_OPERATORS: Final = frozenset(
    ["in", "or", "and", "not", "matches", "contains", "startsWith", "endsWith", "let", "if", "else"]
)
_NEXT: Final = re.compile(
    r"""[\s\x85\xa0]*(?:
    ((?!b['"])[^\W\d][\w$]*|\$[\w$]*)
    |(\?[.?]?|\|\|?|::?|\.\.|\.(?!\d)|[&!=*<>][&=*]?|[,;%+\-^\#]|/(?![/*]))
    |([()\[\]{}])
    |('[^'\\\n]*'|"[^"\\\n]*")
    |(0[xX][0-9a-fA-F_]*|0[bB][01_]*|0[oO][0-7_]*
        |[0-9][0-9_]*(?:\.(?!\.)[0-9_]*)?(?:[eE][+-]?[0-9_]*)?
        |\.[0-9][0-9_]*(?:[eE][+-]?[0-9_]*)?)
    |(['"`]|b(?=['"]))
    |(//[^\n]*|/\*)
    )""",
    re.VERBOSE,
)
_WORD, _OPERATOR, _BRACKET, _PLAIN, _NUMBER, _QUOTE = range(1, 7)
_SPACE: Final = re.compile(r"[\s\x85\xa0]*")
_ALNUM: Final = re.compile(r"[\w$]")


@dataclass(slots=True, eq=False)
class Token:
    """One token; `kind` is Identifier, Number, String, Bytes, Operator, Bracket or EOF."""

    kind: str
    value: str
    at: int
    data: bytes = b""

    def __str__(self) -> str:
        return self.kind if self.kind == "EOF" else f"{self.kind}({quote(self.value)})"

    def is_(self, kind: str, value: str) -> bool:
        """Return whether this is the given operator or bracket."""
        return self.kind == kind and self.value == value


def locate(source: str, message: str, at: int) -> str:
    """Return a message with its line and column, the line and a caret.

    Source: expr-lang file/error.go; language.md 11.7.
    """
    if not source:
        return message
    at = min(max(at, 0), len(source))
    start = source.rfind("\n", 0, at) + 1
    end = source.find("\n", start)
    line = source[start : len(source) if end < 0 else end]
    column = at - start
    number = source.count("\n", 0, start) + 1
    return f"{message} ({number}:{column + 1})\n | {line}\n | {'.' * column}^"


def parse_fault(source: str, message: str, at: int) -> ExprParseError:
    """Return the parser's error at a place of the source."""
    return ExprParseError(locate(source, message, at))


def type_fault(source: str, message: str, at: int) -> ExprTypeError:
    """Return the checker's error at a place of the source."""
    return ExprTypeError(locate(source, message, at))


def runtime_fault(source: str, message: str, at: int) -> ExprRuntimeError:
    """Return an evaluation's error at a place of the source."""
    return ExprRuntimeError(locate(source, message, at))


def tokenize(source: str) -> list[Token]:
    """Return the tokens of an expression, EOF last; raises ExprParseError."""
    tokens: list[Token] = []
    position = 0
    while True:
        match = _NEXT.match(source, position)
        if match is None:
            _check_end(source, position)
            tokens.append(Token("EOF", "", max(len(source) - 1, 0)))
            return tokens
        group = match.lastindex or 0
        text, at, position = match[group], match.start(group), match.end()
        if group == _WORD:
            kind = "Operator" if text in WORD_OPERATORS else "Identifier"
            tokens.append(Token(kind, text, at))
        elif group == _OPERATOR:
            tokens.append(Token("Operator", text, at))
        elif group == _BRACKET:
            tokens.append(Token("Bracket", text, at))
        elif group == _PLAIN:
            tokens.append(Token("String", text[1:-1], at))
        elif group == _NUMBER:
            tokens.append(_number(source, text, at, position))
        elif group == _QUOTE:
            token, position = _quoted(source, at, text)
            tokens.append(token)
        else:
            position = _after_comment(source, text, at, position)


def _check_end(source: str, position: int) -> None:
    """Raise ExprParseError unless only space is left."""
    space = _SPACE.match(source, position)
    at = space.end() if space else position
    if at < len(source):
        char = source[at]
        shown = f" '{char}'" if char.isprintable() and char != "\ufeff" else ""
        raise parse_fault(source, f"unrecognized character: U+{ord(char):04X}{shown}", at)


def _after_comment(source: str, text: str, at: int, end: int) -> int:
    if text != "/*":
        return end
    close = source.find("*/", end)
    if close < 0:
        raise parse_fault(source, "unclosed comment", at)
    return close + 2


def _number(source: str, text: str, at: int, end: int) -> Token:
    if end < len(source) and _ALNUM.match(source[end]):
        word = source[at : end + 1]
        raise parse_fault(source, f"bad number syntax: {quote(word)}", end)
    return Token("Number", text, at)


def _quoted(source: str, at: int, opening: str) -> tuple[Token, int]:
    if opening == "b":
        data, end = read_bytes(source, at + 1)
        return Token("Bytes", source[at:end], at, data), end
    if opening == "`":
        text, end = read_raw(source, at)
    else:
        text, end = read_string(source, at)
    return Token("String", text, at), end
