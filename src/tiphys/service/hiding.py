"""What is shown of a workflow does not hold the values of the Secrets it uses.

Documents, explanations and lines of logs pass here on their way to people and clients; what the
engine keeps, and what the next step is given, is left as it is. Which Secrets a workflow uses is
read from its document; where that cannot be told all Secrets of its namespace are hidden.
Differs: Argo shows the values of outputs, whatever they hold.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tiphys.errors import NotFound
from tiphys.model.base import Json, JsonObject
from tiphys.model.secret import Masker, Secret
from tiphys.ports import ObjectRef, Objects

_SCOPES = ("storedTemplates", "storedWorkflowTemplateSpec", "artifactRepositoryRef")
"""Parts of a status that may name Secrets, as the spec does."""
_TEXTS = ("manifest", "podSpecPatch", "mergePatch")
"""Fields that hold whole documents as text: not read, only looked through for the word."""
_NAMES = frozenset(
    ("name", "globalName", "key", "blob", "path", "bucket", "container", "endpoint", "from")
)
"""What is found or called by: it stays as it is, or nobody could go by it."""


@dataclass(frozen=True, slots=True)
class Uses:
    """Names of the Secrets that a workflow uses, each with the keys that count, None for all.

    `everything`: it may use any Secret of its namespace.
    """

    keys: dict[str, set[str] | None] = field(default_factory=dict)
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Hider:
    """Hides the values of Secrets; asks for them anew each time, since they change."""

    objects: Objects

    async def masker(self, workflow: JsonObject) -> Masker | None:
        """Return what hides the Secrets of a workflow, None if there is nothing to hide."""
        uses = uses_of(workflow)
        metadata = workflow.get("metadata")
        namespace = str(metadata.get("namespace") or "") if isinstance(metadata, dict) else ""
        masker = Masker()
        if uses.everything:
            for secret in await self.objects.list("v1", "Secret", namespace):
                _learn(masker, secret, None)
        else:
            for name, keys in uses.keys.items():
                _learn(masker, await self._secret(namespace, name), keys)
        return masker if masker.is_needed else None

    async def shown(self, workflow: JsonObject) -> JsonObject:
        """Return a workflow as it may be shown."""
        masker = await self.masker(workflow)
        return workflow if masker is None else hidden(workflow, masker)

    async def _secret(self, namespace: str, name: str) -> JsonObject:
        try:
            return await self.objects.get(ObjectRef("v1", "Secret", namespace, name))
        except NotFound:
            return {}


def uses_of(workflow: JsonObject) -> Uses:
    """Return which Secrets a workflow names: in its spec, its templates and its repository."""
    status = workflow.get("status")
    parts = [workflow.get("spec")]
    parts += [status.get(name) for name in _SCOPES] if isinstance(status, dict) else []
    found: dict[str, set[str] | None] = {}
    for name, key in (named for part in parts for named in _named(part)):
        if not name or "{{" in name + key:
            return Uses(everything=True)
        keys = found.setdefault(name, set())
        if not key:
            found[name] = None
        elif keys is not None:
            keys.add(key)
    return Uses(found)


def _named(value: Json) -> Iterator[tuple[str, str]]:
    """Yield name and key of each reference to a Secret; no key: all; no name: any Secret."""
    if isinstance(value, list):
        for item in value:
            yield from _named(item)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _named_by(name, part)
            yield from _named(part)


def _named_by(field_name: str, part: Json) -> Iterator[tuple[str, str]]:
    if field_name == "manifestFrom" or (field_name in _TEXTS and "secret" in str(part).lower()):
        yield "", ""
    if not isinstance(part, dict):
        return
    if field_name in {"secret", "secretRef"}:
        name = part.get("secretName") or part.get("name")
        if isinstance(name, str):
            yield name, ""
    elif field_name == "secretKeyRef" or field_name.endswith("Secret"):
        name = part.get("name")
        if isinstance(name, str) and name:
            yield name, str(part.get("key") or "")


def _learn(masker: Masker, secret: JsonObject, keys: set[str] | None) -> None:
    data = secret.get("data")
    for key, value in data.items() if isinstance(data, dict) else ():
        if keys is None or key in keys:
            try:
                masker.add(Secret(base64.b64decode(str(value), validate=True)))
            except binascii.Error:
                masker.add(Secret(str(value).encode()))


def hidden(workflow: JsonObject, masker: Masker) -> JsonObject:
    """Return a workflow in whose status no value shows that is to be hidden."""
    status = workflow.get("status")
    if not isinstance(status, dict):
        return workflow
    own: JsonObject = {**status}
    for name in ("message", "conditions", "outputs"):
        if name in own:
            own[name] = _masked(own[name], masker)
    nodes = own.get("nodes")
    if isinstance(nodes, dict):
        own["nodes"] = {
            key: hidden_node(node, masker) if isinstance(node, dict) else node
            for key, node in nodes.items()
        }
    return {**workflow, "status": own}


def hidden_node(node: JsonObject, masker: Masker) -> JsonObject:
    """Return a node without such values in its message, inputs and outputs."""
    found: JsonObject = {**node}
    for name in ("message", "inputs", "outputs"):
        if name in found:
            found[name] = _masked(found[name], masker)
    return found


def _masked(value: Json, masker: Masker) -> Json:
    if isinstance(value, str):
        return masker.mask(value)
    if isinstance(value, list):
        return [_masked(item, masker) for item in value]
    if isinstance(value, Mapping):
        return {
            name: part if name in _NAMES and isinstance(part, str) else _masked(part, masker)
            for name, part in value.items()
        }
    return value
