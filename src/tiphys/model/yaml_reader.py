"""YAML text to JSON values exactly as Go's reader makes them, with places for messages.

libyaml's events come from PyYAML; what they mean is decided here. Places (line, column) are only
worked out when somebody asks, by reading the text a second time. The codec is the caller; what a
document means does not belong here. Source: reference/language.md 18.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

from tiphys.errors import Finding, InvalidDocument
from tiphys.model.base import Json
from tiphys.model.yaml_scalars import (
    MERGE,
    Scalar,
    ScalarError,
    json_number,
    key_text,
    resolve,
)

if TYPE_CHECKING:
    from yaml._yaml import Mark as _LibyamlMark

    _Mark = yaml.Mark | _LibyamlMark | None

Path = tuple[str | int, ...]
Place = tuple[int, int]
"""Line and column, from 1; (0, 0) when unknown."""

UNKNOWN: Final[Place] = (0, 0)
_MAX_DEPTH: Final = 400
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A key written twice in one map; `place` is that of the later value."""

    key: str
    path: Path
    place: Place


class _Marks:
    """Where a value stands, and its members with the places of their keys; aliases share them."""

    __slots__ = ("members", "place")

    def __init__(self, place: Place, members: dict[str | int, tuple[Place, _Marks]]) -> None:
        self.place = place
        self.members = members


@dataclass(slots=True)
class Located:
    """A value read from `text`, and where its parts stand there.

    `line` and `column` are added to every place: `text` may be a piece of a file.
    """

    value: Json
    text: str
    duplicates: tuple[Duplicate, ...] = ()
    line: int = 0
    column: int = 0
    _marks: _Marks | None = None

    def place(self, path: Path, key: bool = False) -> Place:
        """Return the place of the value at `path`, or of its key, or of the nearest parent."""
        marks = self._read_marks()
        place = marks.place
        for part in path:
            inner = marks.members.get(part)
            if inner is None:
                break
            key_place, marks = inner
            place = key_place if key else marks.place
        return self.shifted(place)

    def shifted(self, place: Place) -> Place:
        """Return a place of the piece as a place of the file."""
        line, column = place
        return (line + self.line, column + self.column if line == 1 else column)

    def _read_marks(self) -> _Marks:
        if self._marks is None:
            try:
                composer = _Composer(self.text, with_marks=True)
                composer.read()
                self._marks = composer.marks or _Marks(UNKNOWN, {})
            except InvalidDocument:  # JSON that YAML cannot read, such as escaped surrogates
                self._marks = _Marks(UNKNOWN, {})
        return self._marks


def read_yaml(text: str, line: int = 0, column: int = 0) -> Located:
    """Return the first document of `text`; duplicate keys are noted, the last one wins.

    Raises InvalidDocument with one finding whose reason is Go's text.
    """
    composer = _Composer(text, with_marks=False)
    try:
        composer.read()
        if composer.duplicates:  # their places need the marks
            composer = _Composer(text, with_marks=True)
            composer.read()
    except InvalidDocument as exc:
        located = Located(None, text, line=line, column=column)
        raise InvalidDocument([_moved(item, located) for item in exc.findings]) from None
    return Located(composer.value, text, tuple(composer.duplicates), line, column)


def _moved(finding: Finding, located: Located) -> Finding:
    line, column = located.shifted((finding.line, finding.column))
    return Finding(finding.reason, line=line, column=column, hint=finding.hint)


class _Frame:
    """A list or map still being read; `size` counts the values in it with aliases written out."""

    __slots__ = ("anchor", "key", "key_mark", "mark", "marks", "size", "value")

    def __init__(self, value: list[Json] | dict[str, Json], mark: _Mark) -> None:
        self.value = value
        self.mark = mark
        self.anchor: str | None = None
        self.key: Scalar | _Merge | _NoKey = _NO_KEY
        self.key_mark = mark
        self.size = 1
        self.marks: _Marks | None = None


@dataclass(frozen=True, slots=True)
class _Anchored:
    """What an anchor names."""

    value: Json
    size: int
    marks: _Marks | None


class _NoKey:
    """In a map, the next value is a key."""


class _Merge:
    """The key `<<`."""


_NOTHING: Final[dict[str | int, tuple[Place, _Marks]]] = {}
_NO_KEY: Final = _NoKey()
_MERGE: Final = _Merge()


class _Composer:
    """Events of one document to one value, without recursion. Hot: one call per value."""

    def __init__(self, text: str, with_marks: bool) -> None:
        self._text = text
        self._with_marks = with_marks
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Anchored | None] = {}
        self._aliased = 0
        self._count = 0
        self.value: Json = None
        self.marks: _Marks | None = None
        self.duplicates: list[Duplicate] = []

    def read(self) -> None:
        """Read the first document into `value`. Raises InvalidDocument.

        As in Go, a syntax error anywhere comes before what a value means.
        """
        events = _events(self._text)
        try:
            self._consume(events)
        except InvalidDocument:
            if len(self._stack) < _MAX_DEPTH:
                self._skip(events)
            raise

    def _skip(self, events: Iterator[yaml.Event]) -> None:
        for event in events:
            if isinstance(event, yaml.DocumentEndEvent):
                return

    def _consume(self, events: Iterator[yaml.Event]) -> None:
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.MappingStartEvent):
                self._open(event, {})
            elif isinstance(event, yaml.SequenceStartEvent):
                self._open(event, [])
            elif isinstance(event, yaml.CollectionEndEvent):
                self._close()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.DocumentEndEvent):
                return

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        text: str = event.value
        tag = event.tag
        plain = tag is None and event.implicit[0]
        value: Scalar | _Merge
        if (plain and text == "<<") or tag == MERGE:
            value = _MERGE if self._expects_key() else text
        elif plain or tag is not None:
            value = self._resolved(text, tag, event)
        else:
            value = text
        if self._expects_key():
            frame = self._stack[-1]
            frame.key, frame.key_mark = value, event.start_mark
            return
        assert not isinstance(value, _Merge)  # noqa: S101
        number = _json_form(value, event) if type(value) is float else value
        marks = _Marks(_place(event.start_mark), _NOTHING) if self._with_marks else None
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(number, 1, marks)
        self._add(number, 1, marks, event.start_mark)

    def _resolved(self, text: str, tag: str | None, event: yaml.Event) -> Scalar:
        try:
            return resolve(text, tag, tag is None)
        except ScalarError as exc:
            raise _fault(str(exc), _place(event.start_mark)) from None

    def _expects_key(self) -> bool:
        stack = self._stack
        return bool(stack) and stack[-1].key is _NO_KEY and type(stack[-1].value) is dict

    def _open(self, event: yaml.CollectionStartEvent, value: list[Json] | dict[str, Json]) -> None:
        mark = event.start_mark
        if len(self._stack) >= _MAX_DEPTH:
            raise _fault(f"yaml: exceeded max depth of {_MAX_DEPTH}", _place(mark))
        frame = _Frame(value, mark)
        if self._with_marks:
            frame.marks = _Marks(_place(mark), {})
        if event.anchor is not None:
            frame.anchor = event.anchor
            self._anchors[event.anchor] = None
        self._stack.append(frame)

    def _close(self) -> None:
        frame = self._stack.pop()
        if frame.anchor is not None:
            self._anchors[frame.anchor] = _Anchored(frame.value, frame.size, frame.marks)
        self._add(frame.value, frame.size, frame.marks, frame.mark)

    def _alias(self, event: yaml.AliasEvent) -> None:
        place = _place(event.start_mark)
        name = event.anchor
        if name not in self._anchors:
            raise _fault(f"yaml: unknown anchor '{name}' referenced", place)
        found = self._anchors[name]
        if found is None:
            raise _fault(f"yaml: anchor '{name}' value contains itself", place)
        self._aliased += found.size
        self._count += found.size
        if _is_bomb(self._aliased, self._count):
            raise _fault("yaml: document contains excessive aliasing", place)
        if self._expects_key() and not isinstance(found.value, dict | list):
            self._stack[-1].key = found.value
            return
        self._add(found.value, found.size, found.marks, event.start_mark)

    def _add(self, value: Json, size: int, marks: _Marks | None, mark: _Mark) -> None:
        self._count += 1
        if not self._stack:
            self.value, self.marks = value, marks
            return
        frame = self._stack[-1]
        frame.size += size
        parent = frame.value
        if isinstance(parent, list):
            if frame.marks is not None and marks is not None:
                frame.marks.members[len(parent)] = (marks.place, marks)
            parent.append(value)
            return
        key, frame.key = frame.key, _NO_KEY
        if isinstance(key, _NoKey):
            raise _composite_key(value, _place(mark))
        if isinstance(key, _Merge):
            self._merge(frame, parent, value, marks, _place(mark))
            return
        text = key if type(key) is str else _key_of(key, value, frame.key_mark)
        # Differs: keys that become equal as text (1 and "1") count too; in Go either may win.
        if text in parent:
            self._note_duplicate(text, _place(mark))
        parent[text] = value
        if frame.marks is not None and marks is not None:
            frame.marks.members[text] = (_place(frame.key_mark), marks)

    def _merge(
        self,
        frame: _Frame,
        into: dict[str, Json],
        value: Json,
        marks: _Marks | None,
        place: Place,
    ) -> None:
        """Write the members of a map, or of a list of maps (the first wins), into `into`."""
        sources = value if isinstance(value, list) else [value]
        for index in reversed(range(len(sources))):
            source = sources[index]
            if not isinstance(source, dict):
                reason = "yaml: map merge requires map or sequence of maps as the value"
                raise _fault(reason, place)
            found = marks
            if marks is not None and isinstance(value, list):
                found = marks.members[index][1]
            for key, member in source.items():
                if key in into:
                    self._note_duplicate(key, found.members[key][1].place if found else place)
                into[key] = member
            if frame.marks is not None and found is not None:
                frame.marks.members.update(found.members)

    def _note_duplicate(self, key: str, place: Place) -> None:
        path: list[str | int] = []
        for frame in self._stack[:-1]:
            part = len(frame.value) if isinstance(frame.value, list) else frame.key
            if isinstance(part, str | int):
                path.append(part)
        self.duplicates.append(Duplicate(key, (*path, key), place))


def _events(text: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as exc:
        raise _marked_fault(exc) from None
    except yaml.YAMLError as exc:
        reason = getattr(exc, "reason", None) or "control characters are not allowed"
        raise _fault(f"yaml: {reason}", UNKNOWN) from None
    except UnicodeEncodeError:
        raise _fault("yaml: invalid UTF-8", UNKNOWN) from None


def _marked_fault(exc: yaml.MarkedYAMLError) -> InvalidDocument:
    """Go's text for a syntax error: the line is libyaml's, which counts from 0 or 1 by chance.

    Source: go.yaml.in/yaml/v2 decode.go, parser.fail.
    """
    mark = exc.problem_mark or exc.context_mark
    line = 0
    if exc.problem_mark is not None and exc.problem_mark.line:
        line = exc.problem_mark.line + isinstance(exc, yaml.scanner.ScannerError)
    elif exc.context_mark is not None:
        line = exc.context_mark.line
    where = f"line {line}: " if line else ""
    place = (mark.line + 1, mark.column + 1) if mark is not None else UNKNOWN
    return _fault(f"yaml: {where}{exc.problem}", place)


def _fault(reason: str, place: Place, hint: str = "") -> InvalidDocument:
    return InvalidDocument([Finding(reason, line=place[0], column=place[1], hint=hint)])


def _place(mark: _Mark) -> Place:
    assert mark is not None  # noqa: S101
    return (mark.line + 1, mark.column + 1)


def _json_form(value: Scalar, event: yaml.Event) -> Scalar:
    assert isinstance(value, float)  # noqa: S101
    try:
        return json_number(value)
    except ScalarError as exc:
        raise _fault(str(exc), _place(event.start_mark)) from None


def _composite_key(value: Json, place: Place) -> InvalidDocument:
    hint = 'quote a value that begins with "{{"' if isinstance(value, dict) else "quote the key"
    return _fault(f"yaml: invalid map key: {_go_syntax(value)}", place, hint)


def _key_of(key: Scalar, value: Json, mark: _Mark) -> str:
    try:
        return key_text(key)
    except ScalarError as exc:
        raise _fault(f"{exc}, value: {_go_syntax(value)}", _place(mark)) from None


def _is_bomb(aliased: int, count: int) -> bool:
    """Say whether too much of a document comes from aliases; small documents may be all alias.

    The bounds are those of go.yaml.in/yaml/v2, allowedAliasRatio.
    """
    if aliased <= 100 or count <= 1000:
        return False
    low, high = 400_000, 4_000_000
    share = min(max((count - low) / (high - low), 0.0), 1.0)
    return aliased / count > 0.99 - 0.89 * share


def _go_syntax(value: Json) -> str:
    """The value as Go's %#v prints it, for the text of an error."""
    if isinstance(value, dict):
        members = ", ".join(f"{_go_syntax(k)}:{_go_syntax(v)}" for k, v in value.items())
        return f"map[interface {{}}]interface {{}}{{{members}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(_go_syntax(item) for item in value)}}}"
    if value is None:
        return "interface {}(nil)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
