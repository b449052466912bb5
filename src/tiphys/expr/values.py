"""The values of the expression languages, kept as distinct as Go keeps them.

`Value` is a closed set: None, bool, int (Go `int`), float, str, bytes, list, dict, and the classes
of this module. Sized integers, typed lists and maps are subclasses, so most code need not know
them. A string that is not UTF-8 carries its odd bytes as lone surrogates (`surrogateescape`).
Nothing here evaluates or prints; see `evaluate` and `numbers`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from tiphys.expr.running import Running

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
Value: TypeAlias = object
"""One of the types listed in the module's docstring; Python has no closed recursive union that
mypy can narrow as cheaply."""


class _Missing(Enum):
    MISSING = "missing"


Missing: TypeAlias = _Missing
MISSING: Final = _Missing.MISSING
"""What a scope answers for a name it does not know; None means known and absent."""


class Sized(int):
    """An integer that is not of Go type `int`; the subclass says which."""

    go_type = "int64"


class Int64(Sized):
    """A Go `int64`."""


class Uint64(Sized):
    """A Go `uint64`."""

    go_type = "uint64"


class Int32(Sized):
    """A Go `int32`."""

    go_type = "int32"


class Uint8(Sized):
    """A Go `uint8`, the element of bytes and strings."""

    go_type = "uint8"


class Month(Sized):
    """A Go `time.Month`."""

    go_type = "time.Month"


class Weekday(Sized):
    """A Go `time.Weekday`; Sunday is 0."""

    go_type = "time.Weekday"


class TypedList(list[object]):
    """A Go slice with a known element type, `elem` ("string", "int", ...); `nil` prints as null."""

    def __init__(self, items: list[object], elem: str, nil: bool = False) -> None:
        super().__init__(items)
        self.elem = elem
        self.nil = nil


class TypedMap(dict[str, object]):
    """A Go map with string keys and a known element type; a missing key reads as `zero`."""

    def __init__(self, items: dict[str, object], elem: str, zero: object) -> None:
        super().__init__(items)
        self.elem = elem
        self.zero = zero


class AnyMap(dict[object, object]):
    """A Go `map[any]any`: not JSON, made by groupBy and fromPairs."""

    go_type = "map[interface {}]interface {}"


class Groups(AnyMap):
    """The result of groupBy."""

    go_type = "map[interface {}][]interface {}"


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A Go `time.Duration` in nanoseconds."""

    ns: int


@dataclass(frozen=True, slots=True)
class Zone:
    """A Go `*time.Location`: an IANA name, or a fixed offset in seconds when `offset` is set."""

    name: str
    offset: int | None = None


UTC: Final = Zone("UTC", 0)


@dataclass(frozen=True, slots=True)
class Time:
    """A Go `time.Time`: nanoseconds since the epoch, seen in a zone."""

    ns: int
    zone: Zone = UTC


@dataclass(frozen=True, slots=True)
class NilPointer:
    """A typed nil pointer: equal to nil, but not nil itself."""

    go_type: str = "*time.Time"


@dataclass(frozen=True, slots=True)
class Function:
    """A callable value; `call` takes the evaluation and the arguments and may raise `Fault`."""

    name: str
    call: Callable[[Running, list[object]], object]
    least: int = 0
    most: int = -1


@dataclass(frozen=True, slots=True)
class Struct:
    """A Go struct: named members with fixed names (task results, artifacts, versions)."""

    go_type: str
    members: dict[str, object]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """What an evaluation may know of the world: the time, the local zone and a seed."""

    now: datetime
    seed: bytes = b""
    local: Zone = UTC
