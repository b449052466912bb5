"""What a caller may hand in as a workflow, as documents: paths, texts, mappings, Hera's objects."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import msgspec

from tiphys.errors import UserError
from tiphys.library.files import read_sources

if TYPE_CHECKING:
    from tiphys.service.documents import Loaded, Source


@runtime_checkable
class Convertible(Protocol):
    """An object that tells itself as a mapping, as Hera's `Workflow` does."""

    def to_dict(self) -> object:
        """Return the object as a mapping."""
        ...


Given: TypeAlias = (
    "str | bytes | os.PathLike[str] | Mapping[str, object] | Convertible | Iterable[Given]"
)
"""A path or URL, YAML or JSON as text, a mapping, a Hera object, or several of these.

A string with a newline, or that begins with `{`, is a text; any other is a path or URL.
"""


def load_given(given: Given, strict: bool = True) -> Loaded:
    """Return the documents that a caller handed in.

    Raises InvalidDocument with everything wrong in them, UserError for what is no document.
    """
    from tiphys.service.documents import load

    return load(_sources(given), strict)


def _sources(given: object) -> Iterator[Source]:
    from tiphys.service.documents import Source

    match given:
        case bytes():
            yield Source("text", given)
        case str() if "\n" in given or given.lstrip().startswith("{"):
            yield Source("text", given.encode("utf-8", "surrogatepass"))
        case str() | os.PathLike():
            yield from read_sources([os.fspath(given)])
        case Mapping():
            yield _source_of(given)
        case Convertible():
            yield from _sources(_told(given))
        case Iterable():
            for item in given:
                yield from _sources(item)
        case _:
            raise UserError(
                "a workflow is a path, a URL, a text, a mapping, an object with `to_dict` such as"
                f" Hera's, or several of these; not {type(given).__name__}"
            )


def _told(given: Convertible) -> object:
    """Return what an object tells of itself; it must be a mapping, or there would be no end."""
    found = given.to_dict()
    if not isinstance(found, Mapping):
        raise UserError(f"{type(given).__name__}.to_dict() is {type(found).__name__}, no mapping")
    return found


def _source_of(given: Mapping[str, object]) -> Source:
    """Return a mapping as JSON; it is called by kind and name."""
    from tiphys.service.documents import Source

    kind, metadata = given.get("kind"), given.get("metadata")
    own = metadata if isinstance(metadata, Mapping) else {}
    label = f"{kind or 'mapping'} {own.get('name') or own.get('generateName') or ''}".strip()
    try:
        content = msgspec.json.encode(given)
    except (TypeError, ValueError, RecursionError) as exc:
        raise UserError(f"{label}: cannot be written as JSON: {exc}") from exc
    return Source(label, content, has_places=False)


def texts(given: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Return parameters as the texts that workflows see: what is no string becomes JSON.

    Raises UserError for what cannot be written as JSON.
    """
    found = []
    for name, value in given.items():
        try:
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        except (TypeError, ValueError, RecursionError) as exc:
            raise UserError(f"parameter {name}: cannot be written as JSON: {exc}") from exc
        found.append((str(name), text))
    return tuple(found)
