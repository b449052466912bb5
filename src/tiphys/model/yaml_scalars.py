"""What a YAML scalar means: YAML 1.1 as Go's reader knows it, as a JSON value.

The reader asks here for every scalar and every map key. Source: reference/language.md 18.1;
go.yaml.in/yaml/v2 resolve.go and sigs.k8s.io/yaml convertToJSONableObject.
"""

from __future__ import annotations

import binascii
import math
import re
import struct
from base64 import b64decode
from decimal import Decimal
from typing import Final

Scalar = str | int | float | bool | None

_TAG: Final = "tag:yaml.org,2002:"
STR: Final = _TAG + "str"
INT: Final = _TAG + "int"
FLOAT: Final = _TAG + "float"
BOOL: Final = _TAG + "bool"
NULL: Final = _TAG + "null"
BINARY: Final = _TAG + "binary"
TIMESTAMP: Final = _TAG + "timestamp"
MERGE: Final = _TAG + "merge"

_RESOLVED_TAGS: Final = frozenset({INT, FLOAT, BOOL, NULL})

_WORDS: Final[dict[str, tuple[str, Scalar]]] = {
    **dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "on", "On", "ON"], (BOOL, True)),
    **dict.fromkeys(["true", "True", "TRUE"], (BOOL, True)),
    **dict.fromkeys(["n", "N", "no", "No", "NO", "off", "Off", "OFF"], (BOOL, False)),
    **dict.fromkeys(["false", "False", "FALSE"], (BOOL, False)),
    **dict.fromkeys(["", "~", "null", "Null", "NULL"], (NULL, None)),
    **dict.fromkeys([".nan", ".NaN", ".NAN"], (FLOAT, math.nan)),
    **dict.fromkeys([".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"], (FLOAT, math.inf)),
    **dict.fromkeys(["-.inf", "-.Inf", "-.INF"], (FLOAT, -math.inf)),
}
_NUMBER_START: Final = frozenset("+-0123456789")
_SPECIAL_START: Final = _NUMBER_START | {word[:1] for word in _WORDS}
_FLOAT_TEXT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_INT_TEXT: Final = re.compile(
    r"(?P<sign>[-+]?)"
    r"(0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)|(?P<dec>0|[1-9][0-9]*))\Z"
)
_BASES: Final = (("dec", 10), ("oct", 8), ("hex", 16), ("bin", 2))
_INT_MIN, _INT_MAX, _UINT_MAX = -(2**63), 2**63 - 1, 2**64 - 1
_INT_DIGITS: Final = 40


class ScalarError(ValueError):
    """The scalar cannot have the value its tag or shape asks for; the text is Go's."""


def resolve(text: str, tag: str | None, plain: bool) -> Scalar:
    """Return the value of a scalar; floats are not yet in JSON form (see `json_number`).

    `plain` says that nothing but the text decides (no quotes, no tag). Raises ScalarError.
    """
    if tag is None:
        return _implied(text)[1] if plain else text
    if tag == BINARY:
        return _binary(text)
    if tag not in _RESOLVED_TAGS:
        return text
    found, value = _implied(text)
    if found == tag:
        return value
    if tag == FLOAT and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    raise ScalarError(f"yaml: cannot decode {_short(found)} `{text}` as a {_short(tag)}")


def json_number(value: float) -> int | float:
    """Return `value` as JSON would carry it: integral values of up to 64 bits as integers.

    Raises ScalarError for what JSON cannot write. Source: Go encoding/json floatEncoder.
    """
    if math.isnan(value):
        raise ScalarError("json: unsupported value: NaN")
    if math.isinf(value):
        raise ScalarError(f"json: unsupported value: {'+' if value > 0 else '-'}Inf")
    if value.is_integer() and _INT_MIN <= value < _UINT_MAX:
        return int(Decimal(repr(value)))
    return value


def json_integer(text: str) -> int | float:
    """Return the integer written in a JSON text; beyond 64 bits it is a float."""
    value = float(text) if len(text) > _INT_DIGITS else int(text)
    return value if _INT_MIN <= value <= _UINT_MAX else json_number(float(value))


def key_text(key: Scalar) -> str:
    """Return a map key as JSON text. Raises ScalarError for null and for integers above 64 bits.

    Source: sigs.k8s.io/yaml convertToJSONableObject.
    """
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, int) and key <= _INT_MAX:
        return str(key)
    if isinstance(key, float):
        return _float_key(key)
    shown = ("%!s(<nil>)", "<nil>") if key is None else ("uint64", str(key))
    raise ScalarError(f"unsupported map key of type: {shown[0]}, key: {shown[1]}")


def _implied(text: str) -> tuple[str, Scalar]:
    start = text[:1]
    if start not in _SPECIAL_START:
        return STR, text
    word = _WORDS.get(text)
    if word is not None:
        return word
    if start == ".":
        return _decimal(text)
    if start in _NUMBER_START:
        return _number(text.replace("_", ""), text)
    return STR, text


def _number(digits: str, text: str) -> tuple[str, Scalar]:
    match = _INT_TEXT.match(digits)
    if match is not None:
        value = next(int(match[name], base) for name, base in _BASES if match[name] is not None)
        value = -value if match["sign"] == "-" else value
        unsigned = not match["sign"]
        if _INT_MIN <= value <= (_UINT_MAX if unsigned else _INT_MAX):
            return INT, value
    found, number = _decimal(digits)
    return (found, number) if found == FLOAT else (STR, text)


def _decimal(text: str) -> tuple[str, Scalar]:
    if _FLOAT_TEXT.match(text):
        value = float(text)
        if not math.isinf(value):  # Go refuses what overflows, and the text stays a text
            return FLOAT, value
    return STR, text


def _binary(text: str) -> str:
    try:
        return b64decode("".join(text.split()), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        raise ScalarError("yaml: !!binary value contains invalid base64 data") from None


def _float_key(value: float) -> str:
    """Go's 'g' format of a 32-bit float, shortest digits."""
    if math.isnan(value) or math.isinf(value):
        return {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}[repr(value)]
    try:
        single = struct.pack("<f", value)
    except OverflowError:
        return ".inf" if value > 0 else "-.inf"
    target: float = struct.unpack("<f", single)[0]
    for precision in range(9):
        shortest = f"{target:.{precision}e}"
        if struct.pack("<f", float(shortest)) == single:
            break
    mantissa, _, exponent = shortest.partition("e")
    power, digits = int(exponent), len(mantissa.lstrip("-").replace(".", ""))
    # Shortest formatting turns to exponents from 1e21 on, as %v does.
    if power < -4 or power >= max(digits, 21):
        return f"{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"
    return format(Decimal(shortest), "f")


def _short(tag: str) -> str:
    return "!!" + tag.removeprefix(_TAG)
