"""Location type to driver. A driver's module is imported when it is first used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final, cast

from msgspec.structs import replace

from tiphys.errors import Finding, Permanent, Unsupported
from tiphys.model.artifacts import KEY_FIELDS, Artifact, LocalArtifact, location_type
from tiphys.ports import ArtifactDriver

BUILTIN: Final[Mapping[str, str]] = {
    "local": "tiphys.artifacts.local:LocalDriver",
    "raw": "tiphys.artifacts.raw:RawDriver",
}
"""Field of the artifact that is set -> `module:class` of the driver."""
_PLACES: Final = ("bucket", "endpoint", "container")


def in_default_repository(where: Artifact) -> Artifact:
    """Return a key-only artifact of an object store as one of the default repository.

    Differs: in Argo `s3: {key: x}` works only with a repository of the same kind; the default
    repository is a directory here, so the key is what counts, whatever the kind.
    Source: reference/executor.md 9.3; conformance/README.md, "Volumes, artifacts, secrets".
    """
    kind = location_type(where)
    location = getattr(where, kind, None)
    if kind == "local" or kind not in KEY_FIELDS or any(getattr(location, p, "") for p in _PLACES):
        return where
    key = getattr(location, KEY_FIELDS[kind])
    return replace(where, **{kind: None}, local=LocalArtifact(key=key))


class Drivers:
    """Finds drivers; `options` are the keyword arguments of each type's driver.

    `Drivers({"local": {"root": path}})` is what a machine without object stores needs.
    """

    def __init__(
        self,
        options: Mapping[str, Mapping[str, object]],
        paths: Mapping[str, str] = BUILTIN,
    ) -> None:
        self._options = options
        self._paths = paths
        self._made: dict[str, ArtifactDriver] = {}

    def __call__(self, where: Artifact) -> ArtifactDriver:
        """Return the driver for an artifact. Raises Unsupported if there is none for its type."""
        kind = location_type(in_default_repository(where))
        if kind not in self._made:
            self._made[kind] = self._make(kind, where)
        return self._made[kind]

    def _make(self, kind: str, where: Artifact) -> ArtifactDriver:
        path = self._paths.get(kind)
        if path is None:
            reason = f"Unsupported artifact driver for {where.name}"
            raise Unsupported([Finding(reason, hint=f"its location is {kind or 'not set'}")])
        module, _, name = path.partition(":")
        try:
            made = getattr(import_module(module), name)
        except ImportError as exc:
            raise Permanent(f"the driver for {kind} artifacts cannot be loaded: {exc}") from exc
        return cast("ArtifactDriver", made(**self._options.get(kind, {})))
