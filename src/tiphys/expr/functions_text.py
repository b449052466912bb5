"""Built-in functions on strings, JSON and base64. Source: expr-lang builtin; language.md 11.8."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Final

from tiphys.expr.errors import ExprRuntimeError, NumberError
from tiphys.expr.functions import Implementation, text, whole
from tiphys.expr.gojson import parse_go_json
from tiphys.expr.gotext import from_bytes, to_bytes, trim_space
from tiphys.expr.render import go_print, to_json_indented
from tiphys.expr.running import Fault, Running
from tiphys.expr.types import full_type, type_of
from tiphys.expr.values import NilPointer, Struct, TypedList, Value

_BASE64: Final = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\Z")


def upper(value: str) -> str:
    """Return the text in upper case, one character for one. Source: Go unicode.ToUpper."""
    return value.upper() if value.isascii() else "".join(map(_upper_char, value))


def _upper_char(char: str) -> str:
    raised = char.upper()
    return raised if len(raised) == 1 else char


def lower(value: str) -> str:
    """Return the text in lower case, one character for one."""
    return value.lower() if value.isascii() else "".join(map(_lower_char, value))


def _lower_char(char: str) -> str:
    lowered = char.lower()
    return lowered if len(lowered) == 1 else lowered[0]


def split(value: str, separator: str, limit: int) -> list[object]:
    """Return Go's strings.SplitN; limit -1 is no limit."""
    if limit == 0:
        return TypedList([], "string", nil=True)
    if separator == "":
        parts = list(value)
        if 0 < limit < len(parts):
            parts = [*parts[: limit - 1], value[limit - 1 :]]
    else:
        parts = value.split(separator, limit - 1 if limit > 0 else -1)
    return TypedList([*parts], "string")


def split_after(value: str, separator: str, limit: int) -> list[object]:
    """Return Go's strings.SplitAfterN."""
    parts = split(value, separator, limit)
    for index in range(len(parts) - 1):
        parts[index] = f"{parts[index]}{separator}"
    return parts


def _splitter(function: Callable[[str, str, int], list[object]]) -> Implementation:
    def run(running: Running, arguments: list[Value]) -> Value:
        limit = whole(arguments[2]) if len(arguments) > 2 else -1
        parts = function(text(arguments[0]), text(arguments[1]), limit)
        running.charge(len(parts))
        return parts

    return run


def _trim(_: Running, arguments: list[Value]) -> Value:
    value = text(arguments[0])
    return value.strip(text(arguments[1])) if len(arguments) > 1 else trim_space(value)


def _trim_prefix(_: Running, arguments: list[Value]) -> Value:
    return text(arguments[0]).removeprefix(text(arguments[1]) if len(arguments) > 1 else " ")


def _trim_suffix(_: Running, arguments: list[Value]) -> Value:
    return text(arguments[0]).removesuffix(text(arguments[1]) if len(arguments) > 1 else " ")


def replace(running: Running, value: str, old: str, new: str, limit: int = -1) -> str:
    """Return Go's strings.Replace; raises Fault when the result would be too long."""
    count = value.count(old) if old else len(value) + 1
    if limit >= 0:
        count = min(count, limit)
    if count * len(new) > 1 << 24:
        raise Fault("memory budget exceeded")
    return running.text(value.replace(old, new, limit))


def _replace(running: Running, arguments: list[Value]) -> Value:
    limit = whole(arguments[3]) if len(arguments) > 3 else -1
    value, old, new = (text(argument) for argument in arguments[:3])
    return replace(running, value, old, new, limit)


def _repeat(running: Running, arguments: list[Value]) -> Value:
    value, count = text(arguments[0]), whole(arguments[1])
    if count < 0:
        raise Fault(f"invalid argument for repeat (expected positive integer, got {count})")
    if count > 1_000_000 or count * len(value) > 1 << 24:
        raise Fault("memory budget exceeded")
    return running.text(value * count)


def _byte_index(value: str, place: int) -> int:
    return place if place < 0 else len(to_bytes(value[:place]))


def _index_of(_: Running, arguments: list[Value]) -> Value:
    value = text(arguments[0])
    return _byte_index(value, value.find(text(arguments[1])))


def _last_index_of(_: Running, arguments: list[Value]) -> Value:
    value = text(arguments[0])
    return _byte_index(value, value.rfind(text(arguments[1])))


def _from_json(running: Running, arguments: list[Value]) -> Value:
    return from_json(running, text(arguments[0]))


def from_json(running: Running, source: str) -> Value:
    """Return JSON as a value, every number a float; raises Fault with Go's text."""
    running.charge(source.count(",") + source.count("[") + source.count("{"))
    try:
        return parse_go_json(source)
    except NumberError as error:
        raise Fault(error.message) from error


def _to_json(_: Running, arguments: list[Value]) -> Value:
    try:
        return to_json_indented(arguments[0])
    except ExprRuntimeError as error:
        raise Fault(error.message) from error


def decode_base64(value: str) -> bytes:
    """Return the decoded bytes; raises Fault with Go's text."""
    data = to_bytes(value).replace(b"\n", b"").replace(b"\r", b"")
    if not _BASE64.match(data):
        raise Fault(f"illegal base64 data at input byte {_base64_fault(data)}")
    try:
        return base64.b64decode(data)
    except binascii.Error as error:
        raise Fault("illegal base64 data at input byte 0") from error


def _base64_fault(data: bytes) -> int:
    good = re.compile(rb"[A-Za-z0-9+/]*").match(data)
    size = good.end() if good else 0
    return size if (size < len(data) and size % 4 < 2) or size % 4 == 0 else size // 4 * 4


def _type(_: Running, arguments: list[Value]) -> Value:
    value = arguments[0]
    if value is None or isinstance(value, NilPointer):
        return "nil"
    if isinstance(value, Struct):
        return full_type(value)
    found = type_of(value)
    simple = {"float": "float", "any": "struct"}.get(found.kind, found.kind)
    if found.kind in ("time", "duration", "named"):
        return found.name
    if found.kind == "int" and found.name.startswith("uint"):
        return "uint"
    return simple


def _printed(running: Running, arguments: list[Value]) -> Value:
    try:
        return running.text(go_print(arguments[0]))
    except ExprRuntimeError as error:
        raise Fault(error.message) from error


def _test(function: Callable[[str, str], bool]) -> Implementation:
    return lambda _, arguments: function(text(arguments[0]), text(arguments[1]))


TEXTS: Final[dict[str, Implementation]] = {
    "trim": _trim,
    "trimPrefix": _trim_prefix,
    "trimSuffix": _trim_suffix,
    "upper": lambda _, arguments: upper(text(arguments[0])),
    "lower": lambda _, arguments: lower(text(arguments[0])),
    "split": _splitter(split),
    "splitAfter": _splitter(split_after),
    "replace": _replace,
    "repeat": _repeat,
    "indexOf": _index_of,
    "lastIndexOf": _last_index_of,
    "hasPrefix": _test(str.startswith),
    "hasSuffix": _test(str.endswith),
    "toJSON": _to_json,
    "fromJSON": _from_json,
    "toBase64": lambda _, arguments: base64.b64encode(to_bytes(text(arguments[0]))).decode(),
    "fromBase64": lambda _, arguments: from_bytes(decode_base64(text(arguments[0]))),
    "type": _type,
    "string": _printed,
}
