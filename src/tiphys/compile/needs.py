"""What a workflow asks for that this version cannot do: each by name and path.

A table of fields, so that the next feature removes a row. Fields that have no meaning outside a
cluster are `noted` instead (notes.py). Called by `admit`; the places are looked up there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tiphys.errors import Finding
from tiphys.model.base import Json, JsonObject
from tiphys.model.codec import encode
from tiphys.model.spec import WorkflowSpec

SPEC: Final[dict[str, str]] = {
    "synchronization": "locks (mutexes and semaphores)",
    "metrics": "metrics",
    "ttlStrategy": "deletion after completion (ttlStrategy)",
    "podGC": "pod garbage collection",
    "artifactGC": "artifact garbage collection",
    "volumeClaimTemplates": "volume claims",
    "artifactRepositoryRef": "artifact repositories other than the local one",
    "executorPlugins": "executor plugins",
    "shutdown": "workflows that are shut down before they start",
}
"""Fields of a workflow's spec that are refused, and what to call them."""

TEMPLATE: Final[dict[str, str]] = {
    "containerSet": "container sets",
    "resource": "resource templates",
    "data": "data templates",
    "http": "HTTP templates",
    "plugin": "plugin templates",
    "daemon": "daemon containers",
    "initContainers": "init containers",
    "sidecars": "sidecars",
    "synchronization": "locks (mutexes and semaphores)",
    "memoize": "memoization",
    "metrics": "metrics",
}
"""Fields of a template that are refused."""

CONTAINER: Final[dict[str, str]] = {
    "envFrom": "environment from ConfigMaps and Secrets",
    "lifecycle": "container lifecycle hooks",
    "livenessProbe": "probes",
    "readinessProbe": "probes",
    "startupProbe": "probes",
    "restartPolicyRules": "restart rules",
}
"""Fields of a container or script that are refused."""

METADATA: Final[dict[str, str]] = {"labelsFrom": "labels from expressions"}
"""Fields of workflowMetadata that are refused."""

_STORES: Final = ("s3", "gcs", "azure", "oss", "hdfs", "http", "git", "artifactory", "plugin")
_COMPLETE: Final = {
    "s3": ("bucket", "endpoint"),
    "gcs": ("bucket",),
    "azure": ("container", "endpoint"),
    "oss": ("bucket", "endpoint"),
    "hdfs": ("addresses",),
    "http": ("url",),
    "git": ("repo",),
    "artifactory": ("url",),
    "plugin": ("name", "configuration"),
}


def unsupported(spec: WorkflowSpec, prefix: str = "spec") -> list[Finding]:
    """Return a finding for everything in a spec that this version refuses to run."""
    whole = encode(spec)
    found = [*_fields(whole, SPEC, prefix), *_volumes(whole, prefix)]
    metadata = whole.get("workflowMetadata")
    if isinstance(metadata, dict):
        found += _fields(metadata, METADATA, f"{prefix}.workflowMetadata")
    found += _arguments(whole.get("arguments"), f"{prefix}.arguments")
    for index, template in enumerate(_list(whole.get("templates"))):
        found += _template(template, f"{prefix}.templates[{index}]", whole)
    defaults = whole.get("templateDefaults")
    if isinstance(defaults, dict):
        found += _template(defaults, f"{prefix}.templateDefaults", whole)
    return found


def _list(value: Json) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _fields(value: JsonObject, table: dict[str, str], path: str) -> Iterator[Finding]:
    for name, what in table.items():
        if value.get(name) not in (None, False, "", [], {}):
            yield refusal(what, f"{path}.{name}")


def refusal(what: str, path: str) -> Finding:
    """Return the finding that says that something is not supported yet."""
    return Finding(f"{what}: not supported yet ({path})", path=path)


def _volumes(holder: JsonObject, path: str) -> Iterator[Finding]:
    """Only directories that live as long as the pod can be had."""
    for index, volume in enumerate(_list(holder.get("volumes"))):
        if "emptyDir" not in volume:
            kind = next((name for name in volume if name != "name"), "such")
            yield refusal(f"{kind} volumes", f"{path}.volumes[{index}]")


def _mounts(container: JsonObject, holders: tuple[JsonObject, ...], path: str) -> Iterator[Finding]:
    known = {str(item.get("name")) for holder in holders for item in _list(holder.get("volumes"))}
    seen: set[str] = set()
    for index, mount in enumerate(_list(container.get("volumeMounts"))):
        name = str(mount.get("name"))
        place = f"{path}.volumeMounts[{index}]"
        if name not in known:
            yield refusal("volumes that are not declared", place)
        elif name in seen or mount.get("subPath"):
            yield refusal("volumes mounted in part, or at two places", place)
        seen.add(name)


def _template(template: JsonObject, path: str, spec: JsonObject) -> list[Finding]:
    found = [*_fields(template, TEMPLATE, path), *_volumes(template, path)]
    location = template.get("archiveLocation")
    if isinstance(location, dict) and location.keys() - {"archiveLogs"}:
        found.append(refusal("archive locations", f"{path}.archiveLocation"))
    for kind in ("container", "script"):
        container = template.get(kind)
        if isinstance(container, dict):
            found += _fields(container, CONTAINER, f"{path}.{kind}")
            found += _environment(container, f"{path}.{kind}")
            found += _mounts(container, (template, spec), f"{path}.{kind}")
    for side in ("inputs", "outputs"):
        found += _arguments(template.get(side), f"{path}.{side}")
    for index, group in enumerate(_groups(template.get("steps"))):
        for position, step in enumerate(group):
            found += _call(step, f"{path}.steps[{index}][{position}]", spec)
    dag = template.get("dag")
    for index, task in enumerate(_list(dag.get("tasks")) if isinstance(dag, dict) else []):
        found += _call(task, f"{path}.dag.tasks[{index}]", spec)
    return found


def _groups(value: Json) -> list[list[JsonObject]]:
    return [_list(group) for group in value] if isinstance(value, list) else []


def _call(step: JsonObject, path: str, spec: JsonObject) -> list[Finding]:
    found = _arguments(step.get("arguments"), f"{path}.arguments")
    inline = step.get("inline")
    if isinstance(inline, dict):
        found += _template(inline, f"{path}.inline", spec)
    return found


def _environment(container: JsonObject, path: str) -> Iterator[Finding]:
    for index, entry in enumerate(_list(container.get("env"))):
        if entry.get("valueFrom") is not None:
            yield refusal("environment values from elsewhere", f"{path}.env[{index}].valueFrom")


def _arguments(arguments: Json, path: str) -> list[Finding]:
    if not isinstance(arguments, dict):
        return []
    found: list[Finding] = []
    for index, artifact in enumerate(_list(arguments.get("artifacts"))):
        found += _artifact(artifact, f"{path}.artifacts[{index}]")
    return found


def _artifact(artifact: JsonObject, path: str) -> Iterator[Finding]:
    """A location of its own needs a driver; a bare key goes to the local repository."""
    for store in _STORES:
        location = artifact.get(store)
        if isinstance(location, dict) and any(location.get(name) for name in _COMPLETE[store]):
            yield refusal(f"{store} artifacts", f"{path}.{store}")
