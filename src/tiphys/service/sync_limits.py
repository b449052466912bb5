"""The limits of semaphores: keys of ConfigMaps, or rows of the database.

Source: reference/rest-api.md 14.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from tiphys.errors import Conflict, NotFound, UserError
from tiphys.model.base import Json, JsonObject
from tiphys.ports import ObjectRef, Objects
from tiphys.ports_server import LimitRows

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,9}\Z", re.ASCII)
Kind = Literal["CONFIGMAP", "DATABASE"]
KINDS: Final[tuple[Kind, ...]] = ("CONFIGMAP", "DATABASE")


@dataclass(frozen=True, slots=True)
class Key:
    """Which limit: a key of ConfigMap `config_map`, or of the database."""

    kind: Kind
    namespace: str
    config_map: str
    key: str


def kind_of(given: Json) -> Kind:
    """Return the kind of limit that a number or a name stands for. Raises UserError."""
    match given:
        case None | "" | 0 | "0" | "CONFIGMAP":
            return "CONFIGMAP"
        case 1 | "1" | "DATABASE":
            return "DATABASE"
        case _:
            raise UserError(f"unsupported sync config type: {given}")


def document(key: Key, limit: int) -> JsonObject:
    """Return a limit as the API writes it: what is zero or "" is left out."""
    every: JsonObject = {
        "type": KINDS.index(key.kind),
        "namespace": key.namespace,
        "cmName": key.config_map if key.kind == "CONFIGMAP" else "",
        "key": key.key,
        "limit": limit,
    }
    return {name: value for name, value in every.items() if value}


@dataclass(frozen=True, slots=True)
class SyncLimits:
    """Reads and changes limits."""

    objects: Objects
    rows: LimitRows

    async def create(self, key: Key, limit: int | None) -> int:
        """Make a limit and return it. Raises Conflict if there is one, UserError."""
        wanted = _positive(limit)
        if key.kind == "DATABASE":
            if not await self.rows.create(_name(key), wanted):
                raise Conflict(
                    f'Database sync limit already exists in namespace "{key.namespace}".'
                )
            return wanted
        try:
            present = await self.objects.get(_reference(key))
        except NotFound:
            made: JsonObject = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": key.config_map, "namespace": key.namespace},
                "data": {key.key: str(wanted)},
            }
            await self.objects.create(made)
            return wanted
        if key.key in _data(present):
            raise Conflict("sync limit cannot be created as it already exists")
        await self._write(key, present, str(wanted))
        return wanted

    async def get(self, key: Key) -> int:
        """Return a limit. Raises NotFound, UserError if it is no number."""
        if key.kind == "DATABASE":
            found = await self.rows.get(_name(key))
            if found is None:
                raise _no_row(key)
            return found
        text = _data(await self.objects.get(_reference(key))).get(key.key)
        if text is None:
            raise NotFound(f"key {key.key} not found in configmap {key.namespace}/{key.config_map}")
        if not isinstance(text, str) or not _NUMBER.match(text):
            raise UserError(
                f"invalid limit format for key {key.key} in configmap "
                f"{key.namespace}/{key.config_map}"
            )
        return int(text)

    async def update(self, key: Key, limit: int | None) -> int:
        """Change a limit and return it. Raises NotFound, UserError."""
        wanted = _positive(limit)
        if key.kind == "DATABASE":
            if not await self.rows.update(_name(key), wanted):
                raise _no_row(key)
            return wanted
        present = await self.objects.get(_reference(key))
        if key.key not in _data(present):
            raise NotFound(
                f"key {key.key} not found in configmap {key.namespace}/{key.config_map} - please "
                "create it first"
            )
        await self._write(key, present, str(wanted))
        return wanted

    async def delete(self, key: Key) -> None:
        """Remove a limit; one that there is not is fine in a ConfigMap. Raises NotFound."""
        if key.kind == "DATABASE":
            if not await self.rows.delete(_name(key)):
                raise _no_row(key)
            return
        present = await self.objects.get(_reference(key))
        if key.key in _data(present):
            await self._write(key, present, None)

    async def _write(self, key: Key, present: JsonObject, text: str | None) -> None:
        data = {name: value for name, value in _data(present).items() if name != key.key}
        if text is not None:
            data[key.key] = text
        await self.objects.replace({**present, "data": data})


def _positive(limit: int | None) -> int:
    if limit is None or limit <= 0:
        raise UserError("limit must be greater than zero")
    return limit


def _name(key: Key) -> str:
    return f"{key.namespace}/{key.key}"


def _no_row(key: Key) -> NotFound:
    return NotFound(f'Database sync limit not found in namespace "{key.namespace}".')


def _reference(key: Key) -> ObjectRef:
    if not key.config_map:
        raise UserError("cmName is required for a limit in a ConfigMap")
    return ObjectRef("v1", "ConfigMap", key.namespace, key.config_map)


def _data(document: JsonObject) -> JsonObject:
    found = document.get("data")
    return found if isinstance(found, dict) else {}
