"""Parse kubectl's JSONPath templates. Source: k8s client-go util/jsonpath parser.go."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from tiphys.expr.errors import JsonPathError
from tiphys.expr.values import Json


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, boolean or quoted text."""

    value: Json


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`*`."""


@dataclass(frozen=True, slots=True)
class Recursive:
    """`..`."""


@dataclass(frozen=True, slots=True)
class Slice:
    """`[1]` (single) and `[a:b:c]`."""

    start: int | None
    stop: int | None
    step: int
    single: bool


@dataclass(frozen=True, slots=True)
class Union:
    """`[a,b]`."""

    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """`[?(left operator right)]`; the operator is "exists" when there is only a left side."""

    left: Path
    operator: str
    right: Path | None


Step: TypeAlias = str | Literal | Wildcard | Recursive | Slice | Union | Filter


@dataclass(frozen=True, slots=True)
class Path:
    """Steps from the current value, or from the whole document."""

    steps: tuple[Step, ...]
    from_root: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """`{range path} ... {end}`."""

    path: Path
    body: tuple[Node, ...]
    closed: bool


Node: TypeAlias = str | Path | Range

_FIELD: Final = re.compile(r"(?:\\.|[^\s.,\[\]$@{}\\])*")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_WORD: Final = re.compile(r"[A-Za-z0-9_\-]+")
_QUOTED: Final = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
_SLICE: Final = re.compile(r"(-?[0-9]*)(?::(-?[0-9]*))?(?::(-?[0-9]*))?\Z")
_NAME: Final = re.compile(r"'([^']*)'\Z")
_FILTER: Final = re.compile(r"(==|!=|>=|<=|>|<)")
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}
_MAX_DEPTH: Final = 50


def parse_template(template: str) -> list[Node]:
    """Return the nodes of a template; raises JsonPathError with kubectl's text."""
    nodes: list[Node] = []
    ranges: list[tuple[Path, list[Node]]] = []
    target = nodes
    position = 0
    while position < len(template):
        opening = template.find("{", position)
        if opening < 0:
            target.append(template[position:])
            break
        if opening > position:
            target.append(template[position:opening])
        action, position = _action(template, opening)
        if action == "end":
            target = _close(nodes, ranges)
        elif action.startswith("range") and not _WORD.match(action[5:6]):
            ranges.append((_path(action[5:].strip()), []))
            target = ranges[-1][1]
        else:
            target.extend(_actions(action))
    for path, body in reversed(ranges):
        ranges.pop()
        outer = ranges[-1][1] if ranges else nodes
        outer.append(Range(path, tuple(body), closed=False))
    return nodes


def _close(nodes: list[Node], ranges: list[tuple[Path, list[Node]]]) -> list[Node]:
    if not ranges:
        raise JsonPathError("not in range, nothing to end")
    path, body = ranges.pop()
    outer = ranges[-1][1] if ranges else nodes
    outer.append(Range(path, tuple(body), closed=True))
    return outer


def _action(template: str, opening: int) -> tuple[str, int]:
    """Return the text between braces and the position after them; quotes hide braces."""
    position = opening + 1
    while position < len(template):
        char = template[position]
        if char in "'\"":
            quoted = _QUOTED.match(template, position)
            if quoted is None:
                raise JsonPathError("unterminated quoted string")
            position = quoted.end()
            continue
        if char == "}":
            return template[opening + 1 : position].strip(), position + 1
        if char == "{":
            raise JsonPathError("unrecognized character in action: U+007B '{'")
        position += 1
    inside = template[opening:]
    raise JsonPathError("unterminated array" if _open_array(inside) else "unclosed action")


def _open_array(text: str) -> bool:
    return text.count("[") > text.count("]")


def _actions(text: str) -> list[Node]:
    """Return the paths of one action; white space separates several."""
    found: list[Node] = []
    while text:
        path, used = _Reader(text).read()
        found.append(path)
        text = text[used:].lstrip()
    return found or [Path(())]


def _path(text: str, depth: int = 0) -> Path:
    path, used = _Reader(text, depth).read()
    if used < len(text):
        rest = text[used:].strip()
        if rest:
            raise _unrecognized(rest)
    return path


def _unrecognized(text: str) -> JsonPathError:
    if _WORD.match(text):
        found = _WORD.match(text)
        return JsonPathError(f"unrecognized identifier {found.group() if found else text}")
    return JsonPathError(f"unrecognized character in action: U+{ord(text[0]):04X} '{text[0]}'")


class _Reader:
    """Reads one path from the start of a text."""

    def __init__(self, text: str, depth: int = 0) -> None:
        if depth > _MAX_DEPTH:
            raise JsonPathError("path nests too deeply")
        self._text = text
        self._depth = depth
        self._position = 0
        self._steps: list[Step] = []
        self._from_root = False

    def read(self) -> tuple[Path, int]:
        while self._position < len(self._text):
            if not self._one(self._text[self._position]):
                break
        return Path(tuple(self._steps), self._from_root), self._position

    def _one(self, char: str) -> bool:
        """Read one step; False at white space."""
        if char.isspace():
            return False
        if char == ".":
            self._dot()
        elif char == "[":
            self._bracket()
        elif char in "$@":
            self._position += 1
            if char == "$":
                self._from_root, self._steps = True, []
        elif char in "'\"":
            self._quoted()
        else:
            self._word()
        return True

    def _dot(self) -> None:
        if self._text.startswith("..", self._position):
            self._steps.append(Recursive())
            self._position += 1
            following = self._text[self._position + 1 : self._position + 2]
            if not following or following in "[.":
                self._position += 1
                return
        self._position += 1
        found = _FIELD.match(self._text, self._position)
        name = found.group() if found else ""
        self._position += len(name)
        if name == "*":
            self._steps.append(Wildcard())
        else:
            self._steps.append(_ESCAPE.sub(r"\1", name))

    def _bracket(self) -> None:
        end = self._closing()
        inside = self._text[self._position + 1 : end]
        self._position = end + 1
        self._steps.append(_element(inside.strip(), self._depth))

    def _closing(self) -> int:
        depth = 0
        position = self._position
        while position < len(self._text):
            quoted = _QUOTED.match(self._text, position)
            if quoted is not None:
                position = quoted.end()
                continue
            depth += {"[": 1, "]": -1}.get(self._text[position], 0)
            if depth == 0:
                return position
            position += 1
        raise JsonPathError("unterminated array")

    def _quoted(self) -> None:
        found = _QUOTED.match(self._text, self._position)
        if found is None:
            raise JsonPathError("unterminated quoted string")
        self._position = found.end()
        self._steps.append(Literal(_unquote(found.group())))

    def _word(self) -> None:
        number = _NUMBER.match(self._text, self._position)
        if number is not None:
            self._position = number.end()
            text = number.group()
            self._steps.append(Literal(float(text) if "." in text else int(text[:40])))
            return
        word = _WORD.match(self._text, self._position)
        if word is None or word.group() not in ("true", "false"):
            raise _unrecognized(self._text[self._position :])
        self._position = word.end()
        self._steps.append(Literal(word.group() == "true"))


def _unquote(text: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), text[1:-1])


def _element(text: str, depth: int) -> Step:
    if text.startswith("?("):
        return _filter(text[2:].rstrip().removesuffix(")"), depth)
    if text == "*":
        return Wildcard()
    parts = _split_union(text)
    if len(parts) > 1:
        steps = [_element(part.strip(), depth + 1) for part in parts]
        return Union(tuple(Path((step,)) for step in steps))
    name = _NAME.match(text)
    if name is not None:
        return _named(name[1])
    bounds = _SLICE.match(text)
    if bounds is None or not text:
        raise JsonPathError(f"invalid array index {text}")
    return _bounds(bounds, text)


def _named(name: str) -> Step:
    """Return the steps of `['name']`: read as a field path, so dots separate and spaces fail."""
    space = name.find(" ")
    if space >= 0:
        raise _unrecognized(name[space:].strip() or name)
    reader = _Reader("." + name)
    path, _ = reader.read()
    return path.steps[0] if len(path.steps) == 1 else Union((path,))


def _bounds(match: re.Match[str], text: str) -> Slice:
    numbers = [int(part[:12]) if part and part != "-" else None for part in match.groups()]
    single = ":" not in text
    return Slice(numbers[0], numbers[1], 1 if numbers[2] is None else numbers[2], single)


def _split_union(text: str) -> list[str]:
    parts = [""]
    position = 0
    while position < len(text):
        quoted = _QUOTED.match(text, position)
        piece = quoted.group() if quoted else text[position]
        position += len(piece)
        if piece == ",":
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _filter(text: str, depth: int) -> Filter:
    operator: re.Match[str] | None = None
    position = 0
    while position < len(text) and operator is None:
        quoted = _QUOTED.match(text, position)
        if quoted is not None:
            position = quoted.end()
            continue
        operator = _FILTER.match(text, position)
        position += 1
    if operator is None:
        if "=~" in text:
            raise JsonPathError("unrecognized character in action: U+007E '~'")
        return Filter(_path(text.strip(), depth + 1), "exists", None)
    left = _path(text[: operator.start()].strip(), depth + 1)
    right = _path(text[operator.end() :].strip(), depth + 1)
    return Filter(left, operator.group(), right)
