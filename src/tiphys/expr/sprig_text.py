"""The sprig functions on strings. Source: Masterminds/sprig 3.3.0; language.md 12.1."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable
from typing import Final

from tiphys.expr.functions import text, whole
from tiphys.expr.functions_text import decode_base64, lower, replace, split, upper
from tiphys.expr.gotext import from_bytes, quote, to_bytes, trim_space
from tiphys.expr.running import Fault, Running
from tiphys.expr.sprig_base import Implementation, Table, string_list, string_of, strings_of
from tiphys.expr.sprig_case import camel_case, lower_case, swap_case, title, untitle
from tiphys.expr.values import TypedMap, Value


def _map1(change: Callable[[str], Value]) -> Implementation:
    return lambda _, arguments: change(text(arguments[0]))


def _repeat(running: Running, arguments: list[Value]) -> Value:
    count, value = whole(arguments[0]), text(arguments[1])
    if count < 0:
        raise Fault("strings: negative Repeat count")
    return repeated(running, value, count)


def repeated(running: Running, value: str, count: int) -> str:
    """Return the text repeated; raises Fault when that is too long."""
    if count * max(len(value), 1) > 1 << 24:
        raise Fault("memory budget exceeded")
    return running.text(value * count)


def _substr(_: Running, arguments: list[Value]) -> Value:
    start, end = whole(arguments[0]), whole(arguments[1])
    data = to_bytes(text(arguments[2]))
    size = len(data)
    if start < 0:
        if not 0 <= end <= size:
            raise Fault(f"runtime error: slice bounds out of range [:{end}] with length {size}")
        return from_bytes(data[:end])
    if end < 0 or end > size:
        if start > size:
            raise Fault(f"runtime error: slice bounds out of range [{start}:{size}]")
        return from_bytes(data[start:])
    if start > end:
        raise Fault(f"runtime error: slice bounds out of range [{start}:{end}]")
    return from_bytes(data[start:end])


def _trunc(_: Running, arguments: list[Value]) -> Value:
    count, data = whole(arguments[0]), to_bytes(text(arguments[1]))
    if count < 0:
        return from_bytes(data[count:]) if len(data) + count > 0 else from_bytes(data)
    return from_bytes(data[:count])


def _no_space(value: str) -> str:
    """Every byte counts as a character, as in the original."""
    chars = to_bytes(value).decode("latin-1")
    return "".join(char for char in chars if not char.isspace() or char in "\x1c\x1d\x1e\x1f")


def _initials(value: str) -> str:
    return "".join(word[0] for word in to_bytes(value).decode("latin-1").split())


def _abbreviate(data: bytes, offset: int, width: int) -> bytes:
    """Source: goutils.AbbreviateFull."""
    size = len(data)
    if width < 4 or size <= width:
        return data
    offset = min(offset, size)
    if size - offset < width - 3:
        offset = size - (width - 3)
    if offset <= 4:
        return data[: width - 3] + b"..."
    if width < 7:
        return data
    if offset + width - 3 < size:
        return b"..." + _abbreviate(data[offset:], 0, width - 3)
    return b"..." + data[size - (width - 3) :]


def _abbrev_both(_: Running, arguments: list[Value]) -> Value:
    left, right, value = whole(arguments[0]), whole(arguments[1]), text(arguments[2])
    if right < 4 or (left > 0 and right < 7):
        return value
    return from_bytes(_abbreviate(to_bytes(value), left, right))


def _abbrev(_: Running, arguments: list[Value]) -> Value:
    return from_bytes(_abbreviate(to_bytes(text(arguments[1])), 0, whole(arguments[0])))


def _quoted(running: Running, arguments: list[Value]) -> Value:
    return " ".join(quote(string_of(running, item)) for item in arguments if item is not None)


def _single_quoted(running: Running, arguments: list[Value]) -> Value:
    return " ".join(f"'{string_of(running, item)}'" for item in arguments if item is not None)


def _cat(running: Running, arguments: list[Value]) -> Value:
    return trim_space(" ".join(string_of(running, item) for item in arguments if item is not None))


def _indent(running: Running, count: int, value: str) -> str:
    pad = repeated(running, " ", max(count, 0))
    return pad + replace(running, value, "\n", "\n" + pad)


def _indented(before: str) -> Implementation:
    def run(running: Running, arguments: list[Value]) -> Value:
        return before + _indent(running, whole(arguments[0]), text(arguments[1]))

    return run


def _wrap(data: bytes, width: int, newline: bytes, cut: bool) -> bytes:
    """Source: goutils.WrapCustom."""
    width = max(width, 1)
    parts: list[bytes] = []
    offset = 0
    while len(data) - offset > width:
        if data[offset : offset + 1] == b" ":
            offset += 1
            continue
        end = offset + width
        space = data.rfind(b" ", offset, end + 1)
        if space < 0 and cut:
            parts.append(data[offset:end])
            offset = end
            continue
        if space < 0:
            space = data.find(b" ", end)
        if space < 0:
            break
        parts.append(data[offset:space])
        offset = space + 1
    return newline.join([*parts, data[offset:]])


def _wrapped(_: Running, arguments: list[Value]) -> Value:
    return from_bytes(_wrap(to_bytes(text(arguments[1])), whole(arguments[0]), b"\n", False))


def _wrapped_with(_: Running, arguments: list[Value]) -> Value:
    newline = to_bytes(text(arguments[1])) or b"\n"
    return from_bytes(_wrap(to_bytes(text(arguments[2])), whole(arguments[0]), newline, True))


def _numbered(parts: list[object]) -> TypedMap:
    return TypedMap({f"_{index}": part for index, part in enumerate(parts)}, "string", "")


def _split_list(running: Running, arguments: list[Value]) -> Value:
    parts = split(text(arguments[1]), text(arguments[0]), -1)
    running.charge(len(parts))
    return parts


def _split_map(_: Running, arguments: list[Value]) -> Value:
    return _numbered(split(text(arguments[1]), text(arguments[0]), -1))


def _split_n(_: Running, arguments: list[Value]) -> Value:
    return _numbered(split(text(arguments[2]), text(arguments[0]), whole(arguments[1])))


def _join(running: Running, arguments: list[Value]) -> Value:
    glue, parts = text(arguments[0]), strings_of(running, arguments[1])
    if sum(map(len, parts)) + len(glue) * len(parts) > 1 << 24:
        raise Fault("memory budget exceeded")
    return running.text(glue.join(parts))


def _sort_alpha(running: Running, arguments: list[Value]) -> Value:
    value = arguments[0]
    if isinstance(value, list):
        return string_list(sorted(strings_of(running, value)))
    return string_list([string_of(running, value)])


def _b64dec(_: Running, arguments: list[Value]) -> Value:
    try:
        return from_bytes(decode_base64(text(arguments[0])))
    except Fault as fault:
        return fault.message


def _b32dec(_: Running, arguments: list[Value]) -> Value:
    try:
        return from_bytes(base64.b32decode(to_bytes(text(arguments[0]))))
    except binascii.Error:
        return "illegal base32 data at input byte 0"


def _shuffle(running: Running, arguments: list[Value]) -> Value:
    chars = list(text(arguments[0]))
    for index in range(len(chars) - 1, 0, -1):
        other = running.below(index + 1)
        chars[index], chars[other] = chars[other], chars[index]
    return "".join(chars)


def _plural(_: Running, arguments: list[Value]) -> Value:
    return arguments[0] if arguments[2] == 1 else arguments[1]


def _digest(name: str) -> Implementation:
    return _map1(lambda value: hashlib.new(name, to_bytes(value)).hexdigest())


TEXT: Final[Table] = {
    "trim": ("s", _map1(trim_space)),
    "trimAll": ("ss", lambda _, a: text(a[1]).strip(text(a[0]))),
    "trimall": ("ss", lambda _, a: text(a[1]).strip(text(a[0]))),
    "trimPrefix": ("ss", lambda _, a: text(a[1]).removeprefix(text(a[0]))),
    "trimSuffix": ("ss", lambda _, a: text(a[1]).removesuffix(text(a[0]))),
    "upper": ("s", _map1(upper)),
    "lower": ("s", _map1(lower)),
    "title": ("s", _map1(title)),
    "untitle": ("s", _map1(untitle)),
    "swapcase": ("s", _map1(swap_case)),
    "repeat": ("is", _repeat),
    "substr": ("iis", _substr),
    "trunc": ("is", _trunc),
    "nospace": ("s", _map1(_no_space)),
    "initials": ("s", _map1(_initials)),
    "abbrev": ("is", _abbrev),
    "abbrevboth": ("iis", _abbrev_both),
    "contains": ("ss", lambda _, a: text(a[0]) in text(a[1])),
    "hasPrefix": ("ss", lambda _, a: text(a[1]).startswith(text(a[0]))),
    "hasSuffix": ("ss", lambda _, a: text(a[1]).endswith(text(a[0]))),
    "quote": ("a*", _quoted),
    "squote": ("a*", _single_quoted),
    "cat": ("a*", _cat),
    "indent": ("is", _indented("")),
    "nindent": ("is", _indented("\n")),
    "replace": ("sss", lambda running, a: replace(running, text(a[2]), text(a[0]), text(a[1]))),
    "plural": ("ssi", _plural),
    "snakecase": ("s", _map1(lambda value: lower_case(value, "_"))),
    "kebabcase": ("s", _map1(lambda value: lower_case(value, "-"))),
    "camelcase": ("s", _map1(camel_case)),
    "shuffle": ("s", _shuffle),
    "wrap": ("is", _wrapped),
    "wrapWith": ("iss", _wrapped_with),
    "splitList": ("ss", _split_list),
    "split": ("ss", _split_map),
    "splitn": ("sis", _split_n),
    "join": ("sa", _join),
    "sortAlpha": ("a", _sort_alpha),
    "toString": ("a", lambda running, a: string_of(running, a[0])),
    "toStrings": ("a", lambda running, a: string_list(strings_of(running, a[0]))),
    "b64enc": ("s", _map1(lambda value: base64.b64encode(to_bytes(value)).decode())),
    "b64dec": ("s", _b64dec),
    "b32enc": ("s", _map1(lambda value: base64.b32encode(to_bytes(value)).decode())),
    "b32dec": ("s", _b32dec),
    "adler32sum": ("s", _map1(lambda value: str(zlib.adler32(to_bytes(value))))),
    "sha1sum": ("s", _digest("sha1")),
    "sha256sum": ("s", _digest("sha256")),
    "sha512sum": ("s", _digest("sha512")),
}
