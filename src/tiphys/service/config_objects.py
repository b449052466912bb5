"""ConfigMaps and Secrets that clients of a server keep: written and named, Secrets never read.

Argo's API has no way for them; in a cluster they are kubectl's. What is answered about a Secret is
made of its name and keys alone, so that no caller, whatever it may, gets a value. Not even whether
one has changed is told: that would answer guesses.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import msgspec

from tiphys.errors import UserError
from tiphys.model.base import Json, JsonObject
from tiphys.ports import ObjectRef, Objects
from tiphys.service.selection import requirements
from tiphys.service.stored import Verb, applied

Kind: TypeAlias = Literal["ConfigMap", "Secret"]
_KEY: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}\Z")
_PARTS: Final[dict[Kind, tuple[str, ...]]] = {
    "ConfigMap": ("data", "binaryData"),
    "Secret": ("data", "stringData"),
}
_IN_BASE64: Final = frozenset({("ConfigMap", "binaryData"), ("Secret", "data")})
_OTHERS: Final = frozenset({"apiVersion", "kind", "metadata", "type", "immutable"})


class _Part(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Base of what is answered; printed as JSON."""


class KeptMeta(_Part, frozen=True):
    """Which object it is. A Secret has no version here: it would tell that a value changed."""

    name: str
    namespace: str
    uid: str = ""
    creation_timestamp: str = ""
    resource_version: str = ""
    labels: dict[str, str] = {}


class Kept(_Part, frozen=True):
    """A ConfigMap or Secret as it is shown: values only of the one ConfigMap that is asked for."""

    metadata: KeptMeta
    keys: tuple[str, ...] = ()
    type: str = ""
    data: dict[str, str] = {}
    binary_data: dict[str, str] = {}


class KeptList(_Part, frozen=True):
    """ConfigMaps or Secrets, by name, without values."""

    items: tuple[Kept, ...]


class Applied(_Part, frozen=True):
    """What became of an object that was sent; of a Secret it is never "unchanged"."""

    verb: Verb
    object: Kept


@dataclass(frozen=True, slots=True)
class ConfigObjects:
    """The ConfigMaps and Secrets of a store."""

    objects: Objects

    async def list(self, kind: Kind, namespace: str, labels: str) -> KeptList:
        """Return those of a namespace ("" for all) that a label selector matches.

        Raises UserError.
        """
        terms = requirements(labels)
        found = [_shown(item) for item in await self.objects.list("v1", kind, namespace or None)]
        kept = [item for item in found if all(t.matches(item.metadata.labels) for t in terms)]
        order = sorted(kept, key=lambda item: (item.metadata.namespace, item.metadata.name))
        return KeptList(tuple(order))

    async def get(self, ref: ObjectRef) -> Kept:
        """Return one; of a ConfigMap with its values. Raises NotFound."""
        return _shown(await self.objects.get(ref), values=ref.kind == "ConfigMap")

    async def apply(self, ref: ObjectRef, document: JsonObject) -> Applied:
        """Create an object, or let the one of its name take on what is said of it.

        A key that is null is removed; one that is not named stays. Raises UserError.
        """
        made, verb = await applied(self.objects, ref.namespace, _checked(ref, document))
        if ref.kind == "Secret" and verb == "unchanged":
            verb = "configured"
        return Applied(verb, _shown(made))

    async def delete(self, ref: ObjectRef) -> None:
        """Remove one. Raises NotFound."""
        await self.objects.delete(ref)


def reference(kind: Kind, namespace: str, name: str) -> ObjectRef:
    """Return what an object is known by. Raises UserError if it is in no namespace."""
    if not namespace:
        raise UserError(f"a {kind} is in a namespace: name one")
    return ObjectRef("v1", kind, namespace, name)


# ------------------------------------------------------------------------------------- reading


def _shown(document: JsonObject, values: bool = False) -> Kept:
    """Return what may be seen of an object; annotations may hold all of it, and are left out."""
    meta = _object(document, "metadata")
    secret = document.get("kind") == "Secret"
    data, binary = _texts(document, "data"), _texts(document, "binaryData")
    return Kept(
        metadata=KeptMeta(
            name=str(meta.get("name", "")),
            namespace=str(meta.get("namespace", "")),
            uid=str(meta.get("uid", "")),
            creation_timestamp=str(meta.get("creationTimestamp", "")),
            resource_version="" if secret else str(meta.get("resourceVersion", "")),
            labels=_texts(meta, "labels"),
        ),
        keys=tuple(sorted({*data, *binary})),
        type=str(document.get("type", "")) if secret else "",
        data=data if values and not secret else {},
        binary_data=binary if values and not secret else {},
    )


def _object(document: JsonObject, name: str) -> JsonObject:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _texts(document: JsonObject, name: str) -> dict[str, str]:
    return {key: str(value) for key, value in _object(document, name).items()}


# ------------------------------------------------------------------------------------- writing


def _checked(ref: ObjectRef, document: JsonObject) -> JsonObject:
    """Return what is to be stored of a document. Raises UserError, which tells no value.

    Of its metadata only what people give: owners and finalizers would decide who may delete it.
    """
    kind: Kind = "Secret" if ref.kind == "Secret" else "ConfigMap"
    what = f'{kind} "{ref.name}"'
    meta = _object(document, "metadata")
    _check_place(ref, document, meta)
    unknown = sorted({*document} - _OTHERS - {*_PARTS[kind]})
    if unknown:
        raise UserError(f"{what} has no field {unknown[0]}")
    kept: JsonObject = {"name": ref.name, "namespace": ref.namespace}
    kept |= {name: _object(meta, name) for name in ("labels", "annotations") if meta.get(name)}
    made: JsonObject = {"apiVersion": "v1", "kind": kind, "metadata": kept}
    for part in _PARTS[kind]:
        if document.get(part) is not None:
            made[part] = _checked_part(what, part, document[part], (kind, part) in _IN_BASE64)
    if kind == "Secret" and document.get("type"):
        made["type"] = str(document["type"])
    if isinstance(document.get("immutable"), bool):
        made["immutable"] = document["immutable"]
    return made


def _check_place(ref: ObjectRef, document: JsonObject, meta: JsonObject) -> None:
    given = (
        ("kind", document.get("kind"), ref.kind),
        ("apiVersion", document.get("apiVersion"), ref.api_version),
        ("metadata.name", meta.get("name"), ref.name),
        ("metadata.namespace", meta.get("namespace"), ref.namespace),
    )
    for field, found, wanted in given:
        if found not in (None, "", wanted):
            raise UserError(f"{field} of the object is not that of the request, {wanted}")


def _checked_part(what: str, part: str, values: Json, in_base64: bool) -> JsonObject:
    if not isinstance(values, dict):
        raise UserError(f"{what}: {part} is not a map")
    made: JsonObject = {}
    for key, value in values.items():
        if not _KEY.match(key):
            raise UserError(f"{what}: {part} has a key that is no name of a file: {key[:40]!r}")
        if value is not None and not isinstance(value, str):
            raise UserError(f'{what}: {part}: the value of "{key}" is not a string')
        made[key] = value
        if in_base64 and value:
            made[key] = plain = "".join(value.splitlines())  # as what encodes it wraps it
            if not _is_base64(plain):
                raise UserError(f'{what}: {part}: the value of "{key}" is not in base 64')
    return made


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
