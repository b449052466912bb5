"""Read JSON the way Go's encoding/json does into untyped values: numbers are floats.

Raises NumberError with Go's messages.
"""

from __future__ import annotations

import json
import re
from typing import Final

from tiphys.expr.errors import NumberError
from tiphys.expr.values import Value

_MAX_DEPTH_HINT: Final = "exceeded max depth"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SPACE: Final = " \t\r\n"
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_WORDS: Final = ("true", "false", "null")


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise NumberError(f"json: cannot unmarshal number {text} into Go value of type float64")
    return value


def _refuse(text: str) -> Value:
    raise ValueError(text)


def parse_go_json(source: str) -> Value:
    """Return the value; every number is a float. Raises NumberError with Go's text."""
    try:
        value: Value = json.loads(
            source, parse_int=_float, parse_float=_float, parse_constant=_refuse
        )
    except NumberError:
        raise
    except RecursionError:
        raise NumberError(_MAX_DEPTH_HINT) from None
    except ValueError:
        raise NumberError(json_fault(source)) from None
    return _repaired(value) if "\\u" in source else value


def _repaired(value: Value) -> Value:
    """Replace lone surrogates by U+FFFD, as Go does."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_repaired(item) for item in value]
    if isinstance(value, dict):
        return {_SURROGATE.sub("\ufffd", key): _repaired(item) for key, item in value.items()}
    return value


def json_fault(source: str) -> str:
    """Return Go's message for a text that is not JSON. Source: Go encoding/json scanner."""
    try:
        position = _Scanner(source).value(0)
    except _BadError as bad:
        return bad.message
    except RecursionError:
        return _MAX_DEPTH_HINT
    position = _skip(source, position)
    if position < len(source):
        return f"invalid character {_char(source[position])} after top-level value"
    return "invalid JSON"


class _BadError(Exception):
    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


def _char(char: str) -> str:
    return {"'": "'\\''", '"': "'\"'", "\n": "'\\n'", "\t": "'\\t'", "\r": "'\\r'"}.get(
        char, f"'{char}'" if char.isprintable() else f"'\\x{ord(char):02x}'"
    )


def _skip(source: str, position: int) -> int:
    while position < len(source) and source[position] in _SPACE:
        position += 1
    return position


class _Scanner:
    """Finds the first character that Go would refuse."""

    def __init__(self, source: str) -> None:
        self._source = source

    def _bad(self, position: int, context: str) -> _BadError:
        if position >= len(self._source):
            return _BadError("unexpected end of JSON input")
        return _BadError(f"invalid character {_char(self._source[position])} {context}")

    def _peek(self, position: int) -> str:
        return self._source[position : position + 1]

    def value(self, position: int) -> int:
        position = _skip(self._source, position)
        char = self._peek(position)
        if char == "{":
            return self._object(position + 1)
        if char == "[":
            return self._array(position + 1)
        if char == '"':
            return self._string(position + 1)
        for word in _WORDS:
            if char and char == word[0]:
                return self._word(position, word)
        if char == "-" or (char.isascii() and char.isdigit()):
            return self._number(position)
        raise self._bad(position, "looking for beginning of value")

    def _word(self, position: int, word: str) -> int:
        for offset, expected in enumerate(word):
            if self._peek(position + offset) != expected:
                context = f"in literal {word} (expecting '{expected}')"
                raise self._bad(position + offset, context)
        return position + len(word)

    def _number(self, position: int) -> int:
        found = _NUMBER.match(self._source, position)
        if found is None:
            raise self._bad(position + 1, "in numeric literal")
        end = found.end()
        if self._peek(end) == ".":
            raise self._bad(end + 1, "after decimal point in numeric literal")
        if self._peek(end) in ("e", "E"):
            raise self._bad(end + 1, "in exponent of numeric literal")
        return end

    def _string(self, position: int) -> int:
        while (char := self._peek(position)) != '"':
            if not char or char < " ":
                raise self._bad(position, "in string literal")
            if char == "\\":
                position = self._escape(position + 1)
            else:
                position += 1
        return position + 1

    def _escape(self, position: int) -> int:
        char = self._peek(position)
        if char == "u":
            for place in range(position + 1, position + 5):
                if self._peek(place) not in "0123456789abcdefABCDEF" or not self._peek(place):
                    raise self._bad(place, "in \\u hexadecimal character escape")
            return position + 5
        if not char or char not in '"\\/bfnrt':
            raise self._bad(position, "in string escape code")
        return position + 1

    def _array(self, position: int) -> int:
        position = _skip(self._source, position)
        if self._peek(position) == "]":
            return position + 1
        while True:
            position = _skip(self._source, self.value(position))
            char = self._peek(position)
            if char == "]":
                return position + 1
            if char != ",":
                raise self._bad(position, "after array element")
            position += 1

    def _object(self, position: int) -> int:
        position = _skip(self._source, position)
        if self._peek(position) == "}":
            return position + 1
        while True:
            position = _skip(self._source, position)
            if self._peek(position) != '"':
                raise self._bad(position, "looking for beginning of object key string")
            position = _skip(self._source, self._string(position + 1))
            if self._peek(position) != ":":
                raise self._bad(position, "after object key")
            position = _skip(self._source, self.value(position + 1))
            char = self._peek(position)
            if char == "}":
                return position + 1
            if char != ",":
                raise self._bad(position, "after object key:value pair")
            position += 1
