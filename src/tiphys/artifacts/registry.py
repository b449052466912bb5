"""Location type to driver. A driver's module is imported when it is first used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final, cast

from tiphys.errors import Finding, Permanent, Unsupported
from tiphys.model.artifacts import Artifact
from tiphys.ports import ArtifactDriver

BUILTIN: Final[Mapping[str, str]] = {
    "local": "tiphys.artifacts.local:LocalDriver",
    "raw": "tiphys.artifacts.raw:RawDriver",
}
"""Field of the artifact that is set -> `module:class` of the driver."""
TYPES: Final = (
    *("local", "raw", "s3", "gcs", "azure", "oss", "hdfs", "http", "artifactory", "git", "plugin"),
)


def location_type(where: Artifact) -> str:
    """Return the name of the location that is set, "" if none is."""
    return next((name for name in TYPES if getattr(where, name) is not None), "")


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
        kind = location_type(where)
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
