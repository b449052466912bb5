"""The least that is a store of objects, in memory."""

from __future__ import annotations

import asyncio
import copy

from tiphys.errors import Conflict, NotFound
from tiphys.model.base import JsonObject
from tiphys.ports import ObjectRef


class TinyObjects:
    def __init__(self) -> None:
        self._rows: dict[ObjectRef, JsonObject] = {}
        self._number = 0
        self._rung = asyncio.Event()

    async def get(self, ref: ObjectRef) -> JsonObject:
        if ref not in self._rows:
            raise NotFound(f'configmaps "{ref.name}" not found')
        return copy.deepcopy(self._rows[ref])

    async def list(self, api_version: str, kind: str, namespace: str | None):
        return [
            copy.deepcopy(row)
            for ref, row in self._rows.items()
            if (ref.api_version, ref.kind) == (api_version, kind)
            and namespace in (None, ref.namespace)
        ]

    async def create(self, document: JsonObject) -> JsonObject:
        if _ref(document) in self._rows:
            raise Conflict(f'configmaps "{_ref(document).name}" already exists')
        return self._write(document)

    async def replace(self, document: JsonObject) -> JsonObject:
        stored = await self.get(_ref(document))
        given = document["metadata"].get("resourceVersion")
        if given not in (None, stored["metadata"]["resourceVersion"]):
            raise Conflict("the object has been modified")
        return self._write(document)

    async def delete(self, ref: ObjectRef) -> None:
        await self.get(ref)
        del self._rows[ref]
        self._ring()

    async def changed(self, after: int) -> int:
        while self._number <= after:
            await self._rung.wait()
        return self._number

    def _write(self, document: JsonObject) -> JsonObject:
        self._ring()
        made = copy.deepcopy(document)
        made["metadata"]["resourceVersion"] = str(self._number)
        self._rows[_ref(document)] = made
        return copy.deepcopy(made)

    def _ring(self) -> None:
        self._number += 1
        self._rung.set()
        self._rung = asyncio.Event()


def _ref(document: JsonObject) -> ObjectRef:
    metadata = document["metadata"]
    return ObjectRef(
        document["apiVersion"], document["kind"], metadata["namespace"], metadata["name"]
    )
