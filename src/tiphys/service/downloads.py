"""Artifacts of nodes, for people: where one lies, what is in a directory, and its bytes.

Source: reference/rest-api.md 16.
"""

from __future__ import annotations

import posixpath
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from msgspec.structs import replace

from tiphys.errors import NotFound, UserError
from tiphys.model.artifacts import KEY_FIELDS, Artifact, LocalArtifact, location_type
from tiphys.model.base import Json, JsonObject
from tiphys.model.codec import convert
from tiphys.ports import ArtifactDriver, Entry

Side = Literal["inputs", "outputs"]
_MOST_ENTRIES: Final = 10_000


Finder = Callable[[Artifact], ArtifactDriver]
"""Finds the driver of a location."""


@dataclass(frozen=True, slots=True)
class Downloads:
    """Reads artifacts; `drivers` finds drivers that know the Secrets of a namespace."""

    drivers: Callable[[str], Finder]

    def of(self, namespace: str) -> Files:
        """Return the files of a namespace's workflows."""
        return Files(self.drivers(namespace))


@dataclass(frozen=True, slots=True)
class Files:
    """Finds and reads artifacts."""

    drivers: Finder

    async def files(self, where: Artifact) -> list[Entry]:
        """Return what lies at or below an artifact; keys are as the driver has them."""
        found: list[Entry] = []
        async for entry in self.drivers(where).list(where):
            found.append(entry)
            if len(found) >= _MOST_ENTRIES:
                break
        return found

    async def is_folder(self, where: Artifact) -> bool:
        """Tell whether an artifact is a directory."""
        if where.items is not None:
            return True
        key = key_of(where).strip("/")
        files = await self.files(where)
        return bool(files) and all(entry.key.strip("/") != key for entry in files)

    async def open(self, where: Artifact) -> AsyncIterator[bytes]:
        """Return a file's bytes in pieces, the first of which is there.

        Raises NotFound, and UserError for the directory that the items of a loop made.
        """
        if where.items is not None:
            raise UserError(
                f"artifact {where.name} has a file for each item of a loop: ask for one"
            )
        pieces = self.drivers(where).open(where)
        first = await anext(pieces, b"")

        async def every() -> AsyncIterator[bytes]:
            yield first
            async for piece in pieces:
                yield piece

        return every()

    async def keep(self, source: Path, where: Artifact) -> None:
        """Store a file."""
        await self.drivers(where).put(source, where)


def artifact_of(workflow: JsonObject, node: str, side: Side, name: str) -> Artifact:
    """Return an artifact of a node. Raises NotFound."""
    status = workflow.get("status")
    nodes = status.get("nodes") if isinstance(status, dict) else None
    found = nodes.get(node) if isinstance(nodes, dict) else None
    if not isinstance(found, dict):
        raise NotFound(f"there is no node {node}")
    part = found.get(side)
    artifacts = part.get("artifacts") if isinstance(part, dict) else None
    for item in artifacts if isinstance(artifacts, list) else []:
        if isinstance(item, dict) and item.get("name") == name:
            return convert(item, Artifact)
    raise NotFound(f"node {node} has no artifact {name} among its {side}")


def inside(where: Artifact, path: str) -> Artifact:
    """Return the place of something inside of an artifact; nothing leads out of it.

    Raises NotFound if the artifact has no parts.
    """
    if not path:
        return where
    clean = posixpath.normpath("/" + path).lstrip("/")
    if not clean:
        return where
    if "\0" in clean or "\\" in clean:
        raise NotFound("no such file")
    if where.items is not None:
        item, _, rest = clean.partition("/")
        found = next((part for part in where.items.artifacts if part.name == item), None)
        if found is None:
            raise NotFound("no such file")
        return inside(found, rest)
    return with_key(where, f"{key_of(where).rstrip('/')}/{clean}")


def key_of(where: Artifact) -> str:
    """Return the key of an artifact. Raises NotFound if its place has none."""
    kind = location_type(where)
    if kind not in KEY_FIELDS:
        raise NotFound(f"artifact {where.name} is not in a store of files")
    return str(getattr(getattr(where, kind), KEY_FIELDS[kind]))


def with_key(where: Artifact, key: str) -> Artifact:
    """Return an artifact at another key of the same store."""
    kind = location_type(where)
    location = getattr(where, kind)
    return replace(where, **{kind: replace(location, **{KEY_FIELDS[kind]: key})})


def file_name(where: Artifact) -> str:
    """Return the last part of the key, without what a header could not hold."""
    kind = location_type(where)
    name = posixpath.basename(key_of(where).rstrip("/")) if kind in KEY_FIELDS else where.name
    return "".join(c for c in name if c.isprintable() and c not in '"\\/;')


def items_of(where: Artifact) -> list[str]:
    """Return what a listing of a loop's artifact shows: its items."""
    parts = where.items.artifacts if where.items is not None else ()
    return [f"{part.name}/" if part.items is not None else part.name for part in parts]


def names_below(where: Artifact, entries: Sequence[Entry]) -> list[str]:
    """Return what a listing shows: files, and each directory once with a slash at its end."""
    prefix = key_of(where).strip("/") + "/"
    found: dict[str, None] = {}
    for entry in entries:
        key = entry.key.lstrip("/")
        rest = key.removeprefix(prefix) if key.startswith(prefix) else ""
        if rest:
            folder, slash, _ = rest.rpartition("/")
            found[f"{folder}/" if slash else rest] = None
    return sorted(found)


def upload_place(
    template: JsonObject, name: str, namespace: str, file: str
) -> tuple[Artifact, str]:
    """Return where an uploaded file goes, and its key. Raises NotFound, UserError.

    One without a location goes to the local repository.
    """
    safe = posixpath.basename(file.replace("\\", "/"))
    if not safe or safe in {".", ".."} or not safe.isprintable():
        raise UserError("Invalid filename")
    key = f"uploads/{namespace}/{uuid.uuid4()}/{safe}"
    for item in _arguments(template):
        if isinstance(item, dict) and item.get("name") == name:
            artifact = convert(item, Artifact)
            if location_type(artifact) not in KEY_FIELDS:
                return replace(artifact, local=LocalArtifact(key=key)), key
            return with_key(artifact, key), key
    metadata = template.get("metadata")
    own = metadata if isinstance(metadata, dict) else {}
    raise NotFound(
        f"Artifact '{name}' not found in WorkflowTemplate {own.get('namespace')}/{own.get('name')} "
        "arguments.artifacts"
    )


def _arguments(template: JsonObject) -> Sequence[Json]:
    spec = template.get("spec")
    arguments = spec.get("arguments") if isinstance(spec, dict) else None
    found = arguments.get("artifacts") if isinstance(arguments, dict) else None
    return found if isinstance(found, list) else []
