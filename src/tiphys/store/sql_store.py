"""Journal, intake and queries in a database. Which one it is, is not known here."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tiphys.errors import Conflict, Corrupt, LostOwnership, NotFound, Permanent
from tiphys.messages import Event, Input
from tiphys.model.ids import NodeId, RunId
from tiphys.ports import Changes, Clock, EndedRow, RunRow
from tiphys.ports_database import Database, Transaction
from tiphys.store import retired
from tiphys.store.deletions import SqlDeletions
from tiphys.store.faces import parsed, part
from tiphys.store.ledger import SqlLedger
from tiphys.store.owners import Owner
from tiphys.store.recording import Recorder
from tiphys.store.sql_catalogue import SqlCatalogue
from tiphys.store.sql_objects import SqlObjects
from tiphys.store.tokens import SqlTokens

_EVENTS = msgspec.msgpack.Decoder(list[Event])
_INPUT = msgspec.msgpack.Decoder(Input)
_ENCODER = msgspec.msgpack.Encoder()
_NAMES: Final = (
    *("uid", "namespace", "name", "created_at", "done", "owner", "epoch", "runtime"),
    *("document", "summary", "extras"),
)
_ROWS: Final = f"SELECT {', '.join(_NAMES)} FROM runs JOIN run_texts ON run = uid"  # noqa: S608
_TEXTS: Final = ("document", "extras")
_COLUMNS: Final = ", ".join(f"{'t' if name in _TEXTS else 'r'}.{name}" for name in _NAMES)
_ENDED: Final = "SELECT uid, namespace, name, created_at, summary FROM runs WHERE done = 1"
_ALL: Final = 1 << 62
_MARKS: Final = 500
_POLL_SECONDS = 2.0
_SOME: Final = 20
"""How many rows are looked through at a time."""


class SqlStore:
    """The store of one database. `owner` is this process, None for one that only reads."""

    def __init__(self, database: Database, owner: Owner | None = None) -> None:
        """Keep everything in a database, which is closed with the store."""
        self._database = database
        self._owner = owner
        self._recorder = Recorder()
        self.ledger = SqlLedger(database)
        self.catalogue = SqlCatalogue(database)
        self.tokens = SqlTokens(database)
        self.deletions = SqlDeletions(database)

    def close(self) -> None:
        """Finish writing and close."""
        self._database.close()

    @property
    def database(self) -> Database:
        """Where everything is kept, for those who keep more there; closed with the store."""
        return self._database

    async def ask(self, owner: str, question: str) -> str | None:
        """Return what another process answers within a moment, None if it does not."""
        return await self._database.ask(owner, question)

    async def unfinished(self, runs: Sequence[RunId]) -> Sequence[RunId]:
        """Return which of these runs exist and are not done."""
        marks = ",".join("?" * len(runs))
        query = f"SELECT uid FROM runs WHERE done = 0 AND uid IN ({marks})"  # noqa: S608 (marks)
        return (
            [RunId(str(uid)) for (uid,) in await self._database.read(query, runs)] if runs else []
        )

    def objects(self, clock: Clock) -> SqlObjects:
        """Return the Kubernetes-like objects of this home; closed with the store."""
        return SqlObjects(self._database, clock)

    # ------------------------------------------------------------------------------ journal

    async def create(self, row: RunRow, first: Event, *more: Event) -> None:
        """Add a run with its first events, unowned. Raises Conflict if its name is taken."""

        def work(db: Transaction) -> None:
            taken = db.execute(
                "SELECT 1 FROM runs WHERE namespace = ? AND name = ?", (row.namespace, row.name)
            ).fetchone()
            if taken:
                raise Conflict(f'workflows.argoproj.io "{row.name}" already exists')
            db.execute(
                "INSERT INTO runs VALUES (?, ?, ?, ?, 0, '', 0, ?, ?, 0, ?)",
                (
                    *(row.run, row.namespace, row.name, row.created_at, row.runtime),
                    *(1 + len(more), row.summary),
                ),
            )
            texts = (row.run, row.document, row.extras)
            db.execute("INSERT INTO run_texts VALUES (?, ?, ?)", texts)
            insert = "INSERT INTO events VALUES (?, ?, ?)"
            db.execute(insert, (row.run, 1, _ENCODER.encode([first])))
            if more:
                db.execute(insert, (row.run, 1 + len(more), _ENCODER.encode([*more])))
            self._recorder.created(db, row)

        await self._database.write(work)
        self.catalogue.ring()

    async def adopt(
        self, row: RunRow, events: Sequence[Event], nodes: Sequence[tuple[NodeId, bytes]]
    ) -> None:
        """Keep the journal of a run that only the archive knows, as that of a retired one."""
        first, rest = events[:1], events[1:]
        commits = [(1, _ENCODER.encode([*first]))]
        if rest:
            commits.append((len(events), _ENCODER.encode([*rest])))
        await self._database.write(lambda db: retired.adopt(db, row, commits, nodes))

    async def claim(self, run: RunId, owner: str) -> int | None:
        """Become the owner and return the new epoch; None if a living owner has it."""

        def work(db: Transaction) -> int | None:
            found = db.execute("SELECT owner, epoch FROM runs WHERE uid = ?", (run,)).fetchone()
            if found is None:
                return None
            if found[0] and found[0] != owner and self._database.is_alive(db, found[0]):
                return None
            db.execute("UPDATE runs SET owner = ?, epoch = epoch + 1 WHERE uid = ?", (owner, run))
            return int(found[1]) + 1

        return await self._database.write(work)

    async def release(self, run: RunId, epoch: int) -> None:
        """Give the run up, so that another may claim it."""
        await self._database.write(
            lambda db: db.execute(
                "UPDATE runs SET owner = '' WHERE uid = ? AND epoch = ?", (run, epoch)
            )
        )

    async def load(self, run: RunId) -> tuple[bytes | None, Sequence[Event], int]:
        """Return the latest snapshot, the events after it and the last sequence number.

        The first event is always among them.
        """
        snapshot = await self._database.read("SELECT at, data FROM snapshots WHERE run = ?", (run,))
        after = snapshot[0][0] if snapshot else 0
        rows = await self._database.read(
            "SELECT data FROM events WHERE run = ? AND (last > ? OR last = 1) ORDER BY last",
            (run, after),
        )
        last = await self._database.read(
            "SELECT seq FROM runs WHERE uid = ?"
            " UNION ALL SELECT seq FROM retired_runs WHERE uid = ?",
            (run, run),
        )
        if not last or not rows:
            raise NotFound(f"there is no run {run}")
        return (snapshot[0][1] if snapshot else None), _decoded(run, rows), int(last[0][0])

    async def history(self, run: RunId) -> Sequence[Event]:
        """Return all events of a run, whatever snapshots there are. Raises NotFound."""
        rows = await self._database.read(
            "SELECT data FROM events WHERE run = ? ORDER BY last", (run,)
        )
        if not rows:
            raise NotFound(f"there is no run {run}")
        return _decoded(run, rows)

    async def append(self, run: RunId, after: int, epoch: int, changes: Changes) -> int:
        """Commit in one transaction and return the new last sequence number."""
        data = _ENCODER.encode(list(changes.events))
        last = after + len(changes.events)

        def work(db: Transaction) -> int:
            cursor = db.execute(
                "UPDATE runs SET seq = ?, summary = ?, done = ?,"
                " taken = CASE WHEN taken > ? THEN taken ELSE ? END"
                " WHERE uid = ? AND seq = ? AND epoch = ?",
                (
                    *(last, changes.summary, changes.done, changes.taken, changes.taken),
                    *(run, after, epoch),
                ),
            )
            if cursor.rowcount != 1:
                raise LostOwnership(f"run {run} has another owner")
            if changes.extras is not None:
                texts = (changes.extras, run)
                db.execute("UPDATE run_texts SET extras = ? WHERE run = ?", texts)
            if changes.events:
                db.execute("INSERT INTO events VALUES (?, ?, ?)", (run, last, data))
            db.executemany(
                "DELETE FROM nodes WHERE run = ? AND node = ?", [(run, key) for key in changes.gone]
            )
            db.executemany(
                "INSERT INTO nodes VALUES (?, ?, ?)"
                " ON CONFLICT (run, node) DO UPDATE SET data = excluded.data",
                [(run, node, row) for node, row in changes.nodes],
            )
            if changes.taken:
                db.execute("DELETE FROM requests WHERE run = ? AND id <= ?", (run, changes.taken))
            self._recorder.committed(db, run, epoch, changes)
            return last

        done = await self._database.write(work)
        self.catalogue.ring()
        return done

    async def snapshot(self, run: RunId, at: int, epoch: int, state: bytes) -> None:
        """Keep a shortcut through the events up to `at`."""

        def work(db: Transaction) -> None:
            mine = db.execute(
                "SELECT 1 FROM runs WHERE uid = ? AND epoch = ?", (run, epoch)
            ).fetchone()
            if mine is None:
                raise LostOwnership(f"run {run} has another owner")
            db.execute(
                "INSERT INTO snapshots VALUES (?, ?, ?)"
                " ON CONFLICT (run) DO UPDATE SET at = excluded.at, data = excluded.data",
                (run, at, state),
            )

        await self._database.write(work)

    async def claimable(self) -> Sequence[RunRow]:
        """Return the unfinished runs that nobody alive drives."""
        # Documents are read only of what is free: this is asked ten times a second.
        owners = await self._database.read("SELECT DISTINCT owner FROM runs WHERE done = 0")
        named = {str(owner) for (owner,) in owners}
        free = [*(named - {*await self._database.living(named - {""})})]
        if not free:
            return []
        marks = ",".join("?" * len(free))
        rows = await self._database.read(
            f"{_ROWS} WHERE done = 0 AND owner IN ({marks}) ORDER BY created_at",
            free,
        )
        return [_row(row) for row in rows]

    async def is_driven(self, row: RunRow) -> bool:
        """Tell whether a row names a living owner."""
        return bool(row.owner) and row.owner in await self._database.living({row.owner})

    # ------------------------------------------------------------------------------- intake

    async def post(self, run: RunId, item: Input) -> int:
        """Keep a request for the run's owner and wake it; return the request's number."""
        data = _ENCODER.encode(item)

        def work(db: Transaction) -> tuple[int, str]:
            found = db.execute("SELECT owner FROM runs WHERE uid = ?", (run,)).fetchone()
            if found is None:
                raise NotFound(f"there is no run {run}")
            return _requested(db, run, data), str(found[0])

        number, owner = await self._database.write(work)
        if owner:
            await self._database.wake(owner)
        return number

    async def reopen(self, run: RunId, item: Input, summary: bytes) -> int:
        """Keep a request for a run that has ended, its summary, and let it be claimed again."""
        data = _ENCODER.encode(item)

        def work(db: Transaction) -> int:
            if retired.bring_back(db, run):
                self._recorder.returned(db, run)
            cursor = db.execute(
                "UPDATE runs SET done = 0, owner = '', summary = ? WHERE uid = ? AND done = 1",
                (summary, run),
            )
            if cursor.rowcount != 1:
                raise Conflict(f"run {run} has not ended")
            self._recorder.reopened(db, run, summary)
            return _requested(db, run, data)

        number = await self._database.write(work)
        self.catalogue.ring()
        return number

    async def pending(self, run: RunId, after: int) -> Sequence[tuple[int, Input]]:
        """Return the requests with a higher number that no commit has answered."""
        rows = await self._database.read(
            "SELECT id, data FROM requests WHERE run = ? AND id > ? ORDER BY id", (run, after)
        )
        try:
            return [(int(number), _INPUT.decode(data)) for number, data in rows]
        except msgspec.MsgspecError as exc:
            raise Corrupt(f"a request to run {run} cannot be read: {exc}") from exc

    async def wait(self) -> None:
        """Return when a request may have come for any run of this owner."""
        if self._owner is None:
            raise Permanent("a store without an owner gets no requests")
        await self._owner.wait(_POLL_SECONDS)

    # ------------------------------------------------------------------------------ queries

    async def find(self, namespace: str | None, name: str) -> RunRow:
        """Return the newest run of that name ("@latest": of any). Raises NotFound."""
        where, values = [], []
        if namespace is not None:
            where.append("namespace = ?")
            values.append(namespace)
        if name != "@latest":
            where.append("name = ?")
            values.append(name)
        clause = f"WHERE {' AND '.join(where)}" if where else ""
        found = await self._database.read(
            f"{_ROWS} {clause} ORDER BY created_at DESC LIMIT 1",
            values,
        )
        if not found:
            missing = f'workflows.argoproj.io "{name}" not found'
            said = "no workflows found" if name == "@latest" else missing
            raise NotFound(
                f"{said} in namespace {namespace or 'any'} of "
                f"{self._database.name}; `tiphys list -A` lists what is there"
            )
        return _row(found[0])

    async def list(self, namespace: str | None) -> Sequence[RunRow]:
        """Return all runs, newest first."""
        clause = "" if namespace is None else "WHERE namespace = ?"
        rows = await self._database.read(
            f"{_ROWS} {clause} ORDER BY created_at DESC",
            () if namespace is None else (namespace,),
        )
        return [_row(row) for row in rows]

    async def ended(self, after: str = "", most: int = 0) -> Sequence[EndedRow]:
        """Return the runs that have ended, by their uids, from after one on (0: all of them)."""
        query = f"{_ENDED} AND uid > ? ORDER BY uid LIMIT ?"
        rows = await self._database.read(query, (after, most or _ALL))
        return [EndedRow(RunId(uid), *rest) for uid, *rest in rows]

    async def ended_of(self, runs: Sequence[RunId]) -> Sequence[EndedRow]:
        """Return those of some runs that have ended."""
        found: list[EndedRow] = []
        for start in range(0, len(runs), _MARKS):
            some = runs[start : start + _MARKS]
            query = f"{_ENDED} AND uid IN ({','.join('?' * len(some))})"
            rows = await self._database.read(query, some)
            found += [EndedRow(RunId(uid), *rest) for uid, *rest in rows]
        return found

    async def last_success(self, namespace: str, label: str, value: str) -> RunRow | None:
        """Return the newest run with that label that succeeded, None if there is none."""
        query = (
            f"SELECT {_COLUMNS} FROM run_labels l"  # noqa: S608 - our own words
            " JOIN run_index i ON i.born = l.born JOIN runs r ON r.uid = i.run"
            " JOIN run_texts t ON t.run = i.run"
            " WHERE l.name = ? AND l.value = ? AND i.namespace = ? AND i.done = 1"
            " ORDER BY i.created_at DESC LIMIT ? OFFSET ?"
        )
        for start in itertools.count(0, _SOME):
            rows = await self._database.read(query, (label, value, namespace, _SOME, start))
            for row in map(_row, rows):
                if part(parsed(row.summary), "status").get("phase") == "Succeeded":
                    return row
            if len(rows) < _SOME:
                break
        return None

    async def nodes(self, run: RunId) -> Sequence[bytes]:
        """Return the node rows of a run, each the JSON of one NodeStatus."""
        rows = await self._database.read("SELECT data FROM nodes WHERE run = ?", (run,))
        return [data for (data,) in rows]

    async def version(self, run: RunId) -> int:
        """Return a number that grows with every commit of the run. Raises NotFound."""
        found = await self._database.read("SELECT seq FROM runs WHERE uid = ?", (run,))
        if not found:
            raise NotFound(f"there is no run {run}")
        return int(found[0][0])

    async def retired(self, run: RunId) -> RunRow:
        """Return the row of a deleted run whose journal the archive keeps. Raises NotFound."""
        rows = await self._database.read(retired.FIND, (run,))
        if not rows:
            raise NotFound(f"nothing is kept of the run {run}")
        return retired.row_of(rows[0])

    async def delete(self, run: RunId) -> None:
        """Forget a run and all its rows; of one that is archived the journal stays."""

        def work(db: Transaction) -> None:
            self._recorder.removed(db, run)
            left = () if retired.retire(db, run) else retired.PARTS
            for table in ("requests", *left):
                db.execute(f"DELETE FROM {table} WHERE run = ?", (run,))  # noqa: S608
            db.execute("DELETE FROM runs WHERE uid = ?", (run,))

        await self._database.write(work)
        self.catalogue.ring()


def _requested(db: Transaction, run: RunId, data: bytes) -> int:
    """Keep a request and return its number."""
    statement = "INSERT INTO requests (run, data) VALUES (?, ?) RETURNING id"
    return int(db.execute(statement, (run, data)).fetchone()[0])


def _row(found: tuple[Any, ...]) -> RunRow:
    uid, namespace, name, created_at, done, owner, epoch, runtime, *texts = found
    return RunRow(
        RunId(uid), namespace, name, created_at, bool(done), owner, epoch, runtime, *texts
    )


def _decoded(run: RunId, rows: Sequence[tuple[Any, ...]]) -> list[Event]:
    """Return the events of commits. Raises Corrupt."""
    try:
        return [event for (data,) in rows for event in _EVENTS.decode(data)]
    except msgspec.MsgspecError as exc:
        raise Corrupt(f"the journal of run {run} cannot be read: {exc}") from exc
