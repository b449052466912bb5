"""The static types of expressions: as much of Go's as the error texts and refusals need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from tiphys.expr.values import (
    MISSING,
    AnyMap,
    Duration,
    Function,
    Month,
    NilPointer,
    Sized,
    Struct,
    Time,
    TypedList,
    TypedMap,
    Value,
    Weekday,
    Zone,
)


@dataclass(frozen=True, slots=True)
class Type:
    """A Go type. `kind` is what rules ask for, `name` what messages print.

    `elem` is the element of a list or map; `members` are a struct's fields; `arity` a function's
    least and most arguments (-1: any number); `result` its result.
    """

    kind: str
    name: str
    elem: Type | None = None
    members: tuple[str, ...] = ()
    arity: tuple[int, int] = (0, -1)


ANY: Final = Type("any", "interface {}")
NIL: Final = Type("nil", "unknown")
BOOL: Final = Type("bool", "bool")
INT: Final = Type("int", "int")
FLOAT: Final = Type("float", "float64")
STRING: Final = Type("string", "string")
UINT8: Final = Type("int", "uint8")
BYTES: Final = Type("array", "[]uint8", UINT8)
ARRAY: Final = Type("array", "[]interface {}", ANY)
MAP: Final = Type("map", "map[string]interface {}", ANY)
ANY_MAP: Final = Type("map", "map[interface {}]interface {}", ANY)
GROUPS: Final = Type("map", "map[interface {}][]interface {}", ARRAY)
TIME: Final = Type("time", "time.Time")
TIME_POINTER: Final = Type("time", "*time.Time")
DURATION: Final = Type("duration", "time.Duration")
MONTH: Final = Type("named", "time.Month")
WEEKDAY: Final = Type("named", "time.Weekday")
LOCATION: Final = Type("location", "*time.Location")

_BY_NAME: Final = {
    "string": STRING,
    "int": INT,
    "float64": FLOAT,
    "bool": BOOL,
    "interface {}": ANY,
    "[]string": Type("array", "[]string", STRING),
    "uint8": UINT8,
}


def array_of(elem: Type) -> Type:
    """Return the type of a list made by an expression: printed as untyped, element known."""
    return Type("array", "[]interface {}", elem)


def named(name: str) -> Type:
    """Return the type of an element of a typed list or map."""
    return _BY_NAME.get(name) or Type("any", name)


def type_of(value: Value) -> Type:
    """Return the static type of a value of the environment."""
    simple = _SIMPLE.get(type(value))
    if simple is not None:
        return simple
    if isinstance(value, Sized):
        return Type("int", value.go_type)
    if isinstance(value, TypedList):
        return Type("array", f"[]{value.elem}", named(value.elem))
    if isinstance(value, TypedMap):
        return Type("map", f"map[string]{value.elem}", named(value.elem))
    if isinstance(value, Struct):
        return Type("struct", value.go_type, members=tuple(value.members))
    if isinstance(value, Function):
        return Type("func", "func", arity=(value.least, value.most))
    if isinstance(value, list):
        return ARRAY
    return MAP if isinstance(value, dict) else ANY


_SIMPLE: Final[dict[type, Type]] = {
    type(None): NIL,
    bool: BOOL,
    int: INT,
    float: FLOAT,
    str: STRING,
    bytes: BYTES,
    list: ARRAY,
    dict: MAP,
    AnyMap: ANY_MAP,
    Time: TIME,
    Duration: DURATION,
    Month: MONTH,
    Weekday: WEEKDAY,
    NilPointer: TIME_POINTER,
    Zone: LOCATION,
}


Shape: TypeAlias = type | tuple[str, int, int] | Type


def shape_of(value: Value) -> Shape:
    """Return what two values have in common when their types are the same; quick to compare."""
    kind = type(value)
    if kind in _PLAIN:
        return kind
    if isinstance(value, Function):
        return "func", value.least, value.most
    return type_of(value)


_PLAIN: Final[frozenset[type]] = frozenset([*_SIMPLE, type(MISSING)])


def go_type(value: Value) -> str:
    """Return the Go type name of a value at run time, `<nil>` for nil."""
    return "<nil>" if value is None else type_of(value).name


def kind_of(value: Value) -> str:
    """Return Go's reflect kind of a value."""
    if value is None:
        return "invalid"
    if isinstance(value, Duration):
        return "int64"
    if isinstance(value, (Time, Struct)):
        return "struct"
    if isinstance(value, (list, bytes)):
        return "slice"
    if isinstance(value, dict):
        return "map"
    if isinstance(value, Sized) and value.go_type.startswith("time."):
        return "int"
    return type_of(value).name


def full_type(value: Struct) -> str:
    """Return a struct's type with the path of its package, as `type()` prints it."""
    return _PATHS.get(value.go_type, value.go_type)


_PATHS: Final = {
    "*semver.Version": "github.com/Masterminds/semver/v3.Version",
    "sprig.certificate": "github.com/Masterminds/sprig/v3.certificate",
}
