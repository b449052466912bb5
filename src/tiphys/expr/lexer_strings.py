"""The string literals of expressions. Source: expr-lang parser/lexer; language.md 11.1."""

from __future__ import annotations

import re
from typing import Final

from tiphys.expr.gotext import to_bytes

_SIMPLE: Final = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
}
_PLAIN: Final = {"'": re.compile(r"[^'\\\n]*"), '"': re.compile(r'[^"\\\n]*')}
_CODES: Final = {
    "x": re.compile(r"[0-9a-fA-F]{2}"),
    "u": re.compile(r"[0-9a-fA-F]{4}|\{[0-9a-fA-F]{1,6}\}"),
    "U": re.compile(r"[0-9a-fA-F]{8}"),
}
_HEX: Final = re.compile("[0-9a-fA-F]*")
_OCTAL: Final = re.compile(r"[0-7]{3}")


def _fault(source: str, message: str, at: int) -> Exception:
    from tiphys.expr.lexer import parse_fault

    return parse_fault(source, message, at)


def read_raw(source: str, at: int) -> tuple[str, int]:
    """Return the raw string that opens at `at` and the place after it."""
    position = at + 1
    while True:
        close = source.find("`", position)
        if close < 0:
            raise _fault(source, "literal not terminated", len(source))
        if not source.startswith("``", close):
            return source[at + 1 : close].replace("``", "`"), close + 1
        position = close + 2


def read_string(source: str, at: int) -> tuple[str, int]:
    """Return the string that opens at `at` and the place after it."""
    quote = source[at]
    plain = _PLAIN[quote]
    parts: list[str] = []
    position = at + 1
    while True:
        found = plain.match(source, position)
        if found is not None:
            parts.append(found.group())
            position = found.end()
        char = source[position : position + 1]
        if char == quote:
            return "".join(parts), position + 1
        if char != "\\":
            raise _fault(source, "literal not terminated", position if char else len(source))
        text, position = _escape(source, position, quote)
        parts.append(text)


def _escape(source: str, position: int, quote: str) -> tuple[str, int]:
    char = source[position + 1 : position + 2]
    if char == quote:
        return char, position + 2
    if char in _SIMPLE and char:
        return _SIMPLE[char], position + 2
    octal = _OCTAL.match(source, position + 1)
    if octal is not None:
        return chr(int(octal.group(), 8)), octal.end()
    code = _CODES[char].match(source, position + 2) if char in _CODES and char else None
    if code is None:
        raise _fault(source, "invalid char escape", position + 1 + _good_digits(source, position))
    number = int(code.group().strip("{}"), 16)
    if number > 0x10FFFF:
        raise _fault(source, "unable to unescape string", code.end())
    if 0xD800 <= number <= 0xDFFF:
        number = 0xFFFD
    return chr(number), code.end()


def _good_digits(source: str, position: int) -> int:
    """Return how far into a wrong escape its error stands: after the digits that are there."""
    if source[position + 1 : position + 2] not in ("x", "u", "U"):
        return 0
    digits = _HEX.match(source, position + 2)
    return 1 + len(digits.group()) if digits else 1


def read_bytes(source: str, at: int) -> tuple[bytes, int]:
    """Return the bytes literal whose quote is at `at` and the place after it."""
    quote = source[at]
    plain = _PLAIN[quote]
    data = bytearray()
    position = at + 1
    while True:
        found = plain.match(source, position)
        if found is not None:
            data += to_bytes(found.group())
            position = found.end()
        char = source[position : position + 1]
        if char == quote:
            return bytes(data), position + 1
        if char != "\\":
            raise _fault(source, "literal not terminated", position)
        text, end = _escape(source, position, quote)
        if source[position + 1] in "uU" or ord(text[0]) > 0xFF:
            raise _fault(source, "unable to unescape string", end)
        data.append(ord(text))
        position = end
