"""Texts that may be quoted as Go source quotes them. Source: Go strconv.Unquote."""

from __future__ import annotations

from tiphys.expr.errors import LanguageError
from tiphys.expr.lexer_strings import read_string


def unquoted(text: str) -> str:
    """Return what a quoted text stands for; one that is not quoted as a whole, as it is."""
    if len(text) < 2 or text[0] != text[-1]:
        return text
    if text[0] == "`":
        inner = text[1:-1]
        return text if "`" in inner else inner.replace("\r", "")
    if text[0] != '"':
        return text
    try:
        value, end = read_string(text, 0)
    except LanguageError:
        return text
    return value if end == len(text) else text
