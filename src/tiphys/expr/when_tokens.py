"""The tokens of a `when` text. Only `when` calls this.

Source: language.md 8.2 (govaluate at the commit Argo pins).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tiphys.expr.errors import TimeError, WhenError
from tiphys.expr.gotime_parse import parse_time

Operand = object
"""None, bool, float, str or a list of these."""

COMPARATORS: Final = frozenset({"==", "!=", ">", ">=", "<", "<=", "=~", "!~", "in"})
LOGICAL: Final = frozenset({"&&", "||"})
MODIFIERS: Final = frozenset({"+", "-", "*", "/", "%", "**", "&", "|", "^", "<<", ">>"})
TERNARY: Final = frozenset({"?", ":", "??"})
PREFIXES: Final = frozenset({"-", "!", "~"})

_VALUES: Final = frozenset({"NUMERIC", "BOOLEAN", "STRING", "VARIABLE", "TIME", "PATTERN"})
_START: Final = _VALUES | {"PREFIX", "FUNCTION", "ACCESSOR", "CLAUSE"}
_AFTER_VALUE: Final = frozenset(
    {"MODIFIER", "COMPARATOR", "LOGICALOP", "CLAUSE_CLOSE", "TERNARY", "SEPARATOR"}
)
_OPERAND: Final = _START - {"PATTERN"} | {"CLAUSE_CLOSE"}
FOLLOWERS: Final = {
    "UNKNOWN": _START,
    "CLAUSE": _START | {"CLAUSE_CLOSE"},
    "CLAUSE_CLOSE": _AFTER_VALUE | _VALUES | {"CLAUSE"},
    "NUMERIC": _AFTER_VALUE,
    "BOOLEAN": _AFTER_VALUE,
    "STRING": _AFTER_VALUE,
    "TIME": _AFTER_VALUE,
    "PATTERN": _AFTER_VALUE,
    "VARIABLE": _AFTER_VALUE,
    "ACCESSOR": _AFTER_VALUE | {"CLAUSE"},
    "MODIFIER": _OPERAND - {"TIME"},
    "COMPARATOR": _OPERAND | {"PATTERN"},
    "LOGICALOP": _OPERAND,
    "TERNARY": _OPERAND | {"SEPARATOR"},
    "PREFIX": frozenset(
        {"NUMERIC", "BOOLEAN", "VARIABLE", "FUNCTION", "ACCESSOR", "CLAUSE", "CLAUSE_CLOSE"}
    ),
    "SEPARATOR": _OPERAND - {"CLAUSE_CLOSE"},
}
"""What may follow a kind of token; a table of the language, not a style choice."""
OPEN_ENDED: Final = frozenset(
    {"UNKNOWN", "MODIFIER", "COMPARATOR", "LOGICALOP", "TERNARY", "PREFIX", "SEPARATOR", "FUNCTION"}
)

_HEX: Final = re.compile(r"0x([0-9a-fA-F]*)")
_NUMBER: Final = re.compile(r"[\d.]+")
_WORD: Final = re.compile(r"[^\W\d_][\w.]*")
_CALL: Final = re.compile(r"\s*\(")
_SYMBOL: Final = re.compile(r"[^\w\s()\[\]'\"]+|_(?:[^\w\s()\[\]'\"]|_)*|(?:[^\w\s()\[\]'\"]|_)+")
_LAYOUTS: Final = (
    "Mon Jan _2 15:04:05 2006",
    "Mon Jan _2 15:04:05 MST 2006",
    "Mon Jan 02 15:04:05 -0700 2006",
    "3:04PM",
    "2006-01-02T15:04:05Z07:00",
    "2006-01-02T15:04:05.999999999Z07:00",
    "2006-01-02",
    "2006-01-02 15:04",
    "2006-01-02 15:04:05",
    "2006-01-02 15:04:05-07:00",
    "2006-01-02T15Z0700",
    "2006-01-02T15:04Z0700",
    "2006-01-02T15:04:05Z0700",
    "2006-01-02T15:04:05.999999999Z0700",
    "2006-01-02T15",
    "2006-01-02T15:04",
    "2006-01-02T15:04:05",
    "2006-01-02T15:04:05.999999999",
)
_MAYBE_DATE: Final = re.compile(r"[A-Z0-9][A-Za-z0-9 :.,+-]*\Z")


@dataclass(slots=True)
class Token:
    """One token; `value` is a float, bool, str or None, `shown` its text in a message."""

    kind: str
    value: Operand
    shown: str


def tokenize(text: str) -> list[Token]:
    """Return the tokens of the text, parentheses balanced; raises WhenError, text only."""
    found: list[Token] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        token, position = _read(text, position, found[-1].kind if found else "UNKNOWN")
        found.append(token)
    depth = sum({"CLAUSE": 1, "CLAUSE_CLOSE": -1}.get(token.kind, 0) for token in found)
    if depth:
        raise WhenError("Unbalanced parenthesis")
    return found


def check_order(found: list[Token]) -> None:
    """Raise WhenError (text only) when a token may not follow the one before it."""
    kind, shown = "UNKNOWN", "<nil>"
    for token in found:
        if token.kind not in FOLLOWERS.get(kind, frozenset()):
            raise WhenError(
                f"Cannot transition token types from {kind} [{shown}] to "
                f"{token.kind} [{token.shown}]"
            )
        kind, shown = token.kind, token.shown
    if kind in OPEN_ENDED:
        raise WhenError("Unexpected end of expression")


def _read(text: str, position: int, before: str) -> tuple[Token, int]:
    char = text[position]
    if char.isdecimal() or char == ".":
        return _number(text, position)
    if char == ",":
        return Token("SEPARATOR", ",", ","), position + 1
    if char == "[":
        word, position = _until(text, position + 1, "]", "Unclosed parameter bracket")
        return Token("VARIABLE", word, word), position
    if char.isalpha():
        return _word(text, position)
    if char in "'\"":
        word, position = _until(text, position + 1, "'\"", "Unclosed string literal")
        return _string(word), position
    if char in "()":
        kind = "CLAUSE" if char == "(" else "CLAUSE_CLOSE"
        return Token(kind, char, str(ord(char))), position + 1
    return _symbol(text, position, before)


def _number(text: str, position: int) -> tuple[Token, int]:
    hexadecimal = _HEX.match(text, position)
    if hexadecimal:
        digits = hexadecimal[1]
        if not digits or len(digits.lstrip("0")) > 16:
            raise WhenError(f"Unable to parse hex value '{digits}' to uint64\n")
        return _numeric(float(int(digits, 16))), hexadecimal.end()
    found = _NUMBER.match(text, position)
    digits = found.group() if found else text[position]
    try:
        value = float(digits)
    except ValueError:
        raise WhenError(f"Unable to parse numeric value '{digits}' to float64\n") from None
    if value == float("inf"):
        raise WhenError(f"Unable to parse numeric value '{digits}' to float64\n")
    return _numeric(value), position + len(digits)


def _numeric(value: float) -> Token:
    from tiphys.expr.numbers import go_float

    return Token("NUMERIC", value, go_float(value))


def _word(text: str, position: int) -> tuple[Token, int]:
    found = _WORD.match(text, position)
    word = found.group() if found else text[position]
    end = position + len(word)
    if word in ("true", "false"):
        return Token("BOOLEAN", word == "true", word), end
    if word in ("in", "IN"):
        return Token("COMPARATOR", "in", "in"), end
    if "." in word:
        return _accessor(word), end
    if word.lower() != "in" and _CALL.match(text, end):
        raise WhenError(f"Undefined function {word}")
    return Token("VARIABLE", word, word), end


def _accessor(word: str) -> Token:
    if word.endswith("."):
        raise WhenError(f"Hanging accessor on token '{word}'")
    for part in word.split(".")[1:]:
        if part[:1].upper() != part[:1]:
            raise WhenError(f"Unable to access unexported field '{part}' in token '{word}'")
    return Token("ACCESSOR", word, "[" + " ".join(word.split(".")) + "]")


def _until(text: str, position: int, ends: str, message: str) -> tuple[str, int]:
    parts: list[str] = []
    while position < len(text):
        char = text[position]
        if char == "\\" and position + 1 < len(text):
            parts.append(text[position + 1])
            position += 2
            continue
        if char in ends:
            return "".join(parts), position + 1
        parts.append(char)
        position += 1
    raise WhenError(message)


def _string(word: str) -> Token:
    if _MAYBE_DATE.match(word):
        for layout in _LAYOUTS:
            try:
                moment = parse_time(layout, word)
            except TimeError:
                continue
            return Token("TIME", float(moment.ns // 1_000_000_000), word)
    return Token("STRING", word, word)


def _symbol(text: str, position: int, before: str) -> tuple[Token, int]:
    found = _SYMBOL.match(text, position)
    symbol = found.group() if found else text[position]
    end = position + len(symbol)
    if symbol in PREFIXES and "PREFIX" in FOLLOWERS.get(before, frozenset()):
        return Token("PREFIX", symbol, symbol), end
    kinds = (
        ("MODIFIER", MODIFIERS),
        ("LOGICALOP", LOGICAL),
        ("COMPARATOR", COMPARATORS),
        ("TERNARY", TERNARY),
    )
    for kind, symbols in kinds:
        if symbol in symbols:
            return Token(kind, symbol, symbol), end
    raise WhenError(f"Invalid token: '{symbol}'")
