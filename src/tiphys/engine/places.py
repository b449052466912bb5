"""Where the artifacts of a node go: its template's archive location, else the repository.

Source: reference/executor.md 9.2, 9.3, kubernetes.md 3.6; argo workflow/controller/workflowpod.go,
addArchiveLocation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tiphys.engine.resolving import resolve_text
from tiphys.engine.scope import ConstantScope, Names
from tiphys.engine.state import Node
from tiphys.expr.template import STRICT
from tiphys.model.artifacts import Artifact, ArtifactLocation, LocalArtifact, location_type
from tiphys.model.ids import pod_of_node
from tiphys.model.locations import has_location, key_of, key_only, location_in, with_key
from tiphys.model.repositories import ArtifactRepository

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def pod_of(run: Run, node: Node) -> str:
    """Return the name of a node's pod."""
    return str(pod_of_node(run.state.name, node.id, run.template(node).name))


def job_scope(run: Run, node: Node) -> Names:
    """Return what a job may refer to: what never changes, and what its node was given."""
    constants = {**run.program.constants, "pod.name": pod_of(run, node)}
    return run.own_scope(node, ConstantScope(constants))


def archive_location(run: Run, node: Node, own: ArtifactLocation | None) -> ArtifactLocation | None:
    """Return where a node's artifacts go; `own` is what its template says, with tags resolved.

    None is the local repository. Raises CallError if the key cannot be told.
    """
    if own is not None and has_location(own):
        return own
    repository = run.program.repository
    if repository is None:
        return None
    key = resolve_text(repository.key, job_scope(run, node), STRICT, run.context(node.name))
    return location_in(repository.status.artifact_repository or ArtifactRepository(), key)


def key_prefix(run: Run, node: Node, base: ArtifactLocation | None) -> str:
    """Return the key below which a node's artifacts lie."""
    if base is None or not location_type(base):
        return f"{run.state.name}/{pod_of(run, node)}"
    return key_of(base)


def located(artifact: Artifact, prefix: str, base: ArtifactLocation | None = None) -> Artifact:
    """Return an output artifact with the key it will be stored under.

    Its own key is kept; otherwise the key is the pod's place in `base` and a file name.
    """
    if location_type(artifact):
        return artifact
    key = f"{prefix}/{file_name(artifact)}"
    kind = "" if base is None else location_type(base)
    if base is None or not kind:
        return msgspec.structs.replace(artifact, local=LocalArtifact(key=key))
    moved = key_only(with_key(base, key))
    return msgspec.structs.replace(artifact, **{kind: getattr(moved, kind)})


def file_name(artifact: Artifact) -> str:
    """Return the file name of a stored artifact, by its archive strategy."""
    archive = artifact.archive
    if archive is not None and archive.none is not None:
        return artifact.path.rstrip("/").rpartition("/")[2] or artifact.name
    if archive is not None and archive.zip is not None:
        return f"{artifact.name}.zip"
    return f"{artifact.name}.tgz"


def archives_logs(run: Run, node: Node) -> bool:
    """Tell whether a node's logs are kept: the repository's yes wins, then the template's word."""
    repository = run.program.repository
    found = repository.status.artifact_repository if repository is not None else None
    own = run.template(node).archive_logs
    return bool(found and found.archive_logs) or (run.program.archive_logs if own is None else own)
