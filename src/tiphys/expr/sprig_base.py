"""How a sprig function reads its arguments: Go's reflection, spelt out in a signature.

A signature has a letter for each parameter: s string, i int, a any, b bool, d map, t time,
f float64, u uint32, l list, c certificate; a final `*` lets the last one repeat. A nil argument is
the zero value.
Source: Go reflect.Value.Call as expr-lang uses it; language.md 12.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tiphys.expr.civil import ZERO
from tiphys.expr.render import go_print
from tiphys.expr.running import Fault, Running
from tiphys.expr.types import go_type
from tiphys.expr.values import Function, Time, TypedList, Value

Implementation = Callable[[Running, list[Value]], Value]
Table = dict[str, tuple[str, Implementation]]

_NAMES: Final = {
    "s": "string",
    "i": "int",
    "b": "bool",
    "d": "map[string]interface {}",
    "t": "time.Time",
    "f": "float64",
    "u": "uint32",
    "v": "*semver.Version",
    "l": "[]interface {}",
    "c": "sprig.certificate",
}
_ZEROS: Final[dict[str, Value]] = {"s": "", "i": 0, "b": False, "f": 0.0, "u": 0, "t": ZERO}
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "s": (str,),
    "b": (bool,),
    "d": (dict,),
    "t": (Time,),
    "f": (float,),
}


def functions(table: Table) -> dict[str, Value]:
    """Return the callable values of a table of signatures and implementations."""
    return {name: function(name, *entry) for name, entry in table.items()}


def function(name: str, signature: str, run: Implementation) -> Function:
    """Return one callable value."""
    repeats = signature.endswith("*")
    letters = signature.rstrip("*")
    least = len(letters) - repeats

    def call(running: Running, arguments: list[Value]) -> Value:
        wanted = letters.ljust(len(arguments), letters[-1]) if letters else ""
        read = [_read(letter, value) for letter, value in zip(wanted, arguments, strict=False)]
        return run(running, read)

    return Function(name, call, least, -1 if repeats else len(letters))


def _read(letter: str, value: Value) -> Value:
    if letter == "a":
        return value
    if value is None:
        return {} if letter == "d" else _ZEROS.get(letter)
    if letter == "i":
        fits = type(value) is int
    elif letter == "u":
        fits = False
    elif letter in "lc":
        fits = go_type(value) == _NAMES[letter]
    else:
        fits = isinstance(value, _TYPES[letter])
    if not fits:
        raise Fault(f"reflect: Call using {go_type(value)} as type {_NAMES[letter]}")
    return value


def string_of(value: Value) -> str:
    """Return sprig's text of a value: strings and bytes as they are, the rest as `%v`."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return value if isinstance(value, str) else go_print(value)


def strings_of(value: Value) -> list[str]:
    """Return sprig's list of strings of a value: nils are left out, one value is a list of one."""
    if value is None:
        return []
    if isinstance(value, list):
        return [string_of(item) for item in value if item is not None]
    return [string_of(value)]


def string_list(items: list[str]) -> TypedList:
    """Return a Go []string."""
    return TypedList([*items], "string")


def is_empty(value: Value) -> bool:
    """Return whether sprig counts the value as empty: nil, false, 0, "", no elements."""
    from tiphys.expr.values import Duration, NilPointer

    if value is None or isinstance(value, NilPointer):
        return True
    if isinstance(value, Duration):
        return value.ns == 0
    if isinstance(value, (bool, int, float, str, bytes, list, dict)):
        return not value
    return False
