"""What the built-in functions share: reading arguments the way Go's reflection does.

Source: expr-lang 1.17 builtin; language.md 11.8.
"""

from __future__ import annotations

from collections.abc import Callable

from tiphys.expr.operate import conversion, is_int
from tiphys.expr.running import Fault, Running
from tiphys.expr.types import go_type, kind_of
from tiphys.expr.values import Value

Implementation = Callable[[Running, list[Value]], Value]


def text(value: Value) -> str:
    """Return a string argument; raises Fault."""
    if isinstance(value, str):
        return value
    raise conversion(value, "string")


def whole(value: Value) -> int:
    """Return an int argument; raises Fault."""
    if is_int(value):
        return int(value)
    raise conversion(value, "int")


def listed(value: Value, doing: str) -> list[object]:
    """Return a list argument; raises Fault saying what cannot be done."""
    if isinstance(value, list):
        return value
    if isinstance(value, bytes):
        return list(value)
    raise Fault(f"cannot {doing} {go_type(value)}")


def mapped(value: Value, doing: str) -> dict[str, object]:
    """Return a map argument; raises Fault saying what cannot be done with its kind, `{}`."""
    if isinstance(value, dict):
        return value
    raise Fault(f"cannot {doing.format(kind_of(value))}")


def arity(arguments: list[Value], least: int, most: int) -> None:
    """Check the number of arguments; raises Fault."""
    if not least <= len(arguments) <= most:
        raise Fault(f"invalid number of arguments (expected {least}, got {len(arguments)})")
