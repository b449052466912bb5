"""Kubernetes IntOrString: an integer or a string. Source: language.md 15.7."""

from __future__ import annotations

import re
from typing import Final

from tiphys.expr.errors import IntOrStringError, NumberError
from tiphys.expr.functions_numbers import parse_integer
from tiphys.expr.numbers import NumberText, parse_json
from tiphys.expr.values import Json

_TAG: Final = re.compile(r"\{\{.*\}\}", re.DOTALL)


def read_int_or_string(value: Json) -> int | str:
    """Return the value of an IntOrString field; null reads as 0.

    Raises IntOrStringError with Go's text.
    """
    if value is None:
        return 0
    if isinstance(value, str):
        return value
    kind = {bool: "bool", list: "array", dict: "object"}.get(type(value))
    if kind is None and isinstance(value, (int, float)):
        if isinstance(value, int) and -(1 << 31) <= value < 1 << 31:
            return int(value)
        kind = f"number {value.text if isinstance(value, NumberText) else value}"
    raise IntOrStringError(f"json: cannot unmarshal {kind} into Go value of type int32")


def parse_int_or_string(text: str) -> int | str:
    """Return the value of an IntOrString from its JSON text; raises IntOrStringError."""
    try:
        return read_int_or_string(parse_json(text))
    except NumberError as error:
        raise IntOrStringError(error.message) from error


def to_int(value: int | str) -> int:
    """Return the integer; raises IntOrStringError when a string is not one."""
    found = parse_integer(value) if isinstance(value, str) else value
    if found is None:
        raise IntOrStringError(f"value '{value}' cannot be resolved to an int")
    return found


def is_plausible(value: int | str) -> bool:
    """Return whether the value is an integer or may become one when its tags are resolved."""
    if isinstance(value, int) or parse_integer(value) is not None:
        return True
    return _TAG.fullmatch(value) is not None
