"""Values as text: Go's `%v` and Go's JSON.

`go_print` is what `valueFrom.expression` stores; `to_json` is what an expression tag inserts.
Source: Go fmt and encoding/json; language.md 3.4, 15.4.
"""

from __future__ import annotations

import base64
from typing import Final

from tiphys.expr.durations import format_go_duration
from tiphys.expr.errors import ExprRuntimeError, NumberError
from tiphys.expr.gotext import json_string
from tiphys.expr.numbers import go_float, json_float
from tiphys.expr.values import (
    AnyMap,
    Duration,
    Function,
    Month,
    NilPointer,
    Sized,
    Struct,
    Time,
    TypedList,
    Value,
    Weekday,
    Zone,
)

_MAX_DEPTH: Final = 200


def go_print(value: Value) -> str:
    """Return the value as Go's `%v` prints it: `[1 2]`, `map[a:1]`, `<nil>`, `1e+06`.

    Raises ExprRuntimeError when it is nested too deeply.
    """
    return _print(value, 0)


def _print(value: Value, depth: int) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return go_float(value)
    if value is None or isinstance(value, NilPointer):
        return "<nil>"
    if isinstance(value, int):
        return _print_int(value)
    if depth > _MAX_DEPTH:
        raise ExprRuntimeError("value nests too deeply")
    if isinstance(value, (list, bytes)):
        return "[" + " ".join(_print(item, depth + 1) for item in value) + "]"
    if isinstance(value, dict):
        pairs = [(_print(k, depth + 1), _print(v, depth + 1)) for k, v in value.items()]
        return "map[" + " ".join(f"{key}:{text}" for key, text in sorted(pairs)) + "]"
    return _print_object(value)


def _print_int(value: int) -> str:
    if isinstance(value, Sized):
        return _print_sized(value)
    return str(int(value))


def _print_sized(value: Sized) -> str:
    from tiphys.expr.civil import MONTHS, WEEKDAYS

    if isinstance(value, Month):
        return MONTHS[value - 1] if 1 <= value <= 12 else f"%!Month({int(value)})"
    if isinstance(value, Weekday):
        return WEEKDAYS[value % 7]
    return str(int(value))


def _print_object(value: Value) -> str:
    if isinstance(value, Time):
        from tiphys.expr.gotime import printed

        return printed(value)
    if isinstance(value, Duration):
        return format_go_duration(value.ns)
    if isinstance(value, Zone):
        return value.name
    if isinstance(value, Struct):
        if value.text:
            return value.text
        return "{" + " ".join(go_print(item) for item in value.members.values()) + "}"
    return "<func>" if isinstance(value, Function) else str(value)


def to_json(value: Value, html: bool = True) -> str:
    """Return compact JSON as Go writes it, keys sorted.

    Raises ExprRuntimeError for NaN, infinities, functions and maps with untyped keys.
    """
    return _Writer("", html).write(value, 0)


def to_json_indented(value: Value) -> str:
    """Return JSON indented by two spaces; raises as `to_json`."""
    return _Writer("  ", True).write(value, 0)


class _Writer:
    def __init__(self, indent: str, html: bool) -> None:
        self._indent = indent
        self._html = html

    def write(self, value: Value, depth: int) -> str:
        if isinstance(value, str):
            return json_string(value, self._html)
        if type(value) is int:
            return str(value)
        if isinstance(value, float):
            return _json_float(value)
        if depth > _MAX_DEPTH:
            raise ExprRuntimeError("value nests too deeply")
        if isinstance(value, list):
            return self._list(value, depth)
        if isinstance(value, AnyMap):
            raise ExprRuntimeError(f"json: unsupported type: {value.go_type}")
        if isinstance(value, dict):
            return self._map(value, depth)
        return _json_scalar(value, self._html)

    def _list(self, value: list[object], depth: int) -> str:
        if isinstance(value, TypedList) and value.nil:
            return "null"
        return self._wrap("[", [self.write(item, depth + 1) for item in value], "]", depth)

    def _map(self, value: dict[str, object], depth: int) -> str:
        colon = ": " if self._indent else ":"
        parts = [
            json_string(key, self._html) + colon + self.write(value[key], depth + 1)
            for key in sorted(value)
        ]
        return self._wrap("{", parts, "}", depth)

    def _wrap(self, opening: str, parts: list[str], closing: str, depth: int) -> str:
        if not self._indent or not parts:
            return opening + ",".join(parts) + closing
        inner = "\n" + self._indent * (depth + 1)
        return opening + inner + ("," + inner).join(parts) + "\n" + self._indent * depth + closing


def _json_float(value: float) -> str:
    try:
        return json_float(value)
    except NumberError as error:
        raise ExprRuntimeError(error.message) from error


def _json_scalar(value: Value, html: bool) -> str:
    if value is None or isinstance(value, NilPointer):
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, bytes):
        return f'"{base64.b64encode(value).decode()}"'
    return _json_object(value, html)


def _json_object(value: Value, html: bool) -> str:
    if isinstance(value, Time):
        from tiphys.expr.gotime import rfc3339_nano

        return f'"{rfc3339_nano(value)}"'
    if isinstance(value, Duration):
        return str(value.ns)
    if isinstance(value, Zone):
        return "{}"
    if isinstance(value, Struct):
        return json_string(value.text, html) if value.text else to_json(value.members, html)
    raise ExprRuntimeError("json: unsupported type: func")
