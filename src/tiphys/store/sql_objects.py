"""`Objects` in the home's database, beside the runs, written by the same thread.

Changes made by other processes are noticed by looking; those of this process at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec

from tiphys.errors import Corrupt
from tiphys.model.base import JsonObject
from tiphys.ports import Clock, ObjectRef
from tiphys.ports_database import Database, Row, Transaction
from tiphys.store.objects import Bell, Rules, not_found, owner_uids

_LOOK_SECONDS: Final = 0.5
_KEPT: Final = 10_000
_SWEEP_EVERY: Final = 1_000
_KEY: Final = "api_version = ? AND kind = ? AND namespace = ? AND name = ?"
_REF: Final = "api_version, kind, namespace, name"
_GET: Final = f"SELECT data FROM objects WHERE {_KEY}"  # noqa: S608
_PUT: Final = (
    "INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - our own words
    f" ON CONFLICT ({_REF}) DO UPDATE SET version = excluded.version, data = excluded.data"
)
_CHANGED: Final = """
    SELECT api_version, kind, namespace, name FROM (
        SELECT api_version, kind, namespace, name, version FROM objects WHERE version > ?
        UNION ALL
        SELECT api_version, kind, namespace, name, version FROM gone_objects WHERE version > ?
    ) AS changes ORDER BY version
"""
_Result = TypeVar("_Result")


def _key(ref: ObjectRef) -> tuple[str, str, str, str]:
    return ref.api_version, ref.kind, ref.namespace, ref.name


def _decoded(data: bytes) -> JsonObject:
    try:
        document: JsonObject = msgspec.json.decode(data)
    except msgspec.MsgspecError as exc:
        raise Corrupt(f"a stored object cannot be read: {exc}") from exc
    return document


def _one(ref: ObjectRef, found: Sequence[Row]) -> JsonObject:
    """Return the object that was looked for. Raises NotFound."""
    if not found:
        raise not_found(ref)
    return _decoded(found[0][0])


class _SqlTable:
    """The rows in one transaction."""

    def __init__(self, db: Transaction) -> None:
        self._db = db

    def find(self, ref: ObjectRef) -> JsonObject | None:
        query = f"SELECT data FROM objects WHERE {_KEY}"  # noqa: S608
        row = self._db.execute(query, _key(ref)).fetchone()
        return None if row is None else _decoded(row[0])

    def write(self, ref: ObjectRef, document: JsonObject, number: int) -> None:
        self._db.execute(_PUT, (*_key(ref), number, number, msgspec.json.encode(document)))
        self._forget(ref, "gone_objects")
        self._forget(ref, "object_owners")
        self._db.executemany(
            "INSERT INTO object_owners VALUES (?, ?, ?, ?, ?)",
            [(uid, *_key(ref)) for uid in owner_uids(document)],
        )

    def remove(self, ref: ObjectRef, number: int) -> None:
        self._forget(ref, "objects")
        self._forget(ref, "object_owners")
        self._db.execute("INSERT INTO gone_objects VALUES (?, ?, ?, ?, ?)", (*_key(ref), number))

    def _forget(self, ref: ObjectRef, table: str) -> None:
        self._db.execute(f"DELETE FROM {table} WHERE {_KEY}", _key(ref))  # noqa: S608

    def owned(self, uid: str) -> Sequence[ObjectRef]:
        query = f"SELECT {_REF} FROM object_owners WHERE owner = ?"  # noqa: S608
        return [ObjectRef(*row) for row in self._db.execute(query, (uid,)).fetchall()]

    def next_number(self) -> int:
        """Count a change; now and then forget what went long ago."""
        row = self._db.execute("UPDATE object_numbers SET last = last + 1 RETURNING last")
        number = int(row.fetchone()[0])
        if number % _SWEEP_EVERY == 0 and number > _KEPT:
            horizon = number - _KEPT
            self._db.execute("DELETE FROM gone_objects WHERE version <= ?", (horizon,))
            self._db.execute("UPDATE object_numbers SET horizon = ?", (horizon,))
        return number


class SqlObjects:
    """`Objects` in a database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Use a database that its store closes; `clock` gives creation times."""
        self._database = database
        self._clock = clock
        self._bell = Bell()
        self._patience = database.on_change(self._bell.ring_from_afar)

    async def get(self, ref: ObjectRef) -> JsonObject:
        """Return an object. Raises NotFound."""
        return _one(ref, await self._database.read(_GET, _key(ref)))

    def look(self, ref: ObjectRef) -> JsonObject:
        """Return an object at once. Raises NotFound."""
        return _one(ref, self._database.look(_GET, _key(ref)))

    async def list(
        self, api_version: str, kind: str, namespace: str | None
    ) -> Sequence[JsonObject]:
        """Return the objects of a kind, oldest first; of all namespaces if None."""
        query = "SELECT data FROM objects WHERE api_version = ? AND kind = ?"
        values: list[object] = [api_version, kind]
        if namespace is not None:
            query += " AND namespace = ?"
            values.append(namespace)
        return [
            _decoded(data)
            for (data,) in await self._database.read(f"{query} ORDER BY created", values)
        ]

    async def kinds(self) -> Sequence[tuple[str, str]]:
        """Return apiVersion and kind of all that is stored, sorted."""
        query = "SELECT DISTINCT api_version, kind FROM objects ORDER BY api_version, kind"
        return [(api_version, kind) for api_version, kind in await self._database.read(query, ())]

    async def create(self, document: JsonObject, uid: str = "") -> JsonObject:
        """Add an object and return it as stored."""
        return await self._write(lambda rules: rules.create(document, uid))

    async def replace(self, document: JsonObject) -> JsonObject:
        """Put a document in the place of the stored one and return it as stored."""
        return await self._write(lambda rules: rules.replace(document))

    async def delete(self, ref: ObjectRef) -> None:
        """Remove an object. Raises NotFound."""
        await self._write(lambda rules: rules.delete(ref))

    async def delete_owned(self, uid: str) -> None:
        """Remove what the owner of this uid, which is gone, leaves behind."""
        await self._write(lambda rules: rules.delete_owned(uid))

    async def changed(self, after: int) -> int:
        """Return the number of the last change when it is greater than `after`."""
        while True:
            last = int((await self._database.read("SELECT last FROM object_numbers", ()))[0][0])
            if last > after:
                return last
            await self._bell.wait(self._patience or _LOOK_SECONDS)

    async def since(self, after: int) -> Sequence[ObjectRef] | None:
        """Return what was changed or removed after that number; None if that is forgotten."""
        if after < int((await self._database.read("SELECT horizon FROM object_numbers", ()))[0][0]):
            return None
        changed = await self._database.read(_CHANGED, (after, after))
        return [ObjectRef(*row) for row in changed]

    async def _write(self, verb: Callable[[Rules], _Result]) -> _Result:
        now = self._clock.now()
        made = await self._database.write(lambda db: verb(Rules(_SqlTable(db), now)))
        self._bell.ring()
        return made
