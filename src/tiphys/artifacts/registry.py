"""Location type to driver. A driver's module is imported when it is first used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Final, cast

from msgspec.structs import replace

from tiphys.artifacts.credentials import Credentials
from tiphys.artifacts.masked import MaskedDriver
from tiphys.errors import Finding, Permanent, Unsupported, UserError
from tiphys.model.artifacts import KEY_FIELDS, Artifact, LocalArtifact, location_type
from tiphys.ports import ArtifactDriver

BUILTIN: Final[Mapping[str, str]] = {
    "local": "tiphys.artifacts.local:LocalDriver",
    "raw": "tiphys.artifacts.raw:RawDriver",
    "s3": "tiphys.artifacts.s3:S3Driver",
    "gcs": "tiphys.artifacts.gcs:GcsDriver",
    "azure": "tiphys.artifacts.azure:AzureDriver",
    "oss": "tiphys.artifacts.oss:OssDriver",
    "hdfs": "tiphys.artifacts.hdfs:HdfsDriver",
    "http": "tiphys.artifacts.http:HttpDriver",
    "artifactory": "tiphys.artifacts.http:HttpDriver",
    "git": "tiphys.artifacts.git:GitDriver",
    "plugin": "tiphys.artifacts.plugin:PluginDriver",
}
"""Field of the artifact that is set -> `module:class` of the driver."""
EXTRAS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("s3", "gcs", "azure", "oss"), "obstore"),
    **dict.fromkeys(("hdfs", "http", "artifactory"), "aiohttp"),
    "plugin": "grpcio",
}
"""Type -> the package its driver needs; the extra of that package has the type's name."""
_MODULES: Final = {"grpcio": "grpc"}
_WITHOUT_SECRETS: Final = ("local", "raw")
_PLACES: Final = ("bucket", "endpoint", "container")


def available() -> frozenset[str]:
    """Return the types whose drivers have all that they need; nothing is imported."""
    return frozenset(
        kind
        for kind in BUILTIN
        if kind not in EXTRAS or find_spec(_MODULES.get(EXTRAS[kind], EXTRAS[kind])) is not None
    )


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

    `Drivers({"local": {"root": path}})` is what a machine without object stores needs;
    `credentials` are the Secrets of the workflow's namespace.
    """

    def __init__(
        self,
        options: Mapping[str, Mapping[str, object]],
        credentials: Credentials | None = None,
        paths: Mapping[str, str] = BUILTIN,
    ) -> None:
        self._options = options
        self._credentials = credentials or Credentials()
        self._paths = paths
        self._made: dict[str, ArtifactDriver] = {}

    def __call__(self, where: Artifact) -> ArtifactDriver:
        """Return the driver for an artifact.

        Raises Unsupported if there is none for its type, UserError if its package is missing.
        """
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
            raise _not_loaded(kind, exc) from exc
        options = self._options.get(kind, {})
        if kind in _WITHOUT_SECRETS:
            return cast("ArtifactDriver", made(**options))
        driver = cast("ArtifactDriver", made(self._credentials, **options))
        return MaskedDriver(driver, self._credentials.masker)


def _not_loaded(kind: str, cause: ImportError) -> UserError | Permanent:
    package = EXTRAS.get(kind)
    if package is None or (cause.name or "").partition(".")[0] == "tiphys":
        return Permanent(f"the driver for {kind} artifacts cannot be loaded: {cause}")
    return UserError(
        f"{kind} artifacts need the package {package}, which is not installed: "
        f"pip install 'tiphys[{kind}]'"
    )
