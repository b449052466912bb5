"""What a workflow asks of a runtime, to compare with what the runtime can do.

Each thing asked for has a name, the one by which a runtime states that it can do it
(`Capabilities.features`); what is missing is refused by name and path. Fields that have no meaning
outside a cluster are `noted` instead (notes.py). Called by `admit`; the places are looked up there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from tiphys.errors import Finding
from tiphys.model.base import Json, JsonObject
from tiphys.model.codec import encode
from tiphys.model.spec import WorkflowSpec

Need = tuple[str, str]
"""The name of a feature, and what to call it."""

SPEC: Final[dict[str, Need]] = {
    "artifactGC": ("artifactGC", "artifact garbage collection"),
    "volumeClaimTemplates": ("volumes.persistentVolumeClaim", "volume claims"),
    "artifactRepositoryRef": ("repositories", "artifact repositories other than the default one"),
    "executorPlugins": ("plugin", "executor plugins"),
}
"""Fields of a workflow's spec and what they ask for."""

TEMPLATE: Final[dict[str, Need]] = {
    "containerSet": ("containerSet", "container sets"),
    "resource": ("resource", "resource templates"),
    "data": ("data", "data templates"),
    "http": ("http", "HTTP templates"),
    "plugin": ("plugin", "plugin templates"),
    "daemon": ("daemon", "daemon containers"),
    "initContainers": ("initContainers", "init containers"),
    "sidecars": ("sidecars", "sidecars"),
}
"""Fields of a template."""

CONTAINER: Final[dict[str, Need]] = {
    "envFrom": ("envFrom", "environment from ConfigMaps and Secrets"),
    "lifecycle": ("lifecycle", "container lifecycle hooks"),
    "livenessProbe": ("probes", "probes"),
    "readinessProbe": ("probes", "probes"),
    "startupProbe": ("probes", "probes"),
    "restartPolicyRules": ("restartPolicyRules", "restart rules"),
}
"""Fields of a container or script."""

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


_ANY_PLUGIN: Final = "artifacts.plugin.*"
"""The feature of a runtime that can do with any plugin; others name theirs in its place."""
_UNHEEDED: Final = {
    "s3": {"encryptionOptions.kmsEncryptionContext": "leave it out"},
    "oss": {"useSDKCreds": "give accessKeySecret and secretKeySecret"},
    "hdfs": dict.fromkeys(
        ("krbCCacheSecret", "krbKeytabSecret", "dataTransferProtection"),
        "WebHDFS is spoken; name a user (hdfsUser)",
    ),
}
"""Fields of locations that no driver heeds, with what to do instead."""
_LOOK_UP: Final = "sprig.getHostByName"
_LOOK_UP_HINT: Final = "look the name up in a step, and use its output"
_HINTS: Final = {
    "plugin": "name the plugins' addresses in the settings: `plugins`",
    "artifacts.plugin": "name the plugins that listen in the settings: `artifact_drivers`",
    "volumes.hostPath": "name the paths that may be mounted in the settings: `host_paths`",
}


@dataclass(frozen=True, slots=True)
class Runtime:
    """The runtime a workflow is checked for: its name, and the features it has."""

    name: str
    features: frozenset[str]

    def missing(self, feature: str, what: str, path: str) -> Iterator[Finding]:
        """Yield the finding that says that a feature is not there, if it is not."""
        if feature not in self.features:
            said = f"{what}: the {self.name} runtime does not have them ({path})"
            yield Finding(said, path=path, hint=_HINTS.get(feature, ""))


def install_hint(store: str) -> str:
    """Return how to get what the artifacts of a kind of store need."""
    return f"a package is not installed: pip install 'tiphys[{store}]'"


def unsupported(spec: WorkflowSpec, runtime: Runtime, prefix: str = "spec") -> list[Finding]:
    """Return a finding for everything in a spec that a runtime cannot do."""
    return [*_Needs(runtime, encode(spec), prefix).of_spec()]


def _list(value: Json) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _uses(value: Json, word: str, path: str) -> Iterator[str]:
    """Yield the path of every string that contains a word."""
    if isinstance(value, str):
        if word in value:
            yield path
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _uses(item, word, f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _uses(item, word, f"{path}[{index}]")


def _groups(value: Json) -> list[list[JsonObject]]:
    return [_list(group) for group in value] if isinstance(value, list) else []


@dataclass(frozen=True, slots=True)
class _Needs:
    """One walk over a spec."""

    runtime: Runtime
    spec: JsonObject
    prefix: str

    def of_spec(self) -> Iterator[Finding]:
        whole, prefix = self.spec, self.prefix
        yield from self._fields(whole, SPEC, prefix)
        yield from self._volumes(whole, prefix)
        yield from self._arguments(whole.get("arguments"), f"{prefix}.arguments")
        for index, template in enumerate(_list(whole.get("templates"))):
            yield from self._template(template, f"{prefix}.templates[{index}]")
        defaults = whole.get("templateDefaults")
        if isinstance(defaults, dict):
            yield from self._template(defaults, f"{prefix}.templateDefaults")
        for path in _uses(whole, _LOOK_UP, prefix):
            yield Finding(f"{_LOOK_UP} is not supported ({path})", path=path, hint=_LOOK_UP_HINT)

    def _fields(self, value: JsonObject, table: dict[str, Need], path: str) -> Iterator[Finding]:
        for name, (feature, what) in table.items():
            if value.get(name) not in (None, False, "", [], {}):
                yield from self.runtime.missing(feature, what, f"{path}.{name}")

    def _volumes(self, holder: JsonObject, path: str) -> Iterator[Finding]:
        for index, volume in enumerate(_list(holder.get("volumes"))):
            kind = next((name for name in volume if name != "name"), "emptyDir")
            what = f"{kind} volumes"
            yield from self.runtime.missing(f"volumes.{kind}", what, f"{path}.volumes[{index}]")

    def _mounts(self, container: JsonObject, template: JsonObject, path: str) -> Iterator[Finding]:
        known = {str(item.get("name")) for item in _list(template.get("volumes"))}
        known |= {str(item.get("name")) for item in _list(self.spec.get("volumes"))}
        known |= set(_claims(self.spec))
        seen: set[str] = set()
        for index, mount in enumerate(_list(container.get("volumeMounts"))):
            name = str(mount.get("name"))
            place = f"{path}.volumeMounts[{index}]"
            if name not in known:
                yield Finding(f"volume '{name}' is not declared ({place})", path=place)
            elif name in seen or mount.get("subPath") or mount.get("subPathExpr"):
                what = "volumes mounted in part, or at two places"
                yield from self.runtime.missing("volumes.subPath", what, place)
            seen.add(name)

    def _template(self, template: JsonObject, path: str) -> Iterator[Finding]:
        yield from self._fields(template, TEMPLATE, path)
        yield from self._volumes(template, path)
        location = template.get("archiveLocation")
        if isinstance(location, dict):
            yield from self._artifact(location, f"{path}.archiveLocation")
        for container, place in _containers(template, path):
            yield from self._container(container, template, place)
        for side in ("inputs", "outputs"):
            yield from self._arguments(template.get(side), f"{path}.{side}")
        yield from self._calls(template, path)

    def _container(
        self, container: JsonObject, template: JsonObject, path: str
    ) -> Iterator[Finding]:
        yield from self._fields(container, CONTAINER, path)
        yield from self._mounts(container, template, path)
        for index, entry in enumerate(_list(container.get("env"))):
            if entry.get("valueFrom") is not None:
                place = f"{path}.env[{index}].valueFrom"
                yield from self.runtime.missing(
                    "envFrom", "environment values from elsewhere", place
                )

    def _calls(self, template: JsonObject, path: str) -> Iterator[Finding]:
        for index, group in enumerate(_groups(template.get("steps"))):
            for position, step in enumerate(group):
                yield from self._call(step, f"{path}.steps[{index}][{position}]")
        dag = template.get("dag")
        for index, task in enumerate(_list(dag.get("tasks")) if isinstance(dag, dict) else []):
            yield from self._call(task, f"{path}.dag.tasks[{index}]")

    def _call(self, step: JsonObject, path: str) -> Iterator[Finding]:
        yield from self._arguments(step.get("arguments"), f"{path}.arguments")
        inline = step.get("inline")
        if isinstance(inline, dict):
            yield from self._template(inline, f"{path}.inline")

    def _arguments(self, arguments: Json, path: str) -> Iterator[Finding]:
        if not isinstance(arguments, dict):
            return
        for index, artifact in enumerate(_list(arguments.get("artifacts"))):
            yield from self._artifact(artifact, f"{path}.artifacts[{index}]")

    def _artifact(self, artifact: JsonObject, path: str) -> Iterator[Finding]:
        """A location of its own needs a driver; a bare key goes to the default repository."""
        for store in _STORES:
            location = artifact.get(store)
            if isinstance(location, dict) and any(location.get(name) for name in _COMPLETE[store]):
                what, place = f"{store} artifacts", f"{path}.{store}"
                for item in self.runtime.missing(f"artifacts.{store}", what, place):
                    yield replace(item, hint=item.hint or install_hint(store))
            if isinstance(location, dict):
                yield from self._unheeded(store, location, f"{path}.{store}")
                if store == "plugin":
                    yield from self._unknown_plugin(location, f"{path}.plugin.name")
        if "items" in artifact:  # a runtime never has it: it is Tiphys's own word
            for item in self.runtime.missing("artifacts.items", "items", f"{path}.items"):
                yield replace(item, hint="it stands for the artifacts of a loop: use `from`")

    def _unheeded(self, store: str, location: JsonObject, path: str) -> Iterator[Finding]:
        """Nothing is stored other than as it is asked for: not without Kerberos, say."""
        for field, hint in _UNHEEDED.get(store, {}).items():
            value: Json = location
            for name in field.split("."):
                value = value.get(name) if isinstance(value, dict) else None
            feature = f"artifacts.{store}.{field}"
            if value and feature not in self.runtime.features:
                said = f"{store}.{field} is not supported by this version ({path}.{field})"
                yield Finding(said, path=f"{path}.{field}", hint=hint)

    def _unknown_plugin(self, location: JsonObject, path: str) -> Iterator[Finding]:
        """Where there are plugins, one that is not among them is refused in Argo's words."""
        name, features = location.get("name"), self.runtime.features
        if "artifacts.plugin" not in features or not isinstance(name, str) or "{{" in name:
            return
        if not features & {f"artifacts.plugin.{name}", _ANY_PLUGIN}:
            said = f"artifact driver {name} not found ({path})"
            yield Finding(said, path=path, hint=_HINTS["artifacts.plugin"])


def _claims(spec: JsonObject) -> Iterator[str]:
    for claim in _list(spec.get("volumeClaimTemplates")):
        metadata = claim.get("metadata")
        yield str(metadata.get("name")) if isinstance(metadata, dict) else ""


def _containers(template: JsonObject, path: str) -> Iterator[tuple[JsonObject, str]]:
    """Yield every container of a template with its place."""
    for kind in ("container", "script"):
        container = template.get(kind)
        if isinstance(container, dict):
            yield container, f"{path}.{kind}"
    for kind in ("initContainers", "sidecars"):
        for index, item in enumerate(_list(template.get(kind))):
            yield item, f"{path}.{kind}[{index}]"
    group = template.get("containerSet")
    if isinstance(group, dict):
        for index, item in enumerate(_list(group.get("containers"))):
            yield item, f"{path}.containerSet.containers[{index}]"
