"""The dialect of the `jsonpath()` function. Source: evilmonkeyinc/jsonpath; language.md 14.3."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from tiphys.expr.errors import JsonPathError
from tiphys.expr.jsonpath_filter import Condition, parse_condition, truthy
from tiphys.expr.values import Value


@dataclass(frozen=True, slots=True)
class Key:
    """`.name` or `['name']`."""

    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """`[1]`."""

    at: int


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`*`."""


@dataclass(frozen=True, slots=True)
class Recursive:
    """`..`."""


@dataclass(frozen=True, slots=True)
class Range:
    """`[a:b:c]`."""

    start: int | None
    stop: int | None
    step: int | None


@dataclass(frozen=True, slots=True)
class Union:
    """`['a','b']` or `[0,1]`."""

    parts: tuple[Key | Index, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """`[?(...)]`."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Script:
    """`[(...)]`."""

    expression: Condition


Token: TypeAlias = Key | Index | Wildcard | Recursive | Range | Union | Filter | Script

_NAME: Final = re.compile(r"[^.\[\]\s]+")
_QUOTED: Final = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}\Z", re.ASCII)
_RANGE: Final = re.compile(r"(-?[0-9]{0,18}):(-?[0-9]{0,18})(?::(-?[0-9]{0,18}))?\Z", re.ASCII)
_MAX_DEPTH: Final = 100
_MAX_VISITS: Final = 1_000_000


def query(document: Value, path: str) -> Value:
    """Return what the path selects: a value, or a list for an indefinite path.

    Raises JsonPathError with the library's text.
    """
    return _Query(document, path).apply(document, _tokens(path), 0)


def _fault(path: str, text: str) -> JsonPathError:
    return JsonPathError(f"invalid JSONPath selector '{path}' {text}")


@lru_cache(maxsize=512)
def _tokens(path: str) -> tuple[Token, ...]:
    if not path:
        raise _fault(path, "unexpected end of selector")
    if path[0] not in "$@":
        raise _fault(path, f"unexpected token '{path[0]}' at index 0")
    found: list[Token] = []
    position = 1
    while position < len(path):
        token, position = _token(path, position)
        found.append(token)
    return tuple(found)


def _token(path: str, position: int) -> tuple[Token, int]:
    char = path[position]
    if char == "[":
        end = _closing(path, position)
        return _bracket(path, path[position:end]), end
    if char != ".":
        raise _fault(path, f"unexpected token '{char}' at index {position}")
    if path.startswith("..", position):
        following = path[position + 2 : position + 3]
        return Recursive(), position + (2 if following == "[" else 1)
    name = _NAME.match(path, position + 1)
    if name is None:
        raise _fault(path, "invalid token. token string is empty")
    text = name.group()
    return Wildcard() if text == "*" else Key(text), name.end()


def _closing(path: str, start: int) -> int:
    depth = 0
    position = start
    while position < len(path):
        quoted = _QUOTED.match(path, position)
        if quoted is not None:
            position = quoted.end()
            continue
        depth += {"[": 1, "]": -1}.get(path[position], 0)
        position += 1
        if depth == 0:
            return position
    return len(path)


def _bracket(path: str, text: str) -> Token:
    inside = text[1:-1].strip() if text.endswith("]") else ""
    if inside.startswith("?(") and inside.endswith(")"):
        return Filter(parse_condition(inside[2:-1], path))
    if inside.startswith("(") and inside.endswith(")"):
        return Script(parse_condition(inside[1:-1], path))
    if inside == "*":
        return Wildcard()
    found = _RANGE.match(inside)
    if found is not None:
        numbers = [int(part) if part and part != "-" else None for part in found.groups()]
        return Range(numbers[0], numbers[1], numbers[2])
    parts = [_part(part) for part in _split(inside)]
    if not parts or any(part is None for part in parts):
        raise _fault(path, f"invalid token. '{text}' does not match any token format")
    known = tuple(part for part in parts if part is not None)
    return known[0] if len(known) == 1 else Union(known)


def _split(inside: str) -> list[str]:
    parts = [""]
    position = 0
    while position < len(inside):
        quoted = _QUOTED.match(inside, position)
        piece = quoted.group() if quoted else inside[position]
        position += len(piece)
        if piece == ",":
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts]


def _part(text: str) -> Key | Index | None:
    if _INTEGER.match(text):
        return Index(int(text))
    if _QUOTED.fullmatch(text):
        return Key(re.sub(r"\\(.)", r"\1", text[1:-1]))
    return None


def _kind(value: Value) -> str:
    if value is None:
        return "nil"
    if isinstance(value, list):
        return "slice"
    kinds = {dict: "map", bool: "bool", str: "string", float: "float64"}
    return kinds.get(type(value), "int")


def _target(name: str, expected: str, value: Value) -> JsonPathError:
    return JsonPathError(
        f"{name}: invalid token target. expected [{expected}] got [{_kind(value)}]"
    )


class _Query:
    def __init__(self, root: Value, path: str) -> None:
        self._root = root
        self._path = path
        self._visits = 0

    def apply(self, value: Value, tokens: tuple[Token, ...], depth: int) -> Value:
        """Return what the tokens select from the value."""
        self._visits += 1
        if depth > _MAX_DEPTH or self._visits > _MAX_VISITS:
            raise JsonPathError("path or document is too large")
        if not tokens:
            return value
        token, rest = tokens[0], tokens[1:]
        if isinstance(token, (Key, Index, Script)):
            return self.apply(self._one(token, value), rest, depth + 1)
        if isinstance(token, Recursive):
            return self._recurse(value, rest, depth)
        items = self._many(token, value)
        if not rest:
            return items
        return list(self._each(items, rest, depth))

    def _each(self, items: list[object], rest: tuple[Token, ...], depth: int) -> Iterator[object]:
        for item in items:
            try:
                found = self.apply(item, rest, depth + 1)
            except JsonPathError:
                continue
            yield found

    def _recurse(self, value: Value, rest: tuple[Token, ...], depth: int) -> list[object]:
        found: list[object] = []
        for node in _everything(value, 0):
            try:
                match = self.apply(node, rest, depth + 1)
            except JsonPathError:
                continue
            if isinstance(match, list):
                found.extend(match)
            else:
                found.append(match)
        return found

    def _one(self, token: Key | Index | Script, value: Value) -> Value:
        if isinstance(token, Index):
            return _index(token.at, value)
        if isinstance(token, Key):
            return _key(token.name, value)
        chosen = token.expression.evaluate(value, self._root, self._sub)
        if isinstance(chosen, str):
            return _key(chosen, value)
        if isinstance(chosen, (int, float)) and chosen == chosen // 1:
            return _index(int(chosen), value)
        raise JsonPathError("script: unexpected expression result")

    def _sub(self, path: str, current: Value) -> Value:
        start = self._root if path.startswith("$") else current
        return self.apply(start, _tokens(path), 1)

    def _many(self, token: Wildcard | Range | Union | Filter, value: Value) -> list[object]:
        if isinstance(token, Range):
            if not isinstance(value, list):
                raise _target("range", "array slice", value)
            if token.step == 0:
                raise JsonPathError("range: invalid token out of range")
            return value[slice(token.start, token.stop, token.step)]
        if isinstance(token, Union):
            return self._union(token, value)
        name = "filter" if isinstance(token, Filter) else "wildcard"
        items = _members(value, name)
        if isinstance(token, Wildcard):
            return items
        return [item for item in items if self._keeps(token, item)]

    def _union(self, token: Union, value: Value) -> list[object]:
        if not isinstance(value, (dict, list)):
            raise _target("union", "array map slice", value)
        found: list[object] = []
        for part in token.parts:
            try:
                found.append(self._one(part, value))
            except JsonPathError:
                continue
        return found

    def _keeps(self, token: Filter, item: Value) -> bool:
        try:
            return truthy(token.condition.evaluate(item, self._root, self._sub))
        except JsonPathError:
            return False


def _members(value: Value, name: str) -> list[object]:
    if isinstance(value, list):
        return list(value)
    if isinstance(value, dict):
        return [value[key] for key in sorted(value)]
    raise _target(name, "array map slice", value)


def _everything(value: Value, depth: int) -> Iterator[Value]:
    if depth > _MAX_DEPTH:
        raise JsonPathError("document nests too deeply")
    yield value
    if isinstance(value, (dict, list)):
        for item in _members(value, "recursive"):
            yield from _everything(item, depth + 1)


def _key(name: str, value: Value) -> Value:
    if isinstance(value, dict) and name in value:
        return value[name]
    if name == "length" and isinstance(value, (dict, list, str)):
        return len(value)
    if not isinstance(value, dict):
        raise _target("key", "map", value)
    raise JsonPathError(f"key: invalid token key '{name}' not found")


def _index(at: int, value: Value) -> Value:
    if not isinstance(value, list):
        raise _target("index", "array slice", value)
    if not -len(value) <= at < len(value):
        raise JsonPathError("index: invalid token out of range")
    return value[at]
