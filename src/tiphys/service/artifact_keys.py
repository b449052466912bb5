"""Argument artifacts whose key a person overrides at submit.

Source: reference/engine-operations.md 12.1; argo workflow/util/util.go, overrideArtifacts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from tiphys.errors import UserError
from tiphys.model.artifacts import KEY_FIELDS, Artifact, LocalArtifact, location_type
from tiphys.model.spec import WorkflowSpec
from tiphys.model.workflow import ClusterWorkflowTemplate, Workflow, WorkflowTemplate


def parse_artifacts(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Return "name=key" texts as pairs. Raises UserError."""
    found = []
    for text in texts:
        name, equals, key = text.partition("=")
        if not equals:
            raise UserError(f"expected artifact of the form: NAME=KEY. Received: {text}")
        found.append((name, key))
    return found


def with_keys(
    workflow: Workflow, documents: Sequence[object], given: Sequence[tuple[str, str]]
) -> WorkflowSpec:
    """Return a workflow's spec whose argument artifacts have the keys given.

    One that a template declares is copied from there first; one without a location lies in the
    local repository. Raises UserError for a name that no argument artifact has.
    """
    spec = workflow.spec
    known = {item.name: item for item in _inherited(workflow, documents)}
    known |= {item.name: item for item in spec.arguments.artifacts}
    keys = dict(given)
    missing = [name for name in keys if name not in known]
    if missing:
        raise UserError(f"artifact override(s) matched no artifact: {', '.join(missing)}")
    own = [item for item in spec.arguments.artifacts if item.name not in keys]
    own += [_at(known[name], key) for name, key in keys.items()]
    return replace(spec, arguments=replace(spec.arguments, artifacts=tuple(own)))


def _inherited(workflow: Workflow, documents: Sequence[object]) -> tuple[Artifact, ...]:
    """Return the argument artifacts of the template a workflow runs."""
    reference = workflow.spec.workflow_template_ref
    if reference is None:
        return ()
    kind = ClusterWorkflowTemplate if reference.cluster_scope else WorkflowTemplate
    for item in documents:
        if isinstance(item, kind) and item.metadata.name == reference.name:
            return item.spec.arguments.artifacts
    return ()


def _at(artifact: Artifact, key: str) -> Artifact:
    place = location_type(artifact)
    if not place:
        return replace(artifact, local=LocalArtifact(key=key))
    if place not in KEY_FIELDS and place not in {"hdfs", "artifactory", "http", "plugin"}:
        raise UserError(f"artifact {artifact.name} has no key to override")
    name = {"hdfs": "path", "artifactory": "url", "http": "url"}.get(place, KEY_FIELDS.get(place))
    location = getattr(artifact, place)
    return replace(artifact, **{place: replace(location, **{name or "key": key})})
