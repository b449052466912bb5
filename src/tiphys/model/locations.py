"""What is known of a location without asking its store: its key, and what completes it.

Reaching the store is the drivers' work.
Source: reference/executor.md 9, reference/resources.md 6.14; argo workflow_types.go,
ArtifactLocation.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar
from urllib.parse import urlsplit, urlunsplit

from msgspec.structs import replace

from tiphys.errors import UserError
from tiphys.model.artifacts import (
    Artifact,
    ArtifactLocation,
    ArtifactoryArtifact,
    AzureArtifact,
    GCSArtifact,
    HDFSArtifact,
    ItemsArtifact,
    OSSArtifact,
    PluginArtifact,
    S3Artifact,
    location_type,
)
from tiphys.model.base import Model
from tiphys.model.repositories import ArtifactRepository

NOT_CONFIGURED: Final = (
    "artifact storage is not configured; see the docs for setup instructions: "
    "https://argo-workflows.readthedocs.io/en/latest/configure-artifact-repository/"
)
NO_LOCATION: Final = "template artifact location not set"
DEFAULT_KEY: Final = "{{workflow.name}}/{{pod.name}}"

_Location = TypeVar("_Location", bound=ArtifactLocation)

_KEYS: Final[Mapping[str, str]] = {
    **{"s3": "key", "gcs": "key", "oss": "key", "plugin": "key", "local": "key"},
    **{"azure": "blob", "hdfs": "path"},
}
"""Field that holds the key."""
_URLS: Final = ("http", "artifactory")
"""Locations whose key is the path of their URL."""
_NO_KEY: Final = {
    "git": "key unsupported: git artifact does not have a key",
    "raw": "key unsupported: raw artifat does not have key",
    "items": "the artifacts of a loop have no key in common",
}
_COMPLETE: Final[Mapping[str, tuple[str, ...]]] = {
    "artifactory": ("url", "username_secret"),
    "azure": ("endpoint", "container", "blob"),
    "git": ("repo",),
    "gcs": ("bucket", "key"),
    "hdfs": ("addresses",),
    "http": ("url",),
    "oss": ("endpoint", "bucket", "key"),
    "raw": (),
    "s3": ("endpoint", "bucket", "key"),
    "plugin": ("name", "configuration", "key"),
    "local": ("key",),
    "items": (),
}
"""Fields without which a location is only a key."""
_REPOSITORY_ORDER: Final = ("artifactory", "azure", "gcs", "hdfs", "oss", "plugin", "s3")
_STRUCTS: Final[Mapping[str, type[Model]]] = {
    "artifactory": ArtifactoryArtifact,
    "azure": AzureArtifact,
    "gcs": GCSArtifact,
    "hdfs": HDFSArtifact,
    "oss": OSSArtifact,
    "plugin": PluginArtifact,
    "s3": S3Artifact,
}
_PATTERNS: Final = {"azure": "blob_name_format", "hdfs": "path_format"}


def has_location(where: ArtifactLocation) -> bool:
    """Tell whether a location says all it takes to reach the artifact."""
    kind = location_type(where)
    return bool(kind) and all(_field(where, kind, name) for name in _COMPLETE[kind])


def key_of(where: ArtifactLocation) -> str:
    """Return the key. Raises UserError with Argo's text for a location that has none."""
    kind = location_type(where)
    if kind in _KEYS:
        return str(_field(where, kind, _KEYS[kind]))
    if kind in _URLS:
        return urlsplit(str(_field(where, kind, "url"))).path
    raise UserError(_NO_KEY.get(kind, NO_LOCATION))


def with_key(where: _Location, key: str) -> _Location:
    """Return the location with another key. Raises UserError if it can have none."""
    kind = location_type(where)
    if kind in _KEYS:
        changed = {_KEYS[kind]: key}
    elif kind in _URLS:
        parts = urlsplit(str(_field(where, kind, "url")))
        path = key if key.startswith("/") or not parts.netloc else f"/{key}"
        changed = {"url": urlunsplit(parts._replace(path=path))}
    else:
        raise UserError(_NO_KEY.get(kind, NO_LOCATION))
    return replace(where, **{kind: replace(_part(where, kind), **changed)})


def below(where: _Location, sub_path: str) -> _Location:
    """Return the location of what lies at `sub_path` inside an artifact."""
    return with_key(where, posixpath.normpath(posixpath.join(key_of(where), sub_path)))


def with_parts(artifact: Artifact, parts: Iterable[Artifact]) -> Artifact:
    """Return a loop's artifact with other artifacts of its items."""
    return replace(artifact, items=ItemsArtifact(artifacts=tuple(parts)))


def complete(artifact: Artifact, base: ArtifactLocation | None) -> Artifact:
    """Return an artifact that is only a key as one of the repository `base`, under its own key.

    The repository's kind of store wins over the one the key was written for. Without a
    repository the artifact stays as it is. Raises UserError if it can have no key.
    Source: argo workflow_types.go, ArtifactLocation.Relocate.
    """
    if artifact.items is not None:
        return with_parts(artifact, [complete(part, base) for part in artifact.items.artifacts])
    if base is None or has_location(artifact) or not (kind := location_type(base)):
        return artifact
    moved = with_key(base, key_of(artifact))
    return replace(artifact, **{location_type(artifact): None, kind: _part(moved, kind)})


def key_only(where: _Location) -> _Location:
    """Return what of a location is reported in a node's outputs: its kind and its key."""
    kind = location_type(where)
    if kind not in _KEYS:
        return where
    empty = type(_part(where, kind))()
    return replace(where, **{kind: replace(empty, **{_KEYS[kind]: key_of(where)})})


def key_pattern(repository: ArtifactRepository) -> str:
    """Return the template of a pod's place in a repository, with tags still in it."""
    kind = repository_type(repository)
    settings = getattr(repository, kind, None)
    found = str(getattr(settings, _PATTERNS.get(kind, "key_format"), ""))
    prefix = repository.s3.key_prefix if kind == "s3" and repository.s3 else ""
    if found or not prefix:
        return found or DEFAULT_KEY
    return f"{prefix}/{DEFAULT_KEY}"  # deprecated in Argo since 2.5, and still obeyed


def repository_type(repository: ArtifactRepository) -> str:
    """Return the kind of store of a repository, "" if it names none."""
    named = (name for name in _REPOSITORY_ORDER if getattr(repository, name) is not None)
    return next(named, "")


def location_in(repository: ArtifactRepository, key: str) -> ArtifactLocation:
    """Return the place of a pod in a repository; `key` is its pattern with the tags resolved.

    Without a store in the repository only `archive_logs` is set.
    Source: argo artifact_repository_types.go, ToArtifactLocation.
    """
    kind = repository_type(repository)
    if not kind:
        return ArtifactLocation(archive_logs=repository.archive_logs)
    settings: Model = getattr(repository, kind)
    given = {name: getattr(settings, name) for name in settings.__struct_fields__}
    empty = _STRUCTS[kind]()
    values = {name: given[name] for name in empty.__struct_fields__ if name in given}
    if kind == "artifactory":
        values["url"] = f"{given['repo_url']}/{key}"
    else:
        values[_KEYS[kind]] = key
    base = ArtifactLocation(archive_logs=repository.archive_logs)
    return replace(base, **{kind: replace(empty, **values)})


def _part(where: ArtifactLocation, kind: str) -> Model:
    part: Model = getattr(where, kind)
    return part


def _field(where: ArtifactLocation, kind: str, name: str) -> object:
    value: object = getattr(_part(where, kind), name)
    return value
