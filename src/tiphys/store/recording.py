"""Keeps the index of lists in step with the runs, inside the transactions that change them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tiphys.model.ids import RunId
from tiphys.ports import Changes, RunRow
from tiphys.ports_database import Transaction
from tiphys.store.faces import face_of, labels_of

_KEPT: Final = 10_000
_SWEEP_EVERY: Final = 1_000


@dataclass(slots=True)
class _Known:
    """What was last written of a run, under which epoch."""

    epoch: int
    born: int
    own: dict[str, str]
    labels: dict[str, str]


@dataclass(slots=True)
class Recorder:
    """Used by the writing thread only."""

    known: dict[RunId, _Known] = field(default_factory=dict)

    def created(self, db: Transaction, row: RunRow) -> None:
        """Enter a new run."""
        number = next_number(db)
        face = face_of(labels_of(row.document), row.summary)
        db.execute(
            "INSERT INTO run_index VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, 1, 0)",
            (
                *(number, row.run, row.namespace, row.name, row.created_at),
                *(face.started_at, face.finished_at, number),
            ),
        )
        _write_labels(db, number, face.labels)

    def committed(self, db: Transaction, run: RunId, epoch: int, changes: Changes) -> None:
        """Take down what a commit changes."""
        known = self.known.get(run)
        if known is None or known.epoch != epoch:
            known = _read(db, run, epoch)
            self.known[run] = known
        _update(db, known, changes.summary, changes.done)
        if changes.done:
            del self.known[run]

    def reopened(self, db: Transaction, run: RunId, summary: bytes) -> None:
        """Take down that a run goes on after its end."""
        self.known.pop(run, None)
        _update(db, _read(db, run, 0), summary, done=False)

    def returned(self, db: Transaction, run: RunId) -> None:
        """Enter a run that was gone among the live ones, as the newest of them."""
        number = next_number(db)
        born = "(SELECT born FROM run_index WHERE run = ?)"
        db.execute(f"UPDATE run_labels SET born = ? WHERE born = {born}", (number, run))  # noqa: S608
        db.execute("UPDATE run_index SET born = ?, live = 1 WHERE run = ?", (number, run))
        db.execute("DELETE FROM gone_runs WHERE run = ?", (run,))

    def removed(self, db: Transaction, run: RunId) -> None:
        """Enter a run among those that are gone; what the archive has of it stays in lists."""
        self.known.pop(run, None)
        number = next_number(db)
        db.execute(
            "INSERT INTO gone_runs SELECT uid, CAST(? AS BIGINT), born, runs.namespace, runs.name,"
            " runs.created_at, document, summary FROM runs JOIN run_index ON run_index.run = uid"
            " JOIN run_texts ON run_texts.run = uid"
            " WHERE uid = ? ON CONFLICT (run) DO UPDATE SET version = excluded.version",
            (number, run),
        )
        db.execute(
            "DELETE FROM run_labels WHERE born ="
            " (SELECT born FROM run_index WHERE run = ? AND archived = 0)",
            (run,),
        )
        db.execute("DELETE FROM run_index WHERE run = ? AND archived = 0", (run,))
        db.execute("UPDATE run_index SET live = 0 WHERE run = ?", (run,))


def _update(db: Transaction, known: _Known, summary: bytes, done: bool) -> None:
    face = face_of(known.own, summary)
    # A run that goes on after its end is not what the archive has of it.
    db.execute(
        "UPDATE run_index SET done = ?, started_at = ?, finished_at = ?, version = ?,"
        " archived = archived * ? WHERE born = ?",
        (done, face.started_at, face.finished_at, next_number(db), done, known.born),
    )
    if face.labels != known.labels:
        _write_labels(db, known.born, face.labels)
        known.labels = face.labels


def next_number(db: Transaction) -> int:
    """Count a change; now and then forget what went long ago."""
    row = db.execute("UPDATE run_numbers SET last = last + 1 RETURNING last")
    number = int(row.fetchone()[0])
    if number % _SWEEP_EVERY == 0 and number > _KEPT:
        horizon = number - _KEPT
        cursor = db.execute("DELETE FROM gone_runs WHERE version <= ?", (horizon,))
        if cursor.rowcount:
            db.execute("UPDATE run_numbers SET horizon = ?", (horizon,))
    return number


def _read(db: Transaction, run: RunId, epoch: int) -> _Known:
    born, document = db.execute(
        "SELECT born, document FROM run_index JOIN run_texts USING (run) WHERE run = ?", (run,)
    ).fetchone()
    rows = db.execute("SELECT name, value FROM run_labels WHERE born = ?", (born,))
    return _Known(epoch, born, labels_of(document), dict(rows.fetchall()))


def _write_labels(db: Transaction, born: int, labels: dict[str, str]) -> None:
    db.execute("DELETE FROM run_labels WHERE born = ?", (born,))
    db.executemany(
        "INSERT INTO run_labels VALUES (?, ?, ?)",
        [(born, name, value) for name, value in labels.items()],
    )
