"""The ground of the model: free JSON, Argo's scalar types, the struct base.

Every struct of the model derives from `Model`: frozen, JSON names in camelCase, optional fields
left out when they hold their default. A field made with `always` is written even when empty,
because Argo writes it (reference/resources.md 6.1). Behaviour does not belong here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, TypeVar

from msgspec import Meta, Struct, field

if TYPE_CHECKING:
    Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
    JsonObject = dict[str, Json]
else:
    # msgspec checks free JSON faster, and only, as "anything".
    from typing import Any

    Json = Any
    JsonObject = dict[str, Any]

API_VERSION: Final = "argoproj.io/v1alpha1"

# The "go" mark tells the reader's walk which of Argo's decoders a field has.
AnyString = Annotated[str, Meta(extra={"go": "AnyString"})]
"""Text that may be written as a number or boolean; always held as text."""
IntOrString = Annotated[int | str, Meta(extra={"go": "IntOrString"})]
"""A 32-bit integer or any text, kept as given."""
Time = Annotated[str, Meta(extra={"go": "Time"})]
"""RFC 3339 text in UTC with whole seconds."""
Int32 = Annotated[int, Meta(extra={"go": "int32"})]
Int64 = Annotated[int, Meta(extra={"go": "int64"})]
UInt64 = Annotated[int, Meta(extra={"go": "uint64"})]
Amount = Annotated[int | float, Meta(extra={"go": "Amount"})]
"""A JSON number."""

_Value = TypeVar("_Value")


def always(value: _Value, name: str | None = None) -> _Value:
    """Return a field that defaults to `value` and is written even when it holds it.

    msgspec leaves out a plain default; it never leaves out what a factory makes.
    """
    made: _Value = field(default_factory=lambda: value, name=name)
    return made


class Model(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel", gc=False):
    """A part of a document. Subclasses repeat `frozen, kw_only`: type checkers want it.

    Frozen values form no cycles, so the garbage collector need not walk them (a fifth of what an
    input costs the engine at 100,000 tasks).
    """
