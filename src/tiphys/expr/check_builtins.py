"""The arguments and results of the built-in functions, for the check before evaluation.

Source: expr-lang 1.17 builtin.go (Types and Validate); language.md 11.8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tiphys.expr.errors import ExprTypeError
from tiphys.expr.tree import Builtin
from tiphys.expr.types import (
    ANY,
    ANY_MAP,
    ARRAY,
    DURATION,
    FLOAT,
    INT,
    LOCATION,
    STRING,
    TIME,
    Type,
)

_Fault = Callable[[str, int], ExprTypeError]
_INTS: Final = Type("array", "[]int", INT)
_STRINGS: Final = Type("array", "[]string", STRING)
_PAIRS: Final = Type("array", "[][2]interface {}", ARRAY)
_LETTERS: Final = {"s": STRING, "i": INT, "a": ANY, "l": ARRAY, "n": _INTS, "t": _STRINGS}

_SIGNATURES: Final[dict[str, tuple[Type, tuple[str, ...]]]] = {
    "trim": (STRING, ("s", "ss")),
    "trimPrefix": (STRING, ("s", "ss")),
    "trimSuffix": (STRING, ("s", "ss")),
    "upper": (STRING, ("s",)),
    "lower": (STRING, ("s",)),
    "split": (_STRINGS, ("ss", "ssi")),
    "splitAfter": (_STRINGS, ("ss", "ssi")),
    "replace": (STRING, ("sss", "sssi")),
    "repeat": (STRING, ("si",)),
    "join": (STRING, ("ts", "ls", "l", "t")),
    "indexOf": (INT, ("ss",)),
    "lastIndexOf": (INT, ("ss",)),
    "hasPrefix": (Type("bool", "bool"), ("ss",)),
    "hasSuffix": (Type("bool", "bool"), ("ss",)),
    "string": (STRING, ("a",)),
    "toJSON": (STRING, ("a",)),
    "fromJSON": (ANY, ("s",)),
    "toBase64": (STRING, ("s",)),
    "fromBase64": (STRING, ("s",)),
    "duration": (DURATION, ("s",)),
    "timezone": (LOCATION, ("s",)),
    "sort": (ARRAY, ("l", "ls", "n")),
    "bitand": (INT, ("ii",)),
    "bitor": (INT, ("ii",)),
    "bitxor": (INT, ("ii",)),
    "bitnand": (INT, ("ii",)),
    "bitnot": (INT, ("i",)),
    "bitshl": (INT, ("ii",)),
    "bitshr": (INT, ("ii",)),
    "bitushr": (INT, ("ii",)),
}
"""The result, and the argument lists that fit; the last one names the error."""


def builtin_type(node: Builtin, kinds: list[Type], fault: _Fault) -> Type:
    """Return the type of a call of a built-in; raises ExprTypeError."""
    signatures = _SIGNATURES.get(node.name)
    if signatures is not None:
        return _by_signature(node, kinds, fault, signatures)
    return _VALIDATORS[node.name](node, kinds, fault)


def _by_signature(
    node: Builtin, kinds: list[Type], fault: _Fault, known: tuple[Type, tuple[str, ...]]
) -> Type:
    result, signatures = known
    problem: ExprTypeError | None = None
    for letters in signatures:
        problem = _misfit(node, kinds, [_LETTERS[letter] for letter in letters], fault)
        if problem is None:
            return result
    if problem is not None:
        raise problem
    return result


def _misfit(
    node: Builtin, kinds: list[Type], wanted: list[Type], fault: _Fault
) -> ExprTypeError | None:
    if len(kinds) != len(wanted):
        word = "not enough" if len(kinds) < len(wanted) else "too many"
        return fault(f"{word} arguments to call {node.name}", node.at)
    for argument, kind, want in zip(node.arguments, kinds, wanted, strict=True):
        if not _assignable(kind, want):
            given = "nil" if kind.kind == "nil" else kind.name
            tail = "" if kind.kind == "nil" else " "
            return fault(
                f"cannot use {given} as argument (type {want.name}) to call {node.name}{tail}",
                argument.at,
            )
    return None


def _assignable(kind: Type, want: Type) -> bool:
    if want.kind == "any" or kind.kind == "any":
        return True
    if kind.kind == "nil":
        return want.kind == "array"
    if want.kind == "array":
        return kind.kind == "array" and (want is ARRAY or kind.name in (want.name, ARRAY.name))
    return kind.kind == want.kind


def _shown(kind: Type) -> str:
    return "%!s(<nil>)" if kind.kind == "nil" else kind.name


def _count(node: Builtin, kinds: list[Type], fault: _Fault, least: int, most: int) -> None:
    if least <= len(kinds) <= most:
        return
    bound = str(least) if least == most else f"at least {least}"
    raise fault(f"invalid number of arguments (expected {bound}, got {len(kinds)})", node.at)


def _one_of(
    names: tuple[str, ...], message: str, result: Type | None
) -> Callable[[Builtin, list[Type], _Fault], Type]:
    """Make the check of a function with one argument; a result of None is the argument's type."""

    def validate(node: Builtin, kinds: list[Type], fault: _Fault) -> Type:
        _count(node, kinds, fault, 1, 1)
        kind = kinds[0]
        if kind.kind != "any" and kind.kind not in names:
            raise fault(message.format(node.name, _shown(kind)), node.at)
        return kind if result is None else result

    return validate


def _extreme(node: Builtin, kinds: list[Type], fault: _Fault) -> Type:
    if not kinds:
        raise fault(f"not enough arguments to call {node.name}", node.at)
    for kind in kinds:
        inner = kind
        while inner.kind == "array":
            inner = inner.elem or ANY
        if inner.kind not in ("any", "int", "float"):
            raise fault(f"invalid argument for {node.name} (type {_shown(inner)})", node.at)
    if node.name in ("mean", "median"):
        return FLOAT
    return kinds[0] if len(kinds) == 1 and kinds[0].kind != "array" else ANY


def _element(verb: str) -> Callable[[Builtin, list[Type], _Fault], Type]:
    def validate(node: Builtin, kinds: list[Type], fault: _Fault) -> Type:
        _count(node, kinds, fault, 1, 1)
        kind = kinds[0]
        if kind.kind == "any":
            return ANY
        if kind.kind != "array":
            raise fault(f"cannot get {verb} element from {_shown(kind)}", node.at)
        return kind.elem or ANY

    return validate


def _get(node: Builtin, kinds: list[Type], fault: _Fault) -> Type:
    _count(node, kinds, fault, 2, 2)
    base, key = kinds
    if base.kind == "map" and key.kind not in ("string", "any"):
        message = f"cannot use {key.name} to get an element from {base.name}"
        raise fault(message, node.arguments[1].at)
    if base.kind == "array" and key.kind not in ("int", "any"):
        message = f"non-integer slice index {key.name}"
        raise fault(message, node.arguments[1].at)
    if base.kind not in ("map", "array", "any", "env", "struct"):
        raise fault(f"type {base.name} does not support indexing", node.arguments[0].at)
    return base.elem or ANY


def _take(node: Builtin, kinds: list[Type], fault: _Fault) -> Type:
    _count(node, kinds, fault, 2, 2)
    if kinds[0].kind not in ("array", "any"):
        raise fault(f"cannot take from {_shown(kinds[0])}", node.at)
    if kinds[1].kind not in ("int", "any"):
        raise fault(f"cannot take {_shown(kinds[1])} elements", node.at)
    return kinds[0]


def _now(node: Builtin, kinds: list[Type], fault: _Fault) -> Type:
    if len(kinds) > 1 or (kinds and kinds[0].kind not in ("location", "any")):
        count = len(kinds)
        raise fault(f"invalid number of arguments (expected 0, got {count})", node.at)
    return TIME


def _date(node: Builtin, kinds: list[Type], fault: _Fault) -> Type:
    if not kinds:
        raise fault("invalid number of arguments (expected at least 1, got 0)", node.at)
    return TIME


def _concat(node: Builtin, kinds: list[Type], fault: _Fault) -> Type:
    if not kinds:
        raise fault("invalid number of arguments (expected at least 1, got 0)", node.at)
    for kind in kinds:
        if kind.kind not in ("array", "any"):
            raise fault(f"cannot concat {_shown(kind)}", node.at)
    return ARRAY


_INVALID: Final = "invalid argument for {} (type {})"
_VALIDATORS: Final[dict[str, Callable[[Builtin, list[Type], _Fault], Type]]] = {
    "len": _one_of(("array", "map", "string", "env"), _INVALID, INT),
    "type": _one_of(
        (
            "nil",
            "bool",
            "int",
            "float",
            "string",
            "array",
            "map",
            "env",
            "func",
            "struct",
            "time",
            "duration",
            "named",
            "location",
        ),
        _INVALID,
        STRING,
    ),
    "abs": _one_of(("int", "float"), _INVALID, None),
    "ceil": _one_of(("int", "float"), _INVALID, FLOAT),
    "floor": _one_of(("int", "float"), _INVALID, FLOAT),
    "round": _one_of(("int", "float"), _INVALID, FLOAT),
    "int": _one_of(("int", "float", "string", "named", "duration"), _INVALID, INT),
    "float": _one_of(("int", "float", "string"), _INVALID, FLOAT),
    "max": _extreme,
    "min": _extreme,
    "mean": _extreme,
    "median": _extreme,
    "first": _element("first"),
    "last": _element("last"),
    "get": _get,
    "take": _take,
    "keys": _one_of(("map", "env"), "cannot get keys from {1}", ARRAY),
    "values": _one_of(("map", "env"), "cannot get values from {1}", ARRAY),
    "toPairs": _one_of(("map", "env"), "cannot transform {1} to pairs", _PAIRS),
    "fromPairs": _one_of(("array",), "cannot transform {1} from pairs", ANY_MAP),
    "reverse": _one_of(("array",), "cannot reverse {1}", None),
    "uniq": _one_of(("array",), "cannot uniq {1}", None),
    "flatten": _one_of(("array",), "cannot flatten {1}", ARRAY),
    "concat": _concat,
    "now": _now,
    "date": _date,
}
