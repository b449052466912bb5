"""The artifact repository of a workflow: found when it is admitted, kept in its first event.

Source: reference/executor.md 9.2; argo workflow/artifactrepositories/artifactrepositories.go.
Differs: a reference behind which nothing stands is refused when the workflow is submitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tiphys.compile.needs import Runtime, install_hint
from tiphys.errors import Finding, InvalidDocument, NotFound
from tiphys.expr.template import compile_text
from tiphys.model.base import Json, JsonObject
from tiphys.model.codec import convert, encode
from tiphys.model.locations import key_pattern, repository_type
from tiphys.model.repositories import ArtifactRepository, ArtifactRepositoryRefStatus
from tiphys.model.repository_refs import Surroundings, find_repository
from tiphys.model.spec import WorkflowSpec
from tiphys.program import Program, Repository

_REFERENCE = "spec.artifactRepositoryRef"


def repository_of(
    spec: WorkflowSpec,
    namespace: str,
    documents: Iterable[object],
    default: ArtifactRepository | None,
) -> Json:
    """Return the repository as the status shows it, None for the local one.

    `documents` hold the ConfigMaps; of two of one name the last counts. Raises InvalidDocument.
    """
    kept = [*documents]

    def config_map(where: str, name: str) -> Json:
        return _config_map(kept, where, name, namespace)

    around = Surroundings(namespace=namespace, config_maps=config_map, default=default)
    try:
        found = find_repository(spec.artifact_repository_ref, around)
    except NotFound as exc:
        raise InvalidDocument([Finding(str(exc), path=_REFERENCE)]) from exc
    repository = found.artifact_repository
    if repository is None or repository == ArtifactRepository():
        return None
    return encode(found)


def map_of(repository: Json, namespace: str, documents: Iterable[object]) -> list[Json]:
    """Return the ConfigMap that a repository came from, for a later run of the same workflow."""
    status = _status(repository) if repository is not None else ArtifactRepositoryRefStatus()
    found = _config_map([*documents], status.namespace, status.config_map, namespace)
    return [] if found is None else [found]


def _config_map(documents: Sequence[object], where: str, name: str, namespace: str) -> Json:
    """Return the last ConfigMap of that place among documents; `namespace` is the workflow's."""
    maps = (item for item in reversed(documents) if isinstance(item, dict))
    return next((item for item in maps if _is(item, where, name, namespace)), None)


def _is(item: JsonObject, where: str, name: str, namespace: str) -> bool:
    metadata = item.get("metadata")
    own = metadata if isinstance(metadata, dict) else {}
    if item.get("kind") != "ConfigMap":
        return False
    return own.get("name") == name and (own.get("namespace") or namespace) == where


def without_driver(repository: Json, runtime: Runtime) -> list[Finding]:
    """Return the finding that the kind of store of a repository cannot be reached here."""
    if repository is None:
        return []
    kind = repository_type(_status(repository).artifact_repository or ArtifactRepository())
    if not kind:
        return []
    what = f"{kind} artifacts of the artifact repository"
    return [
        replace(item, hint=install_hint(kind))
        for item in runtime.missing(f"artifacts.{kind}", what, _REFERENCE)
    ]


def with_repository(program: Program, repository: Json) -> Program:
    """Return a Program whose artifacts go to a repository; None is the local one."""
    if repository is None:
        return program
    status = _status(repository)
    pattern = key_pattern(status.artifact_repository or ArtifactRepository())
    return replace(program, repository=Repository(status, compile_text(pattern)))


def _status(repository: Json) -> ArtifactRepositoryRefStatus:
    return convert(repository, ArtifactRepositoryRefStatus)
