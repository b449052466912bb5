"""Kubernetes-like objects: the rules of every adapter, and the adapter that lives in memory.

The rules work on a `Table` inside whatever transaction the adapter has. Nothing here knows what a
kind means, but for two things that an API server does as well: a Secret's `stringData` becomes
`data`, and names must be names.
Source: Kubernetes API conventions; apiserver registry/rest; garbage collector.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

import msgspec

from tiphys.errors import Conflict, Finding, InvalidDocument, NotFound
from tiphys.model.base import Json, JsonObject
from tiphys.model.kinds import group_of, named_after, resource_name
from tiphys.ports import Clock, ObjectRef

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_BAD_NAME: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_FREE_NAMES: Final = "rbac.authorization.k8s.io"
"""The group whose names may hold colons and capitals."""
_CONDITIONS: Final = ("metadata", "status")
"""What may change without a new generation."""


class Table(Protocol):
    """Rows by reference, in one transaction."""

    def find(self, ref: ObjectRef) -> JsonObject | None:
        """Return a document that the caller may change."""
        ...

    def write(self, ref: ObjectRef, document: JsonObject, number: int) -> None:
        """Put a document under its reference, as change `number`."""
        ...

    def remove(self, ref: ObjectRef, number: int) -> None:
        """Take a document away, as change `number`."""
        ...

    def owned(self, uid: str) -> Sequence[ObjectRef]:
        """Return what refers to an owner."""
        ...

    def next_number(self) -> int:
        """Count a change and return its number."""
        ...


def not_found(ref: ObjectRef) -> NotFound:
    """Return the error for an object that does not exist, in an API server's words."""
    return NotFound(f'{resource_name(ref.api_version, ref.kind)} "{ref.name}" not found')


def _text(value: JsonObject, key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""


def _metadata(document: JsonObject) -> JsonObject:
    found = document.get("metadata")
    return found if isinstance(found, dict) else {}


# ------------------------------------------------------------------------------------- rules


@dataclass(frozen=True, slots=True)
class Rules:
    """The verbs, on a table, at a time (seconds since the epoch)."""

    table: Table
    now: float

    def create(self, document: JsonObject, uid: str) -> JsonObject:
        """Add an object. Raises Conflict, InvalidDocument."""
        ref = self._named(document)
        if self.table.find(ref) is not None:
            name = resource_name(ref.api_version, ref.kind)
            raise Conflict(f'{name} "{ref.name}" already exists')
        number = self.table.next_number()
        metadata = {
            **_metadata(document),
            "name": ref.name,
            "uid": uid or str(uuid.uuid4()),
            "resourceVersion": str(number),
            "generation": 1,
            "creationTimestamp": self._time(),
        }
        metadata.pop("deletionTimestamp", None)
        if not ref.namespace:
            metadata.pop("namespace", None)
        stored = _folded({**document, "metadata": metadata})
        self.table.write(ref, stored, number)
        return stored

    def replace(self, document: JsonObject) -> JsonObject:
        """Put a document in the place of the stored one. Raises NotFound, Conflict."""
        ref = ObjectRef.of(document)
        before = self._found(ref)
        old, given = _metadata(before), _metadata(document)
        for field in ("resourceVersion", "uid"):
            if given.get(field) not in (None, "", old.get(field)):
                raise _modified(ref, field, given, old)
        kept = ("uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp")
        metadata = {key: value for key, value in given.items() if key not in kept}
        metadata |= {key: old[key] for key in kept if key in old}
        after = _folded({**document, "metadata": metadata})
        if after == before:
            return before
        return self._change(ref, before, after)

    def _change(self, ref: ObjectRef, before: JsonObject, after: JsonObject) -> JsonObject:
        metadata = _metadata(after)
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            self._remove(ref, after)
            return after
        number = self.table.next_number()
        metadata["resourceVersion"] = str(number)
        if _meant(before) != _meant(after):
            generation = metadata.get("generation")
            metadata["generation"] = (generation if isinstance(generation, int) else 0) + 1
        self.table.write(ref, after, number)
        return after

    def delete(self, ref: ObjectRef) -> None:
        """Remove an object, or mark it while it has finalizers. Raises NotFound."""
        document = self._found(ref)
        metadata = _metadata(document)
        if not metadata.get("finalizers"):
            self._remove(ref, document)
        elif not metadata.get("deletionTimestamp"):
            number = self.table.next_number()
            metadata |= {"deletionTimestamp": self._time(), "resourceVersion": str(number)}
            self.table.write(ref, document, number)

    def _remove(self, ref: ObjectRef, document: JsonObject) -> None:
        self.table.remove(ref, self.table.next_number())
        self.delete_owned(_text(_metadata(document), "uid"))

    def delete_owned(self, uid: str) -> None:
        """Remove what refers to an owner that is gone; what has another owner only loses this."""
        for ref in self.table.owned(uid) if uid else ():
            document = self.table.find(ref)
            if document is None:  # went with something before it in the list
                continue
            metadata = _metadata(document)
            others = [item for item in _owners(metadata) if item.get("uid") != uid]
            if not others:
                self.delete(ref)
                continue
            number = self.table.next_number()
            owners: list[Json] = [*others]
            metadata |= {"ownerReferences": owners, "resourceVersion": str(number)}
            self.table.write(ref, document, number)

    def _found(self, ref: ObjectRef) -> JsonObject:
        document = self.table.find(ref)
        if document is None:
            raise not_found(ref)
        return document

    def _named(self, document: JsonObject) -> ObjectRef:
        """Return the reference of a new document, with a made name if it asks for one."""
        ref = ObjectRef.of(document)
        if not ref.api_version or not ref.kind:
            missing = "apiVersion" if not ref.api_version else "kind"
            raise _invalid(f"Object '{missing}' is missing")
        prefix = _text(_metadata(document), "generateName")
        if not ref.name and not prefix:
            raise _invalid("object is invalid: resource name may not be empty")
        if not ref.name:
            ref = ObjectRef(
                ref.api_version,
                ref.kind,
                ref.namespace,
                named_after(prefix, secrets.token_bytes(8)),
            )
        if group_of(ref.api_version) != _FREE_NAMES and not _NAME.match(ref.name):
            place = f'{ref.kind} "{ref.name}" is invalid: metadata.name: Invalid value'
            raise _invalid(f'{place}: "{ref.name}": {_BAD_NAME}')
        return ref

    def _time(self) -> str:
        return datetime.fromtimestamp(self.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _owners(metadata: JsonObject) -> list[JsonObject]:
    found = metadata.get("ownerReferences")
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def owner_uids(document: JsonObject) -> list[str]:
    """Return the uids of a document's owners, each once."""
    uids = [_text(item, "uid") for item in _owners(_metadata(document))]
    return [uid for uid in dict.fromkeys(uids) if uid]


def _meant(document: JsonObject) -> JsonObject:
    """Return what a new generation is counted for."""
    return {key: value for key, value in document.items() if key not in _CONDITIONS}


def _folded(document: JsonObject) -> JsonObject:
    """Return a Secret with its `stringData` in `data`; anything else as it is."""
    texts = document.get("stringData")
    if (_text(document, "apiVersion"), _text(document, "kind")) != ("v1", "Secret"):
        return document
    made = {key: value for key, value in document.items() if key != "stringData"}
    if isinstance(texts, dict) and texts:
        data = made.get("data")
        made["data"] = {
            **(data if isinstance(data, dict) else {}),
            **{key: base64.b64encode(str(v).encode()).decode() for key, v in texts.items()},
        }
    return made


def _modified(ref: ObjectRef, field: str, given: JsonObject, old: JsonObject) -> Conflict:
    reason = (
        "the object has been modified; please apply your changes to the latest version and try "
        "again"
    )
    if field == "uid":
        reason = (
            f"Precondition failed: UID in precondition: {given.get(field)}, UID in object meta: "
            f"{old.get(field)}"
        )
    name = resource_name(ref.api_version, ref.kind)
    return Conflict(f'Operation cannot be fulfilled on {name} "{ref.name}": {reason}')


def _invalid(reason: str) -> InvalidDocument:
    return InvalidDocument([Finding(reason)])


# ------------------------------------------------------------------------------------ waiting


class Bell:
    """Wakes all who wait for a change."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Wake everybody."""
        for future in self._waiting:
            _wake(future)
        self._waiting.clear()

    def ring_from_afar(self) -> None:
        """Wake everybody, from any thread."""
        for future in [*self._waiting]:
            with contextlib.suppress(RuntimeError):  # its loop has gone
                future.get_loop().call_soon_threadsafe(_wake, future)

    async def wait(self, seconds: float | None = None) -> None:
        """Return at the next ring, or after `seconds`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait({future}, timeout=seconds)
        finally:
            self._waiting.discard(future)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


# ------------------------------------------------------------------------------------- memory


class _MemoryTable:
    """Rows as encoded bytes, so that nothing is shared with those who wrote them."""

    def __init__(self) -> None:
        self.rows: dict[ObjectRef, bytes] = {}
        self.numbers: dict[ObjectRef, int] = {}
        self.last = 0

    def find(self, ref: ObjectRef) -> JsonObject | None:
        data = self.rows.get(ref)
        if data is None:
            return None
        document: JsonObject = msgspec.json.decode(data)
        return document

    def write(self, ref: ObjectRef, document: JsonObject, number: int) -> None:
        self.rows[ref] = msgspec.json.encode(document)
        self._changed(ref, number)

    def remove(self, ref: ObjectRef, number: int) -> None:
        del self.rows[ref]
        self._changed(ref, number)

    def _changed(self, ref: ObjectRef, number: int) -> None:
        self.numbers.pop(ref, None)
        self.numbers[ref] = number  # the newest change is the last entry

    def owned(self, uid: str) -> Sequence[ObjectRef]:
        found = ((ref, self.find(ref)) for ref in [*self.rows])
        return [ref for ref, document in found if document and uid in owner_uids(document)]

    def next_number(self) -> int:
        self.last += 1
        return self.last


class MemoryObjects:
    """`Objects` that are lost with the process."""

    def __init__(self, clock: Clock) -> None:
        """Begin without objects; `clock` gives creation times."""
        self._clock = clock
        self._table = _MemoryTable()
        self._bell = Bell()

    async def get(self, ref: ObjectRef) -> JsonObject:
        """Return an object. Raises NotFound."""
        document = self._table.find(ref)
        if document is None:
            raise not_found(ref)
        return document

    async def list(
        self, api_version: str, kind: str, namespace: str | None
    ) -> Sequence[JsonObject]:
        """Return the objects of a kind, oldest first; of all namespaces if None."""
        wanted = [
            ref
            for ref in self._table.rows
            if (ref.api_version, ref.kind) == (api_version, kind)
            and namespace in (None, ref.namespace)
        ]
        return [document for ref in wanted if (document := self._table.find(ref)) is not None]

    async def kinds(self) -> Sequence[tuple[str, str]]:
        """Return apiVersion and kind of all that is stored, sorted."""
        return sorted({(ref.api_version, ref.kind) for ref in self._table.rows})

    async def create(self, document: JsonObject, uid: str = "") -> JsonObject:
        """Add an object and return it as stored."""
        made = self._rules().create(_copy(document), uid)
        self._bell.ring()
        return _copy(made)

    async def replace(self, document: JsonObject) -> JsonObject:
        """Put a document in the place of the stored one and return it as stored."""
        made = self._rules().replace(_copy(document))
        self._bell.ring()
        return _copy(made)

    async def delete(self, ref: ObjectRef) -> None:
        """Remove an object. Raises NotFound."""
        self._rules().delete(ref)
        self._bell.ring()

    async def delete_owned(self, uid: str) -> None:
        """Remove what the owner of this uid, which is gone, leaves behind."""
        self._rules().delete_owned(uid)
        self._bell.ring()

    async def changed(self, after: int) -> int:
        """Return the number of the last change when it is greater than `after`."""
        while self._table.last <= after:
            await self._bell.wait()
        return self._table.last

    async def since(self, after: int) -> Sequence[ObjectRef] | None:
        """Return what was changed or removed after that number."""
        return [ref for ref, number in self._table.numbers.items() if number > after]

    def _rules(self) -> Rules:
        return Rules(self._table, self._clock.now())


def _copy(document: JsonObject) -> JsonObject:
    made: JsonObject = msgspec.json.decode(msgspec.json.encode(document))
    return made
