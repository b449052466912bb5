"""kubectl's JSONPath templates, as `valueFrom.jsonPath` uses them: missing keys are empty.

Source: k8s client-go util/jsonpath; language.md 14.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from tiphys.expr.errors import JsonPathError
from tiphys.expr.jsonpath_kubectl_parse import (
    Filter,
    Literal,
    Node,
    Path,
    Recursive,
    Slice,
    Step,
    Union,
    Wildcard,
    parse_template,
)
from tiphys.expr.numbers import go_float, json_text
from tiphys.expr.values import Json

_MAX_OUTPUT: Final = 100_000


@lru_cache(maxsize=512)
def _parsed(template: str) -> tuple[Node, ...]:
    return tuple(parse_template(template))


def render_template(template: str, document: Json) -> str:
    """Return the text of a template for a document; raises JsonPathError.

    Integers of the document must be Python ints. Source: JSONPath.Execute with AllowMissingKeys.
    """
    return _Writer(document).run(_parsed(template), document)


class _Writer:
    def __init__(self, root: Json) -> None:
        self._root = root
        self._visits = 0

    def run(self, nodes: tuple[Node, ...], current: Json) -> str:
        return "".join(self._text(node, current) for node in nodes)

    def _text(self, node: Node, current: Json) -> str:
        if isinstance(node, str):
            return node
        if isinstance(node, Path):
            return " ".join(map(_print, self._select(node, current)))
        items = self._select(node.path, current)
        text = "".join(self.run(node.body, item) for item in items)
        # Argo's library prints what follows an unclosed range once more, on the outside.
        return text if node.closed else text + self.run(node.body, current)

    def _select(self, path: Path, current: Json) -> list[Json]:
        found: list[Json] = [self._root if path.from_root else current]
        for step in path.steps:
            if isinstance(step, Union):
                # Each part is taken from every value before the next part.
                found = [
                    item
                    for part in step.paths
                    for value in found
                    for item in self._select(part, value)
                ]
            else:
                found = [item for value in found for item in self._step(step, value)]
            self._visits += len(found)
            if self._visits > _MAX_OUTPUT:
                raise JsonPathError("too many results")
        return found

    def _step(self, step: Step, value: Json) -> list[Json]:
        match step:
            case str():
                return [value[step]] if isinstance(value, dict) and step in value else []
            case Literal():
                return [step.value]
            case Wildcard():
                return _below(value)
            case Recursive():
                return list(_everything(value))
            case Slice():
                return _slice(step, value)
            case Filter():
                return self._filter(step, value)
            case Union():
                return self._select(Path((step,)), value)

    def _filter(self, step: Filter, value: Json) -> list[Json]:
        if not isinstance(value, list):
            if value is None:
                return []
            raise JsonPathError(f"{_go_kind(value)} is not array or slice and cannot be filtered")
        return [item for item in value if self._holds(step, item)]

    def _holds(self, step: Filter, item: Json) -> bool:
        left = self._select(step.left, item)
        if step.operator == "exists":
            return bool(left)
        right = self._select(step.right, item) if step.right and step.right.steps else []
        if not left or not right:
            return False
        if len(left) > 1 or len(right) > 1:
            raise JsonPathError("can only compare one element at a time")
        return _compare(step.operator, left[0], right[0])


def _below(value: Json) -> list[Json]:
    if isinstance(value, list):
        return list(value)
    return [value[key] for key in sorted(value)] if isinstance(value, dict) else []


def _everything(value: Json, depth: int = 0) -> Iterator[Json]:
    """Yield all that has parts below it; a Go string has bytes."""
    if depth > 200:
        raise JsonPathError("document nests too deeply")
    if isinstance(value, (dict, list, str)) and value:
        yield value
        for item in _below(value):
            yield from _everything(item, depth + 1)


def _go_kind(value: Json) -> str:
    kinds = {dict: "map[string]interface {}", str: "string", bool: "bool", int: "int64"}
    return kinds.get(type(value), "float64")


def _slice(step: Slice, value: Json) -> list[Json]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise JsonPathError(f"{_go_kind(value)} is not array or slice")
    size = len(value)
    start = 0 if step.start is None else step.start
    stop = size if step.stop is None else step.stop
    start = start + size if start < 0 else start
    stop = stop + size if stop < 0 and not step.single else stop
    if step.single:
        if not 0 <= start < size:
            raise _out_of_bounds(start, size)
        return [value[start]]
    if start >= size:
        return []
    if start < 0:
        raise _out_of_bounds(start, size)
    if stop > size:
        raise _out_of_bounds(stop - 1, size)
    if stop < start:
        raise JsonPathError(f"starting index {start} is greater than ending index {stop}")
    if step.step < 0:
        raise JsonPathError(f"step must be >= 0; got {step.step}")
    return value[start : max(stop, 0) : step.step or 1]


def _out_of_bounds(index: int, size: int) -> JsonPathError:
    return JsonPathError(f"array index out of bounds: index {index}, length {size}")


def _compare(operator: str, left: Json, right: Json) -> bool:
    numbers = (int, float)
    both_numbers = isinstance(left, numbers) and isinstance(right, numbers)
    comparable = type(left) is type(right) or (
        both_numbers and not isinstance(left, bool) and not isinstance(right, bool)
    )
    if not comparable or isinstance(left, (dict, list)):
        raise JsonPathError("incompatible types for comparison")
    if operator in ("==", "!="):
        return (left == right) == (operator == "==")
    if isinstance(left, str) and isinstance(right, str):
        return _ordered(operator, (left > right) - (left < right))
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return _ordered(operator, (left > right) - (left < right))
    raise JsonPathError("incompatible types for comparison")


def _ordered(operator: str, order: int) -> bool:
    return {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]


def _print(value: Json) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return go_float(value)
    return json_text(_sorted(value))


def _sorted(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
