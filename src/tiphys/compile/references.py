"""Documents that a workflow refers to: found by scope and name, and joined under it.

The caller has fetched the documents; nothing here fetches. Source: reference/engine.md 1.10 and
2.2, resources.md 8; Argo workflow/util/merge.go (JoinWorkflowSpec).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from tiphys.errors import Finding, InvalidDocument
from tiphys.model.artifacts import Artifact, ArtifactLocation
from tiphys.model.base import Json, JsonObject
from tiphys.model.codec import convert, encode, suggestion
from tiphys.model.merge import strategic_merge
from tiphys.model.spec import WorkflowSpec, WorkflowTemplateRef
from tiphys.model.templates import Template, TemplateRef
from tiphys.model.workflow import ClusterWorkflowTemplate, WorkflowTemplate

TemplateDocument: TypeAlias = WorkflowTemplate | ClusterWorkflowTemplate
TemplateStore: TypeAlias = Mapping[str, TemplateDocument]
"""Template documents of one namespace by scope: "namespaced/<name>" or "cluster/<name>"."""

STORES = ("s3", "git", "http", "artifactory", "hdfs", "raw", "oss", "gcs", "azure", "plugin")


def scope_of(reference: TemplateRef | WorkflowTemplateRef) -> str:
    """Return the scope a reference points into."""
    return f"{'cluster' if reference.cluster_scope else 'namespaced'}/{reference.name}"


def template_store(documents: Iterable[object]) -> TemplateStore:
    """Return the template documents among `documents` by scope; later ones win."""
    store: dict[str, TemplateDocument] = {}
    for item in documents:
        if isinstance(item, WorkflowTemplate):
            store[f"namespaced/{item.metadata.name}"] = item
        elif isinstance(item, ClusterWorkflowTemplate):
            store[f"cluster/{item.metadata.name}"] = item
    return store


def find_document(
    store: TemplateStore, reference: TemplateRef | WorkflowTemplateRef, namespace: str = ""
) -> TemplateDocument:
    """Return the (Cluster)WorkflowTemplate a reference names.

    Raises InvalidDocument with the text of Argo's offline getter (validation.md W2b).
    """
    found = store.get(scope_of(reference))
    if found is not None:
        return found
    kind, _, _ = scope_of(reference).partition("/")
    if kind == "cluster":
        reason = f'couldn\'t find cluster workflow template "{reference.name}"'
    else:
        reason = f'couldn\'t find workflow template "{reference.name}" in namespace "{namespace}"'
    names = [key.partition("/")[2] for key in store if key.startswith(f"{kind}/")]
    raise InvalidDocument([Finding(reason, hint=suggestion(reference.name, names))])


def find_template(spec: WorkflowSpec, name: str) -> Template | None:
    """Return the template `name` of a spec."""
    return next((item for item in spec.templates if item.name == name), None)


def join_specs(
    workflow: WorkflowSpec,
    template: WorkflowSpec | None,
    defaults: WorkflowSpec | None = None,
) -> WorkflowSpec:
    """Return the spec that runs: `workflow` over `template` over `defaults`.

    Source: argo workflow/util/merge.go, JoinWorkflowSpec; reference/engine.md 2.2.
    """
    layers = [encode(item) for item in (workflow, template, defaults) if item is not None]
    merged: JsonObject = {}
    for layer in reversed(layers):
        merged = strategic_merge(merged, layer)
    _replace_entries(merged, layers, ("hooks",))
    _replace_entries(merged, layers, ("workflowMetadata", "labelsFrom"))
    merged.pop("suspend", None)
    if workflow.suspend is not None:
        merged["suspend"] = workflow.suspend
    _join_arguments(merged, layers[: 1 if template is None else 2])
    return convert(merged, WorkflowSpec)


def _replace_entries(merged: JsonObject, layers: list[JsonObject], path: tuple[str, ...]) -> None:
    """Entries of these maps come whole from the highest layer that has them."""
    found: JsonObject = {}
    for layer in reversed(layers):
        inner = _inside(layer, path)
        found.update(inner)
    if found:
        _inside(merged, path[:-1])[path[-1]] = found


def _inside(value: JsonObject, path: tuple[str, ...]) -> JsonObject:
    for part in path:
        inner = value.get(part)
        if not isinstance(inner, dict):
            return {}
        value = inner
    return value


def _join_arguments(merged: JsonObject, layers: list[JsonObject]) -> None:
    """Parameters with a value come whole from the highest layer; artifacts likewise."""
    arguments = _inside(merged, ("arguments",))
    given = [_inside(layer, ("arguments",)) for layer in layers]
    parameters = arguments.get("parameters")
    if isinstance(parameters, list):
        arguments["parameters"] = [_parameter(item, given) for item in parameters]
    artifacts = arguments.get("artifacts")
    if isinstance(artifacts, list):
        arguments["artifacts"] = [_artifact(item, given) for item in artifacts]


def _parameter(merged: Json, layers: list[JsonObject]) -> Json:
    for layer in layers:
        own = _named(layer.get("parameters"), merged)
        if own is not None and any(key in own for key in ("value", "valueFrom", "default")):
            return own
    return merged


def _artifact(merged: Json, layers: list[JsonObject]) -> Json:
    found = [own for layer in layers if (own := _named(layer.get("artifacts"), merged)) is not None]
    if len(found) < 2:
        return found[0] if found else merged
    high, low = found[0], found[1]
    store = next((key for key in STORES if key in high), None)
    if store is None or store not in low:
        return high
    return {**high, store: _over(low[store], high[store])}


def _over(low: Json, high: Json) -> Json:
    if isinstance(low, dict) and isinstance(high, dict):
        return {**low, **{key: value for key, value in high.items() if value not in ("", None)}}
    return high


def _named(items: Json, like: Json) -> JsonObject | None:
    name = like.get("name") if isinstance(like, dict) else None
    if not isinstance(items, list):
        return None
    found = (item for item in items if isinstance(item, dict) and item.get("name") == name)
    return next(found, None)


def has_location(artifact: Artifact | ArtifactLocation) -> bool:
    """Say whether an artifact names a store completely, or a key in one.

    Source: argo artifact_repository_types.go and workflow_types.go, HasLocationOrKey;
    reference/resources.md 6.14.
    """
    return has_complete_location(artifact) or has_key(artifact)


def has_key(artifact: ArtifactLocation) -> bool:
    """Say whether the location has a key of its own."""
    parts = (
        artifact.s3 and artifact.s3.key,
        artifact.gcs and artifact.gcs.key,
        artifact.oss and artifact.oss.key,
        artifact.azure and artifact.azure.blob,
        artifact.hdfs and artifact.hdfs.path,
        artifact.artifactory and artifact.artifactory.url,
        artifact.http and artifact.http.url,
        artifact.plugin and artifact.plugin.key,
        artifact.local and artifact.local.key,
    )
    return any(parts)


def has_complete_location(artifact: ArtifactLocation) -> bool:
    """Say whether the location alone tells where the bytes are."""
    s3, gcs, oss, azure = artifact.s3, artifact.gcs, artifact.oss, artifact.azure
    parts = (
        artifact.artifactory and artifact.artifactory.url and artifact.artifactory.username_secret,
        azure and azure.endpoint and azure.container and azure.blob,
        artifact.git and artifact.git.repo,
        gcs and gcs.bucket and gcs.key,
        artifact.hdfs and artifact.hdfs.addresses,
        artifact.http and artifact.http.url,
        oss and oss.endpoint and oss.bucket and oss.key,
        artifact.raw is not None,
        s3 and s3.endpoint and s3.bucket and s3.key,
        artifact.plugin and artifact.plugin.name and artifact.plugin.key,
        artifact.local and artifact.local.key,
    )
    return any(parts)
