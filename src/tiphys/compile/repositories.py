"""The artifact repository of a workflow: found when it is admitted, kept in its first event.

Source: reference/executor.md 9.2; argo workflow/artifactrepositories/artifactrepositories.go.
Differs: a reference behind which nothing stands is refused when the workflow is submitted.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    maps = [
        item for item in documents if isinstance(item, dict) and item.get("kind") == "ConfigMap"
    ]

    def config_map(where: str, name: str) -> Json:
        found = (item for item in reversed(maps) if _is(item, where, name, namespace))
        return next(found, None)

    around = Surroundings(namespace=namespace, config_maps=config_map, default=default)
    try:
        found = find_repository(spec.artifact_repository_ref, around)
    except NotFound as exc:
        raise InvalidDocument([Finding(str(exc), path=_REFERENCE)]) from exc
    repository = found.artifact_repository
    if repository is None or repository == ArtifactRepository():
        return None
    return encode(found)


def _is(item: JsonObject, where: str, name: str, namespace: str) -> bool:
    metadata = item.get("metadata")
    own = metadata if isinstance(metadata, dict) else {}
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
