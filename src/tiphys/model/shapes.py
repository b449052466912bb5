"""How each field is read: one small reader per type, made from the struct definitions.

A shape takes a JSON value, reports what is wrong with it to the walk, and returns the value as
the struct wants it: nulls dropped, texts and times normalised. `decode` drives it; what a field
means is not known here. Source: reference/resources.md 2 and 6, validation.md 16; the texts are
those of Go's encoding/json.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Literal, Protocol

from msgspec import inspect

from tiphys.errors import UserError
from tiphys.expr.numbers import any_string
from tiphys.model.base import Json, Model
from tiphys.model.kubernetes import FIELDS, KUBERNETES
from tiphys.model.times import normal_time
from tiphys.model.workload_fields import WORKLOADS

ProblemKind = Literal["type", "step", "unknown", "duplicate", "yaml duplicate", "warning"]

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Spot:
    """Where the walk stands: the path, and the struct and field names Go puts into its errors."""

    path: Path = ()
    struct: str = ""
    names: tuple[str, ...] = ()
    strict: bool = True
    in_step: bool = False

    def member(self, struct: str, name: str, key: str) -> Spot:
        """Return the spot of a struct's field; `key` is how the document spells it."""
        return Spot((*self.path, key), struct, (*self.names, name), self.strict, self.in_step)

    def item(self, part: str | int) -> Spot:
        """Return the spot of a list's or map's element."""
        return Spot((*self.path, part), self.struct, self.names, self.strict, self.in_step)

    def inside_step(self) -> Spot:
        """Return this spot with the leniency Argo has inside a step."""
        return Spot(self.path, self.struct, (), strict=False, in_step=True)


class Walk(Protocol):
    """Callback: takes the problems a shape finds."""

    def report(self, kind: ProblemKind, reason: str, spot: Spot, hint: str = "") -> None:
        """Note one problem."""

    def unknown(self, key: str, known: Iterable[str], struct: str, spot: Spot) -> None:
        """Note a key that is no field."""

    def keys(self, value: dict[str, Json]) -> Iterable[str]:
        """Return the keys in the order Go sees them."""


class Shape:
    """Free JSON: taken as it is. The base of all shapes."""

    go = "interface {}"

    def zero(self) -> Json:
        """Return what a null in a list or map becomes, and a value of the wrong type."""
        return None

    def read(self, value: Json, spot: Spot, walk: Walk) -> Json:  # noqa: ARG002
        """Return `value` normalised; what is wrong goes to `walk`. Never called with null."""
        return value

    def refuse(self, value: Json, spot: Spot, walk: Walk, what: str = "") -> Json:
        """Report a value of the wrong type and return the zero value."""
        found = what or go_kind(value)
        if spot.struct:
            target = f"Go struct field {spot.struct}.{'.'.join(spot.names)} of type {self.go}"
        else:
            target = f"Go value of type {self.go}"
        walk.report(
            "type", f"json: cannot unmarshal {found} into {target}", spot, self.advice(value)
        )
        return self.zero()

    def advice(self, value: Json) -> str:  # noqa: ARG002
        """Return a hint for a value of the wrong type."""
        return ""


def go_kind(value: Json) -> str:
    """Return Go's name for the kind of a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else "null"


class TextShape(Shape):
    """A plain string."""

    go = "string"

    def zero(self) -> Json:
        """Return ""."""
        return ""

    def read(self, value: Json, spot: Spot, walk: Walk) -> Json:
        """Return the text."""
        return value if isinstance(value, str) else self.refuse(value, spot, walk)

    def advice(self, value: Json) -> str:
        """Tell to quote what YAML took for something else."""
        return "" if isinstance(value, dict | list) else "put quotes around the value"


class ChoiceShape(TextShape):
    """A string of a closed set (phases)."""

    def __init__(self, choices: Iterable[Json]) -> None:
        self.choices = [item for item in choices if isinstance(item, str)]

    def read(self, value: Json, spot: Spot, walk: Walk) -> Json:
        """Return the text if it is one of the set."""
        if isinstance(value, str) and value not in self.choices:
            known = ", ".join(item for item in self.choices if item)
            walk.report("type", f'unknown value "{value}"', spot, f"one of {known}")
            return self.zero()
        return super().read(value, spot, walk)


class BoolShape(Shape):
    """A boolean."""

    go = "bool"

    def zero(self) -> Json:
        """Return False."""
        return False

    def read(self, value: Json, spot: Spot, walk: Walk) -> Json:
        """Return the boolean."""
        return value if isinstance(value, bool) else self.refuse(value, spot, walk)


class IntShape(Shape):
    """An integer of a size."""

    def __init__(self, go: str) -> None:
        self.go = go
        bits = int(go.lstrip("uint"))
        signed = not go.startswith("u")
        self.low = -(2 ** (bits - 1)) if signed else 0
        self.high = 2 ** (bits - signed) - 1

    def zero(self) -> Json:
        """Return 0."""
        return 0

    def read(self, value: Json, spot: Spot, walk: Walk) -> Json:
        """Return the integer; a fraction, even `.0`, is refused as in Go."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self.refuse(value, spot, walk)
        if isinstance(value, float) or not self.low <= value <= self.high:
            return self.refuse(value, spot, walk, f"number {value}")
        return value


class IntOrStringShape(IntShape):
    """A 32-bit integer or any text."""

    def __init__(self) -> None:
        super().__init__("int32")

    def read(self, value: Json, spot: Spot, walk: Walk) -> Json:
        """Return the text or the integer."""
        return value if isinstance(value, str) else super().read(value, spot, walk)


class AmountShape(Shape):
    """A JSON number."""

    go = "v1alpha1.Amount"

    def zero(self) -> Json:
        """Return 0."""
        return 0

    def read(self, value: Json, spot: Spot, walk: Walk) -> Json:
        """Return the number."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self.refuse(value, spot, walk)
        return value


class AnyStringShape(Shape):
    """Text that may be written as a number or boolean."""

    def zero(self) -> Json:
        """Return ""."""
        return ""

    def read(self, value: Json, spot: Spot, walk: Walk) -> Json:
        """Return the text; a list or map becomes empty text as in Argo, with a warning."""
        if isinstance(value, dict | list):
            hint = "Argo reads a list or map here as empty text; quote it as JSON text"
            walk.report("warning", f"{go_kind(value)} where text is expected", spot, hint)
            return ""
        try:
            return any_string(value)
        except UserError as exc:
            walk.report("type", str(exc), spot)
            return ""


class QuantityShape(Shape):
    """A Kubernetes quantity, kept as given; its text is read where it is used."""

    go = "resource.Quantity"

    def read(self, value: Json, spot: Spot, walk: Walk) -> Json:
        """Return the text or the number."""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return self.refuse(value, spot, walk)
        return value


class TimeShape(TextShape):
    """RFC 3339, made UTC with whole seconds."""

    go = "v1.Time"

    def read(self, value: Json, spot: Spot, walk: Walk) -> Json:
        """Return the time as text; empty text is no time."""
        if not isinstance(value, str):
            return self.refuse(value, spot, walk)
        found = normal_time(value)
        if found is None:
            layout = "2006-01-02T15:04:05Z07:00"
            reason = f'parsing time "{value}" as "{layout}": cannot parse "{value}" as "2006"'
            walk.report("type", reason, spot, "write it like 2026-01-02T03:04:05Z")
        return found


class ObjectShape(Shape):
    """An object whose inside is free."""

    go = "map[string]interface {}"

    def read(self, value: Json, spot: Spot, walk: Walk) -> Json:
        """Return the object as it is."""
        return value if isinstance(value, dict) else self.refuse(value, spot, walk)

    def zero(self) -> Json:
        """Return {}."""
        return {}


class PluginShape(ObjectShape):
    """An object with one key, the plugin's name."""

    def read(self, value: Json, spot: Spot, walk: Walk) -> Json:
        """Return the object. Source: argo workflow_types.go, Plugin.UnmarshalJSON."""
        if isinstance(value, dict) and len(value) != 1:
            walk.report("type", f"expected exactly one key, got {len(value)}", spot)
        return super().read(value, spot, walk)


class ListShape(Shape):
    """A list of one shape."""

    def __init__(self, element: Shape) -> None:
        self.element = element
        self.go = f"[]{element.go}"

    def zero(self) -> Json:
        """Return []."""
        return []

    def read(self, value: Json, spot: Spot, walk: Walk) -> Json:
        """Return the list with every element read; null elements become zero values."""
        if not isinstance(value, list):
            return self.refuse(value, spot, walk)
        element = self.element
        return [
            element.zero() if item is None else element.read(item, spot.item(index), walk)
            for index, item in enumerate(value)
        ]


class MapShape(Shape):
    """A map of one shape."""

    def __init__(self, element: Shape) -> None:
        self.element = element
        self.go = f"map[string]{element.go}"

    def zero(self) -> Json:
        """Return {}."""
        return {}

    def read(self, value: Json, spot: Spot, walk: Walk) -> Json:
        """Return the map with every value read; nulls become zero values."""
        if not isinstance(value, dict):
            return self.refuse(value, spot, walk)
        element = self.element
        return {
            key: element.zero() if item is None else element.read(item, spot.item(key), walk)
            for key, item in value.items()
        }


class RecordShape(Shape):
    """An object with known fields."""

    def __init__(self, name: str, package: str, fields: dict[str, Shape] | None = None) -> None:
        self.name = name
        self.go = f"{package}.{name}"
        self.fields = fields if fields is not None else {}
        self._folded: dict[str, str] = {}

    def zero(self) -> Json:
        """Return {}."""
        return {}

    def read(self, value: Json, spot: Spot, walk: Walk) -> Json:
        """Return the object with its known fields read; unknown ones go to the walk."""
        if not isinstance(value, dict):
            return self.refuse(value, spot, walk)
        read: dict[str, Json] = {}
        for key in walk.keys(value):
            name = self.field_name(key, spot)
            if name is None:
                walk.unknown(key, self.fields, self.name, spot)
                continue
            item = value[key]
            if item is not None:
                found = self.fields[name].read(item, spot.member(self.name, name, key), walk)
                if found is not None:
                    read[name] = found
        return read

    def field_name(self, key: str, spot: Spot) -> str | None:
        """Return the field `key` means; outside strict decoding its case does not matter."""
        if key in self.fields:
            return key
        if spot.strict:
            return None
        if not self._folded:
            self._folded = {name.lower(): name for name in self.fields}
        return self._folded.get(key.lower())


class StepShape(RecordShape):
    """A step: its own keys are always checked, exactly; what is inside them never is.

    Source: argo workflow_types.go, ParallelSteps.UnmarshalJSON; resources.md 6.3.
    """

    def read(self, value: Json, spot: Spot, walk: Walk) -> Json:
        """Return the step."""
        return super().read(value, spot.inside_step(), walk)

    def field_name(self, key: str, spot: Spot) -> str | None:  # noqa: ARG002
        """Return the field of exactly this name."""
        return key if key in self.fields else None


class GroupShape(ListShape):
    """The steps that run together: an array, which Argo checks on its own."""

    def __init__(self, element: Shape) -> None:
        super().__init__(element)
        self.go = "[]map[string]interface {}"

    def refuse(self, value: Json, spot: Spot, walk: Walk, what: str = "") -> Json:  # noqa: ARG002
        """Report a group that is no list, in the words of its own decoder."""
        reason = f"json: cannot unmarshal {go_kind(value)} into Go value of type {self.go}"
        walk.report("type", reason, spot, 'a group of steps is a list: write "- - name: ..."')
        return []

    def zero(self) -> Json:
        """Return []."""
        return []


@dataclass(slots=True)
class _Maker:
    """Struct types to shapes; records are shared, so that types may contain themselves."""

    records: dict[type, RecordShape] = field(default_factory=dict)
    tables: dict[str, RecordShape] = field(default_factory=dict)

    def make(self, kind: inspect.Type) -> Shape:
        if isinstance(kind, inspect.Metadata):
            mark = (kind.extra or {}).get("go")
            return _MARKED[mark]() if mark in _MARKED else IntShape(str(mark))
        if isinstance(kind, inspect.UnionType):
            return self.make(_without_none(kind))
        if isinstance(kind, inspect.VarTupleType):
            return self.make_list(kind.item_type)
        if isinstance(kind, inspect.DictType):
            element = self.make(kind.value_type)
            return ObjectShape() if type(element) is Shape else MapShape(element)
        if isinstance(kind, inspect.StructType):
            return self.record(kind)
        if isinstance(kind, inspect.LiteralType):
            return ChoiceShape(kind.values)
        return _PLAIN[type(kind)]()

    def make_list(self, item: inspect.Type) -> Shape:
        element = self.make(item)
        return GroupShape(element) if isinstance(element, StepShape) else ListShape(element)

    def record(self, kind: inspect.StructType) -> RecordShape:
        known = self.records.get(kind.cls)
        if known is not None:
            return known
        name = kind.cls.__name__
        package = "v1" if name in _KUBERNETES else "v1alpha1"
        shape = (StepShape if name == "WorkflowStep" else RecordShape)(name, package)
        self.records[kind.cls] = shape
        for item in kind.fields:
            shape.fields[item.encode_name] = self.make(item.type)
        for field_name, kind_name in FIELDS.get(name, {}).items():
            shape.fields[field_name] = self.kubernetes(kind_name)
        if name == "Template":
            shape.fields["plugin"] = PluginShape()
        return shape

    def kubernetes(self, name: str) -> Shape:
        """Return the shape of a type of the Kubernetes tables."""
        if name.startswith("[]"):
            return ListShape(self.kubernetes(name[2:]))
        if name.startswith("{}"):
            return MapShape(self.kubernetes(name[2:]))
        if name in _TABLE_WORDS:
            return _TABLE_WORDS[name]()
        table = KUBERNETES.get(name) or WORKLOADS.get(name)
        if table is None:
            return IntShape(name)
        shape = self.tables.get(name)
        if shape is None:
            shape = self.tables[name] = RecordShape(name, "v1")
            for part in table.split():
                field_name, _, kind_name = part.partition(":")
                shape.fields[field_name] = self.kubernetes(kind_name)
        return shape


_KUBERNETES: Final = frozenset(
    {
        "ObjectMeta",
        "OwnerReference",
        "Container",
        "EnvVar",
        "SecretKeySelector",
        "ConfigMapKeySelector",
        "LocalObjectReference",
    }
)
_MARKED: Final[Mapping[object, type[Shape]]] = {
    "AnyString": AnyStringShape,
    "Time": TimeShape,
    "Amount": AmountShape,
    "IntOrString": IntOrStringShape,
}
_PLAIN: Final[Mapping[type, type[Shape]]] = {
    inspect.StrType: TextShape,
    inspect.BoolType: BoolShape,
    inspect.AnyType: Shape,
}


_TABLE_WORDS: Final[Mapping[str, type[Shape]]] = {
    "text": TextShape,
    "bool": BoolShape,
    "IntOrString": IntOrStringShape,
    "Quantity": QuantityShape,
    "any": Shape,
}


def _without_none(kind: inspect.UnionType) -> inspect.Type:
    rest = [item for item in kind.types if not isinstance(item, inspect.NoneType)]
    if len(rest) != 1:
        raise TypeError(f"no shape for {kind}")
    return rest[0]


_MADE: Final = _Maker()
"""Shapes that are whole. One in the making is nobody else's: a thread beside would read by half of
it, and lose fields."""


@cache
def shape_of(struct: type[Model]) -> Shape:
    """Return the shape of a struct of the model."""
    maker = _Maker(dict(_MADE.records), dict(_MADE.tables))
    shape = maker.make(inspect.type_info(struct))
    _MADE.records.update(maker.records)
    _MADE.tables.update(maker.tables)
    return shape


@cache
def shape_of_table(name: str) -> Shape:
    """Return the shape of a type of the tables."""
    return _Maker().kubernetes(name)
