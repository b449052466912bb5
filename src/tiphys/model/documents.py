"""A file's text cut into documents, each read to JSON and still knowing its place.

Source: argo workflow/common/parse.go, ParseObjects; reference/language.md 18.1, validation.md 16.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final

from tiphys.errors import Finding, InvalidDocument
from tiphys.model.base import Json, JsonObject
from tiphys.model.yaml_reader import UNKNOWN, Duplicate, Located, Path, Place, read_yaml
from tiphys.model.yaml_scalars import json_integer, json_number

_SEPARATOR: Final = "\n---"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a file, not yet checked; `index` counts from 0 what is not blank."""

    value: JsonObject
    file: str = ""
    index: int = 0
    is_json: bool = False
    located: Located | None = None
    duplicates: tuple[Duplicate, ...] = ()

    @property
    def kind(self) -> str:
        """The kind, "" when missing."""
        return _text(self.value, "kind")

    @property
    def name(self) -> str:
        """`metadata.name`, "" when missing."""
        return _text(self.value.get("metadata"), "name")

    @property
    def generate_name(self) -> str:
        """`metadata.generateName`, "" when missing."""
        return _text(self.value.get("metadata"), "generateName")

    @property
    def namespace(self) -> str:
        """`metadata.namespace`, "" when missing."""
        return _text(self.value.get("metadata"), "namespace")

    @property
    def label(self) -> str:
        """What Argo calls the document in its messages."""
        return self.name or self.generate_name or f"object #{self.index + 1}"

    def place(self, path: Path, key: bool = False) -> Place:
        """Return line and column of the value (or key) at `path`, or of its nearest parent."""
        return UNKNOWN if self.located is None else self.located.place(path, key)

    def finding(self, reason: str, path: Path = (), hint: str = "") -> Finding:
        """Return a finding about the value at `path`."""
        line, column = self.place(path)
        return Finding(reason, self.file, line, column, hint=hint)


def split_documents(text: str | bytes, file: str = "") -> list[Document]:
    """Return the documents of a file of YAML or JSON; blank and comment-only pieces are skipped.

    Raises InvalidDocument with a finding for every piece that cannot be read or is no object.
    Differs: Argo logs and skips such a piece.
    """
    source = _decoded(text, file)
    whole = _read_json(source, file)
    if whole is not None:
        return [whole]
    found: list[Document] = []
    faults: list[Finding] = []
    index = 0
    for piece, line, column in _pieces(source):
        if not piece.strip():
            continue
        try:
            document = _read_piece(piece, file, index, (line, column))
        except InvalidDocument as exc:
            faults += [replace(item, file=file) for item in exc.findings]
        else:
            if document is not None:
                found.append(document)
        index += 1
    if faults:
        raise InvalidDocument(faults)
    return found


def _pieces(text: str) -> list[tuple[str, int, int]]:
    """The text cut at every newline followed by `---`, with the line and column before each."""
    pieces: list[tuple[str, int, int]] = []
    line = column = 0
    for piece in text.split(_SEPARATOR):
        pieces.append((piece, line, column))
        line += piece.count("\n") + 1
        column = len(_SEPARATOR) - 1
    return pieces


def _read_piece(text: str, file: str, index: int, before: Place) -> Document | None:
    located = read_yaml(text, *before)
    value = located.value
    if value is None:
        return None
    if not isinstance(value, dict):
        line, column = located.place(())
        found = "a list" if isinstance(value, list) else "a single value"
        reason = f"the document is {found}, not an object"
        hint = "it needs apiVersion, kind and metadata"
        raise InvalidDocument([Finding(reason, line=line, column=column, hint=hint)])
    duplicates = tuple(
        replace(item, place=located.shifted(item.place)) for item in located.duplicates
    )
    return Document(value, file, index, located=located, duplicates=duplicates)


def _decoded(text: str | bytes, file: str) -> str:
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    wide = text.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return text.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as exc:
        line = text.count(b"\n", 0, exc.start) + 1
        reason = "yaml: invalid leading UTF-8 octet"
        raise InvalidDocument([Finding(reason, file, line, 1, hint="save it as UTF-8")]) from None


@dataclass(slots=True)
class _Pairs:
    """Remembers which JSON objects have a key twice."""

    repeated: dict[int, list[str]] = field(default_factory=dict)
    kept: list[JsonObject] = field(default_factory=list)

    def hook(self, pairs: list[tuple[str, Json]]) -> JsonObject:
        made = dict(pairs)
        if len(made) != len(pairs):
            counts = Counter(key for key, _ in pairs)
            self.repeated[id(made)] = [key for key, count in counts.items() if count > 1]
            self.kept.append(made)  # keeps the id from being used again
        return made

    def duplicates(self, value: Json, path: Path = ()) -> list[Duplicate]:
        if not self.repeated or not isinstance(value, dict | list):
            return []
        found: list[Duplicate] = []
        if isinstance(value, dict):
            keys = self.repeated.get(id(value), [])
            found += [Duplicate(key, (*path, key), UNKNOWN) for key in keys]
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for part, member in members:
            found += self.duplicates(member, (*path, part))
        return found


def _read_json(text: str, file: str) -> Document | None:
    """The text as one JSON object, or None if it is not JSON as a whole."""
    if not text.lstrip().startswith("{"):
        return None
    pairs = _Pairs()
    try:
        value = json.loads(
            text,
            object_pairs_hook=pairs.hook,
            parse_int=json_integer,
            parse_float=_finite,
            parse_constant=_no_constant,
        )
        if "\\ud" in text.lower():
            value = _mended(value)
        duplicates = tuple(pairs.duplicates(value))
    except (ValueError, RecursionError):
        return None
    return Document(value, file, 0, True, Located(value, text), duplicates)


def _finite(text: str) -> float:
    value = float(text)
    json_number(value)  # refuses what is too large
    return value


def _no_constant(text: str) -> Json:
    raise ValueError(text)


def _mended(value: Json) -> Json:
    """JSON with lone surrogates replaced, as Go does."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_SURROGATE.sub("\ufffd", key): _mended(item) for key, item in value.items()}
    return value


def _text(value: Json, key: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
