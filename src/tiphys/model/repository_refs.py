"""Which artifact repository a workflow uses: its reference, the ConfigMaps, the default.

Fetching ConfigMaps is the caller's work. Source: reference/executor.md 9.2; argo
workflow/artifactrepositories/artifactrepositories.go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from tiphys.errors import Finding, InvalidDocument, NotFound
from tiphys.model.base import Json
from tiphys.model.decode import convert
from tiphys.model.repositories import (
    ArtifactRepository,
    ArtifactRepositoryRef,
    ArtifactRepositoryRefStatus,
)
from tiphys.model.yaml_reader import read_yaml

CONFIG_MAP: Final = "artifact-repositories"
DEFAULT_KEY: Final = "workflows.argoproj.io/default-artifact-repository"
"""Annotation of the ConfigMap: the entry that is used when none is named."""

ConfigMaps = Callable[[str, str], Json]
"""(namespace, name) -> the ConfigMap's document, None if there is none."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a workflow without a repository of its own finds.

    `namespace` is the workflow's and `system_namespace` the engine's; `default` comes from the
    settings.
    """

    namespace: str
    config_maps: ConfigMaps
    system_namespace: str = ""
    default: ArtifactRepository | None = None


def find_repository(
    ref: ArtifactRepositoryRef | None, around: Surroundings
) -> ArtifactRepositoryRefStatus:
    """Return the repository of a workflow, for its status; with no store if there is none.

    Raises NotFound if nothing stands behind the reference, InvalidDocument if what does cannot
    be read.
    """
    if ref is None:
        return _unasked(around)
    name = ref.config_map or CONFIG_MAP
    for namespace in dict.fromkeys((around.namespace, around.system_namespace)):
        config = around.config_maps(namespace, name) if namespace else None
        key = ref.key or _annotated(config)
        text = _entry(config, key)
        if text is not None:
            return _found(namespace, name, key, text)
    raise NotFound(
        f'failed to find any artifact repository for artifact repository ref "{ref.config_map}'
        f'#{ref.key}"'
    )


def _unasked(around: Surroundings) -> ArtifactRepositoryRefStatus:
    config = around.config_maps(around.namespace, CONFIG_MAP)
    key = _annotated(config)
    text = _entry(config, key)
    if text is not None:
        return _found(around.namespace, CONFIG_MAP, key, text)
    default = around.default or ArtifactRepository()
    return ArtifactRepositoryRefStatus(default=True, artifact_repository=default)


def _found(namespace: str, name: str, key: str, text: str) -> ArtifactRepositoryRefStatus:
    return ArtifactRepositoryRefStatus(
        namespace=namespace,
        config_map=name,
        key=key,
        artifact_repository=read_repository(text, f"ConfigMap {name}, key {key}"),
    )


def read_repository(text: str, file: str) -> ArtifactRepository:
    """Return a repository from YAML; raises InvalidDocument that names `file`."""
    try:
        return convert(read_yaml(text).value, ArtifactRepository)
    except InvalidDocument as exc:
        raise InvalidDocument([_placed(item, file) for item in exc.findings]) from exc


def _placed(finding: Finding, file: str) -> Finding:
    return replace(finding, file=file)


def _annotated(config: Json) -> str:
    metadata = config.get("metadata") if isinstance(config, dict) else None
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    value = annotations.get(DEFAULT_KEY) if isinstance(annotations, dict) else None
    return str(value) if value else ""


def _entry(config: Json, key: str) -> str | None:
    data = config.get("data") if isinstance(config, dict) else None
    value = data.get(key) if isinstance(data, dict) and key else None
    return None if value is None else str(value)
