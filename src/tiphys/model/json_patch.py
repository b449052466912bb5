"""JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386). Neither changes what it is given."""

from __future__ import annotations

from copy import deepcopy
from typing import Final

from tiphys.errors import UserError
from tiphys.model.base import Json, JsonObject

_OPERATIONS: Final = ("add", "remove", "replace", "move", "copy", "test")


class PatchFault(UserError):
    """A patch cannot be read, or does not fit the document."""


def merge_patch(document: Json, patch: Json) -> Json:
    """Return a document with a merge patch over it: null deletes, lists are replaced."""
    if not isinstance(patch, dict):
        return patch
    merged: JsonObject = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def json_patch(document: Json, operations: Json) -> Json:
    """Return a document after all operations of a patch. Raises PatchFault if one does not fit."""
    if not isinstance(operations, list):
        raise PatchFault("a json patch is a list of operations")
    patched = deepcopy(document)
    for number, operation in enumerate(operations):
        try:
            patched = _applied(patched, operation)
        except PatchFault as exc:
            raise PatchFault(f"operation {number} of the json patch: {exc}") from exc
    return patched


def _applied(document: Json, operation: Json) -> Json:
    given = operation if isinstance(operation, dict) else {}
    verb = given.get("op")
    if verb not in _OPERATIONS:
        raise PatchFault(f"Unexpected kind: {verb}")
    path = _pointer(given, "path")
    if verb in ("add", "replace", "test") and "value" not in given:
        raise PatchFault(f'"{verb}" needs a value')
    value = given.get("value")
    if verb == "test":
        if _found(document, path) != value:
            raise PatchFault(f"testing value {_text(path)} failed")
        return document
    if verb == "add":
        return _added(document, path, value)
    if verb == "remove":
        return _removed(document, path)
    if verb == "replace":
        _found(document, path)
        return _added(_removed(document, path), path, value) if path else value
    origin = _pointer(given, "from")
    moved = deepcopy(_found(document, origin))
    if verb == "move":
        if path[: len(origin)] == origin and path != origin:
            raise PatchFault(f"{_text(origin)} cannot be moved into itself")
        document = _removed(document, origin)
    return _added(document, path, moved)


def _pointer(operation: JsonObject, name: str) -> tuple[str, ...]:
    """Return the parts of a JSON pointer (RFC 6901)."""
    text = operation.get(name)
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise PatchFault(f'"{name}" is not a JSON pointer')
    parts = text.split("/")[1:]
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def _text(path: tuple[str, ...]) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)


def _missing(path: tuple[str, ...]) -> PatchFault:
    return PatchFault(f'doc is missing path: "{_text(path)}"')


def _found(document: Json, path: tuple[str, ...]) -> Json:
    value = document
    for part in path:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and (index := _index(part, len(value) - 1)) is not None:
            value = value[index]
        else:
            raise _missing(path)
    return value


def _index(part: str, last: int) -> int | None:
    """Return a list index that is not greater than `last`."""
    plain = part.isascii() and part.isdigit() and (part == "0" or part[0] != "0")
    return int(part) if plain and int(part) <= last else None


def _added(document: Json, path: tuple[str, ...], value: Json) -> Json:
    if not path:
        return value
    parent = _found(document, path[:-1])
    if isinstance(parent, dict):
        parent[path[-1]] = value
    elif isinstance(parent, list):
        index = len(parent) if path[-1] == "-" else _index(path[-1], len(parent))
        if index is None:
            raise _missing(path)
        parent.insert(index, value)
    else:
        raise _missing(path)
    return document


def _removed(document: Json, path: tuple[str, ...]) -> Json:
    _found(document, path)
    if not path:
        return None
    parent = _found(document, path[:-1])
    if isinstance(parent, dict):
        del parent[path[-1]]
    elif isinstance(parent, list):
        del parent[int(path[-1])]
    return document
