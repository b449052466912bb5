"""A document as it was probably meant: what else is wrong with one that cannot be read?

A misspelt field gets the name that is known, a field that was removed its successor; what nobody
knows, and a scalar of the wrong type, is left out. Only for looking on: what Argo says of the
document is said already.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tiphys.errors import Finding
from tiphys.model.base import Json, JsonObject
from tiphys.model.decode import DecodeFinding, path_text
from tiphys.model.documents import Document
from tiphys.model.shapes import Path
from tiphys.model.yaml_reader import UNKNOWN, Place

_MEANT: Final = re.compile(r"did you mean `(.+)`\?\Z")
_SCALAR: Final = re.compile(r" of type (?:int|int32|int64|float64|bool|string|\[\]string)\Z")
_SUCCESSORS: Final = {"schedule": "schedules", "mutex": "mutexes", "semaphore": "semaphores"}
_LEANED_ON: Final = frozenset(
    ("name", "globalName", "depends", "dependencies", "target", "withParam", "kind", "namespace")
)
"""Fields that other places refer to: without them those would be wrong, too."""


@dataclass(frozen=True, slots=True)
class Mended(Document):
    """A document that was mended; `written` is where what was renamed stands in the one before."""

    before: Document | None = None
    written: Mapping[Path, Path] = field(default_factory=dict)
    left_out: tuple[Path, ...] = ()

    def place(self, path: Path, key: bool = False) -> Place:
        """Return the place of what stands at `path`, as it is written."""
        for count in range(len(path), 0, -1):
            found = self.written.get(path[:count])
            if found is not None:
                path = (*found, *path[count:])
        return UNKNOWN if self.before is None else self.before.place(path, key)

    def misses(self, finding: Finding) -> bool:
        """Tell whether a finding only misses what was left out here."""
        return any(
            finding.path == path_text(path[:-1]) and str(path[-1]) in finding.reason
            for path in self.left_out
        )


def mend(document: Document, findings: Iterable[DecodeFinding]) -> Mended | None:
    """Return a document without what the reader found; None if nobody can tell what was meant."""
    value: JsonObject = copy.deepcopy(document.value)
    written: dict[Path, Path] = {}
    left_out: list[Path] = []
    for finding in findings:
        path = _path_of(document.value, finding.path)
        parent = _at(value, path[:-1], written) if path else None
        if not isinstance(parent, dict):
            return None
        key = str(path[-1])
        if finding.kind == "type":
            if not _SCALAR.search(finding.reason) or key in _LEANED_ON:
                return None
            parent.pop(key, None)
            left_out.append(path)
        elif finding.kind in ("unknown", "step"):
            name, given = _name_meant(finding.hint, key), parent.pop(key, None)
            if name and name not in parent:
                parent[name] = [given] if key in _SUCCESSORS else given
                written[(*path[:-1], name)] = path
    return Mended(
        value,
        document.file,
        document.index,
        document.is_json,
        document.located,
        before=document,
        written=written,
        left_out=(*getattr(document, "left_out", ()), *left_out),
    )


def _name_meant(hint: str, key: str) -> str:
    if key in _SUCCESSORS and hint.startswith("removed"):
        return _SUCCESSORS[key]
    found = _MEANT.match(hint)
    return found[1] if found is not None else ""


def _path_of(value: Json, text: str) -> Path:
    """Return the path that a text names in a value; keys may have dots."""
    path: list[str | int] = []
    while text:
        step = next(_firsts(value, text), None)
        if step is None:
            return ()
        part, value, text = step
        path.append(part)
    return tuple(path)


def _firsts(value: Json, text: str) -> Iterator[tuple[str | int, Json, str]]:
    """Yield what the first part of a path's text may be, with its value and the rest."""
    if isinstance(value, list):
        found = re.match(r"\[(\d+)\]\.?", text)
        if found is not None and int(found[1]) < len(value):
            yield int(found[1]), value[int(found[1])], text[found.end() :]
    elif isinstance(value, dict):
        for key in sorted(value, key=len, reverse=True):
            rest = text[len(key) :]
            if text.startswith(key) and rest[:1] in {"", ".", "["}:
                yield key, value[key], rest.removeprefix(".")


def _at(value: Json, path: Path, written: Mapping[Path, Path]) -> Json:
    """Return what stands at a path of the file, also if something above it was renamed."""
    renamed = {old: new[-1] for new, old in written.items()}
    for count, part in enumerate(path, start=1):
        name = renamed.get(path[:count], part)
        if isinstance(value, dict) and isinstance(name, str):
            value = value.get(name)
        elif isinstance(value, list) and isinstance(name, int) and name < len(value):
            value = value[name]
        else:
            return None
    return value
