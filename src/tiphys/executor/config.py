"""ConfigMaps and Secrets that a job's environment and volumes refer to.

`needs` lists them, `fetch` gets them from the store of objects once, before the job starts; from
then on nobody asks the store again. What is missing is an error unless it is optional: where
Kubernetes would wait for ever the job fails at once, in the kubelet's words.
Source: Kubernetes pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables; pkg/volume/secret.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from tiphys.errors import NotFound, Permanent
from tiphys.executor.members import containers_of, object_of, used_volumes
from tiphys.executor.secret import SecretBytes
from tiphys.messages import JobSpec
from tiphys.model.base import Json, JsonObject
from tiphys.ports import ObjectRef, Objects

ConfigKind: TypeAlias = Literal["ConfigMap", "Secret"]
_ENV_FROM: Final[tuple[tuple[str, ConfigKind], ...]] = (
    ("configMapRef", "ConfigMap"),
    ("secretRef", "Secret"),
)
_VALUE_FROM: Final[tuple[tuple[str, ConfigKind], ...]] = (
    ("configMapKeyRef", "ConfigMap"),
    ("secretKeyRef", "Secret"),
)


class Missing(Permanent):
    """A ConfigMap, a Secret or a key that must be there is not."""


@dataclass(frozen=True, slots=True)
class Values:
    """The data of what was asked for, by kind and name; what does not exist is not in it."""

    namespace: str = ""
    found: dict[tuple[ConfigKind, str], dict[str, SecretBytes]] = field(default_factory=dict)

    def get(self, kind: ConfigKind, name: str) -> dict[str, SecretBytes] | None:
        """Return the data of one object, None if there is none."""
        return self.found.get((kind, name))

    def secrets(self) -> Iterator[SecretBytes]:
        """Yield every value that must not be shown."""
        for (kind, _), data in self.found.items():
            if kind == "Secret":
                yield from data.values()

    def data(self, kind: ConfigKind, name: str, optional: bool) -> dict[str, SecretBytes]:
        """Return the data of one object. Raises Missing if it must exist and does not."""
        found = self.get(kind, name)
        if found is None and not optional:
            raise Missing(f'{kind.lower()} "{name}" not found')
        return found or {}

    def value(self, kind: ConfigKind, source: Mapping[str, Json]) -> str | None:
        """Return what a key selector names; None if it is optional and absent.

        Raises Missing.
        """
        name, key = str(source.get("name", "")), str(source.get("key", ""))
        optional = source.get("optional") is True
        data = self.data(kind, name, optional)
        if key in data:
            return data[key].reveal().decode("utf-8", "replace")
        if optional:
            return None
        raise Missing(f"couldn't find key {key} in {kind} {self.namespace}/{name}")


NOTHING: Final = Values()


def needs(job: JobSpec) -> set[tuple[ConfigKind, str]]:
    """Return which ConfigMaps and Secrets a job refers to."""
    found: set[tuple[ConfigKind, str]] = set()
    for container in containers_of(job):
        for source in container.env_from:
            found.update(_named(source, _ENV_FROM))
        for variable in container.env:
            if variable.value_from is not None:
                found.update(_named(variable.value_from, _VALUE_FROM))
    for volume in used_volumes(job):
        found.update(_of_volume(volume))
    return found


def _named(
    source: JsonObject, table: tuple[tuple[str, ConfigKind], ...]
) -> Iterator[tuple[ConfigKind, str]]:
    for name, kind in table:
        reference = source.get(name)
        if isinstance(reference, dict):
            yield kind, str(reference.get("name", ""))


def _of_volume(volume: JsonObject) -> Iterator[tuple[ConfigKind, str]]:
    source = volume.get("configMap")
    if isinstance(source, dict):
        yield "ConfigMap", str(source.get("name", ""))
    source = volume.get("secret")
    if isinstance(source, dict):
        yield "Secret", str(source.get("secretName") or source.get("name") or "")
    projected = volume.get("projected")
    sources = projected.get("sources") if isinstance(projected, dict) else None
    for item in sources if isinstance(sources, list) else ():
        if isinstance(item, dict):
            yield from _of_volume(item)


async def fetch(job: JobSpec, objects: Objects | None) -> Values:
    """Return the values of all that a job refers to. Raises a TiphysError of the store's."""
    values = Values(job.namespace)
    for kind, name in needs(job):
        if objects is None or not name:
            continue
        try:
            document = await objects.get(ObjectRef("v1", kind, job.namespace, name))
        except NotFound:
            continue
        values.found[kind, name] = _data(kind, name, document)
    return values


def _data(kind: ConfigKind, name: str, document: JsonObject) -> dict[str, SecretBytes]:
    """Return every key of an object. Raises Permanent if its base64 is none."""
    plain = {"ConfigMap": "data", "Secret": "stringData"}[kind]
    coded = {"ConfigMap": "binaryData", "Secret": "data"}[kind]
    try:
        found = {
            key: SecretBytes(base64.b64decode(str(value), validate=False))
            for key, value in object_of(document.get(coded)).items()
        }
    except (binascii.Error, ValueError) as exc:
        raise Permanent(f'{kind} "{name}": a value is not base64: {exc}') from exc
    for key, value in object_of(document.get(plain)).items():
        found[key] = SecretBytes(str(value).encode())
    return found
