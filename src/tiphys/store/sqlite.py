"""Journal, intake and queries on SQLite: one file, WAL, every commit on the disk.

Measured on a virtual disk (reference/style.md 3.21): 7,500 one-event commits a second with
`synchronous=FULL`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tiphys.errors import Conflict, Corrupt, LostOwnership, NotFound, Permanent
from tiphys.messages import Event, Input
from tiphys.model.ids import RunId
from tiphys.ports import Changes, Clock, EndedRow, RunRow
from tiphys.store.deletions import SqliteDeletions
from tiphys.store.ledger import SqliteLedger
from tiphys.store.migrations import bring_up_to_date
from tiphys.store.owners import Owner, is_alive, wake
from tiphys.store.recording import Recorder
from tiphys.store.schema import VERSION
from tiphys.store.sqlite_catalogue import SqliteCatalogue
from tiphys.store.sqlite_objects import SqliteObjects
from tiphys.store.tokens import SqliteTokens
from tiphys.store.writer import Writer

_EVENTS = msgspec.msgpack.Decoder(list[Event])
_INPUT = msgspec.msgpack.Decoder(Input)
_ENCODER = msgspec.msgpack.Encoder()
_ROWS = (
    "SELECT uid, namespace, name, created_at, done, owner, epoch, runtime, document, summary,"
    " extras FROM runs JOIN run_texts ON run = uid"
)
_CACHE_KIB = 65_536
"""Of pages, while writing: what a commit of a large run touches is not read again for the next."""
_POLL_SECONDS = 2.0
_Result = TypeVar("_Result")


class SqliteStore:
    """The store of one home directory. `owner` is this process, None for one that only reads."""

    def __init__(self, home: Path, owner: Owner | None = None) -> None:
        """Open the database under `home`, making it if it is new. Raises Permanent."""
        self._home = home
        self._path = home / "tiphys.db"
        self._owner = owner
        try:
            self._reader = _prepare(self._path)
        except sqlite3.OperationalError as exc:
            raise Permanent(f"the database {self._path} cannot be opened: {exc}") from exc
        except sqlite3.Error as exc:
            raise _unusable(self._path, exc) from exc
        self._writer = Writer(lambda: _connect(self._path, _CACHE_KIB))
        self._recorder = Recorder()
        self.ledger = SqliteLedger(home, self._writer, self._read)
        self.catalogue = SqliteCatalogue(self._writer, self._read)
        self.tokens = SqliteTokens(self._writer, self._read)
        self.deletions = SqliteDeletions(self._writer, self._read)

    def close(self) -> None:
        """Finish writing and close."""
        self._writer.close()
        self._reader.close()

    @property
    def reader(self) -> sqlite3.Connection:
        """The connection for short questions; closed with the store."""
        return self._reader

    async def write(self, work: Callable[[sqlite3.Connection], _Result], /) -> _Result:
        """Run work in a transaction of its own and return its result once that is committed."""
        return await self._writer.do(work)

    async def unfinished(self, runs: Sequence[RunId]) -> Sequence[RunId]:
        """Return which of these runs exist and are not done."""
        marks = ",".join("?" * len(runs))
        query = f"SELECT uid FROM runs WHERE done = 0 AND uid IN ({marks})"  # noqa: S608 (marks)
        return [RunId(str(uid)) for (uid,) in self._read(query, runs)]

    def objects(self, clock: Clock) -> SqliteObjects:
        """Return the Kubernetes-like objects of this home; closed with the store."""
        return SqliteObjects(self._writer, self._read, clock)

    # ------------------------------------------------------------------------------ journal

    async def create(self, row: RunRow, first: Event, *more: Event) -> None:
        """Add a run with its first events, unowned. Raises Conflict if its name is taken."""

        def work(db: sqlite3.Connection) -> None:
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

        await self._writer.do(work)
        self.catalogue.ring()

    async def claim(self, run: RunId, owner: str) -> int | None:
        """Become the owner and return the new epoch; None if a living owner has it."""

        def work(db: sqlite3.Connection) -> int | None:
            found = db.execute("SELECT owner, epoch FROM runs WHERE uid = ?", (run,)).fetchone()
            if found is None:
                return None
            if found[0] and found[0] != owner and is_alive(self._home, found[0]):
                return None
            db.execute("UPDATE runs SET owner = ?, epoch = epoch + 1 WHERE uid = ?", (owner, run))
            return int(found[1]) + 1

        return await self._writer.do(work)

    async def release(self, run: RunId, epoch: int) -> None:
        """Give the run up, so that another may claim it."""
        await self._writer.do(
            lambda db: db.execute(
                "UPDATE runs SET owner = '' WHERE uid = ? AND epoch = ?", (run, epoch)
            )
        )

    async def load(self, run: RunId) -> tuple[bytes | None, Sequence[Event], int]:
        """Return the latest snapshot, the events after it and the last sequence number.

        The first event is always among them.
        """
        snapshot = self._read("SELECT at, data FROM snapshots WHERE run = ?", (run,))
        after = snapshot[0][0] if snapshot else 0
        rows = self._read(
            "SELECT data FROM events WHERE run = ? AND (last > ? OR last = 1) ORDER BY last",
            (run, after),
        )
        last = self._read("SELECT seq FROM runs WHERE uid = ?", (run,))
        if not last or not rows:
            raise NotFound(f"there is no run {run}")
        return (snapshot[0][1] if snapshot else None), _decoded(run, rows), int(last[0][0])

    async def history(self, run: RunId) -> Sequence[Event]:
        """Return all events of a run, whatever snapshots there are. Raises NotFound."""
        rows = self._read("SELECT data FROM events WHERE run = ? ORDER BY last", (run,))
        if not rows:
            raise NotFound(f"there is no run {run}")
        return _decoded(run, rows)

    async def append(self, run: RunId, after: int, epoch: int, changes: Changes) -> int:
        """Commit in one transaction and return the new last sequence number."""
        data = _ENCODER.encode(list(changes.events))
        last = after + len(changes.events)

        def work(db: sqlite3.Connection) -> int:
            cursor = db.execute(
                "UPDATE runs SET seq = ?, summary = ?, done = ?, taken = MAX(taken, ?)"
                " WHERE uid = ? AND seq = ? AND epoch = ?",
                (last, changes.summary, changes.done, changes.taken, run, after, epoch),
            )
            if cursor.rowcount != 1:
                raise LostOwnership(f"run {run} has another owner")
            if changes.extras is not None:
                texts = (changes.extras, run)
                db.execute("UPDATE run_texts SET extras = ? WHERE run = ?", texts)
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

        done = await self._writer.do(work)
        self.catalogue.ring()
        return done

    async def snapshot(self, run: RunId, at: int, epoch: int, state: bytes) -> None:
        """Keep a shortcut through the events up to `at`."""

        def work(db: sqlite3.Connection) -> None:
            mine = db.execute(
                "SELECT 1 FROM runs WHERE uid = ? AND epoch = ?", (run, epoch)
            ).fetchone()
            if mine is None:
                raise LostOwnership(f"run {run} has another owner")
            db.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)", (run, at, state))

        await self._writer.do(work)

    async def claimable(self) -> Sequence[RunRow]:
        """Return the unfinished runs that nobody alive drives."""
        # Documents are read only of what is free: this is asked ten times a second.
        owners = self._read("SELECT DISTINCT owner FROM runs WHERE done = 0")
        free = [owner for (owner,) in owners if not owner or not is_alive(self._home, owner)]
        if not free:
            return []
        marks = ",".join("?" * len(free))
        rows = self._read(
            f"{_ROWS} WHERE done = 0 AND owner IN ({marks}) ORDER BY created_at",
            free,
        )
        return [_row(row) for row in rows]

    def is_driven(self, row: RunRow) -> bool:
        """Tell whether a row names a living owner."""
        return bool(row.owner) and is_alive(self._home, row.owner)

    # ------------------------------------------------------------------------------- intake

    async def post(self, run: RunId, item: Input) -> int:
        """Keep a request for the run's owner and wake it; return the request's number."""
        data = _ENCODER.encode(item)

        def work(db: sqlite3.Connection) -> tuple[int, str]:
            found = db.execute("SELECT owner FROM runs WHERE uid = ?", (run,)).fetchone()
            if found is None:
                raise NotFound(f"there is no run {run}")
            cursor = db.execute("INSERT INTO requests (run, data) VALUES (?, ?)", (run, data))
            return int(cursor.lastrowid or 0), str(found[0])

        number, owner = await self._writer.do(work)
        if owner:
            wake(self._home, owner)
        return number

    async def reopen(self, run: RunId, item: Input, summary: bytes) -> int:
        """Keep a request for a run that has ended, its summary, and let it be claimed again."""
        data = _ENCODER.encode(item)

        def work(db: sqlite3.Connection) -> int:
            cursor = db.execute(
                "UPDATE runs SET done = 0, owner = '', summary = ? WHERE uid = ? AND done = 1",
                (summary, run),
            )
            if cursor.rowcount != 1:
                raise Conflict(f"run {run} has not ended")
            inserted = db.execute("INSERT INTO requests (run, data) VALUES (?, ?)", (run, data))
            self._recorder.reopened(db, run, summary)
            return int(inserted.lastrowid or 0)

        number = await self._writer.do(work)
        self.catalogue.ring()
        return number

    async def pending(self, run: RunId, after: int) -> Sequence[tuple[int, Input]]:
        """Return the requests with a higher number that no commit has answered."""
        rows = self._read(
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
        found = self._read(
            f"{_ROWS} {clause} ORDER BY created_at DESC LIMIT 1",
            values,
        )
        if not found:
            raise NotFound(
                f'workflows.argoproj.io "{name}" not found in namespace {namespace or "any"} of '
                f"{self._home}; `tiphys list -A` lists what is there"
            )
        return _row(found[0])

    async def list(self, namespace: str | None) -> Sequence[RunRow]:
        """Return all runs, newest first."""
        clause = "" if namespace is None else "WHERE namespace = ?"
        rows = self._read(
            f"{_ROWS} {clause} ORDER BY created_at DESC",
            () if namespace is None else (namespace,),
        )
        return [_row(row) for row in rows]

    async def ended(self) -> Sequence[EndedRow]:
        """Return all runs that have ended."""
        rows = self._read(
            "SELECT uid, namespace, name, created_at, summary FROM runs WHERE done = 1"
        )
        return [EndedRow(RunId(uid), *rest) for uid, *rest in rows]

    async def last_success(self, namespace: str, label: str, value: str) -> RunRow | None:
        """Return the newest run with that label that succeeded, None if there is none."""
        rows = self._read(
            f"{_ROWS} WHERE namespace = ? AND done = 1"
            " AND json_extract(CAST(document AS TEXT), ?) = ?"
            " AND json_extract(CAST(summary AS TEXT), '$.status.phase') = 'Succeeded'"
            " ORDER BY created_at DESC LIMIT 1",
            (namespace, f'$.metadata.labels."{label}"', value),
        )
        return _row(rows[0]) if rows else None

    async def nodes(self, run: RunId) -> Sequence[bytes]:
        """Return the node rows of a run, each the JSON of one NodeStatus."""
        rows = self._read("SELECT data FROM nodes WHERE run = ?", (run,))
        return [data for (data,) in rows]

    async def version(self, run: RunId) -> int:
        """Return a number that grows with every commit of the run. Raises NotFound."""
        found = self._read("SELECT seq FROM runs WHERE uid = ?", (run,))
        if not found:
            raise NotFound(f"there is no run {run}")
        return int(found[0][0])

    async def delete(self, run: RunId) -> None:
        """Forget a run and all its rows."""

        def work(db: sqlite3.Connection) -> None:
            self._recorder.removed(db, run)
            for table in ("events", "snapshots", "nodes", "requests", "run_texts"):
                db.execute(f"DELETE FROM {table} WHERE run = ?", (run,))  # noqa: S608
            db.execute("DELETE FROM runs WHERE uid = ?", (run,))

        await self._writer.do(work)
        self.catalogue.ring()

    def _read(self, query: str, values: Sequence[object] = ()) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a query. Raises Permanent and Corrupt."""
        try:
            return self._reader.execute(query, values).fetchall()
        except sqlite3.OperationalError as exc:
            raise Permanent(f"the database {self._path} cannot be read: {exc}") from exc
        except sqlite3.Error as exc:
            raise _unusable(self._path, exc) from exc


def _unusable(path: Path, cause: sqlite3.Error) -> Corrupt:
    return Corrupt(
        f"the database {path} cannot be read: {cause}; move it away to begin anew, or choose "
        "another home with --home"
    )


def _row(found: tuple[Any, ...]) -> RunRow:
    uid, namespace, name, created_at, done, owner, epoch, runtime, *texts = found
    return RunRow(
        RunId(uid), namespace, name, created_at, bool(done), owner, epoch, runtime, *texts
    )


def _connect(path: Path, cache_kib: int = 0) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    if cache_kib:
        db.execute(f"PRAGMA cache_size = -{cache_kib}")
    return db


def _prepare(path: Path) -> sqlite3.Connection:
    """Open the database and bring its tables up to date, once for all processes."""
    db = _connect(path)
    if db.execute("PRAGMA user_version").fetchone()[0] == VERSION:
        return db
    db.execute("BEGIN IMMEDIATE")
    found = db.execute("PRAGMA user_version").fetchone()[0]
    if found > VERSION:
        db.execute("ROLLBACK")
        raise Permanent(
            f"the database {path} was written by a newer version of tiphys (schema {found}, this "
            f"one knows {VERSION}); update tiphys or choose another home with --home"
        )
    if found < VERSION:
        bring_up_to_date(db, found)
    db.execute("COMMIT")
    path.chmod(0o600)
    return db


def _decoded(run: RunId, rows: Sequence[tuple[Any, ...]]) -> list[Event]:
    """Return the events of commits. Raises Corrupt."""
    try:
        return [event for (data,) in rows for event in _EVENTS.decode(data)]
    except msgspec.MsgspecError as exc:
        raise Corrupt(f"the journal of run {run} cannot be read: {exc}") from exc
