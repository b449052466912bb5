"""Number literals of expressions. Source: expr-lang parser; language.md 11.1."""

from __future__ import annotations

import math
from typing import Final

from tiphys.expr.gotext import quote
from tiphys.expr.lexer import Token, parse_fault

_BASES: Final = {"0x": (16, "hex"), "0b": (2, "binary"), "0o": (8, "octal")}
_LIMIT: Final = 1 << 63


def number_value(source: str, token: Token, following: Token) -> int | float:
    """Return the value of a number token; raises ExprParseError placed at the next token."""
    text = token.value.replace("_", "").lower()
    base, name = _BASES.get(text[:2], (10, "integer"))
    if base == 10 and any(char in text for char in ".e"):
        return _float(source, text, following)
    digits = text[2:] if base != 10 else text
    shown = text[:2] + token.value.replace("_", "")[2:] if base != 10 else text
    function = f"strconv.ParseInt: parsing {quote(shown)}: "
    if not digits:
        message = f"invalid {name} literal: {function}invalid syntax"
        raise parse_fault(source, message, following.at)
    if len(digits.lstrip("0")) > 64 or int(digits, base) >= _LIMIT:
        message = f"invalid {name} literal: {function}value out of range"
        raise parse_fault(source, message, following.at)
    return int(digits, base)


def _float(source: str, text: str, following: Token) -> float:
    prefix = f"invalid float literal: strconv.ParseFloat: parsing {quote(text)}: "
    try:
        value = float(text)
    except ValueError:
        raise parse_fault(source, prefix + "invalid syntax", following.at) from None
    if math.isinf(value):
        raise parse_fault(source, prefix + "value out of range", following.at)
    return value
