"""Runs that were deleted and are archived: how they are laid aside, and how they come back.

Their events, snapshot, nodes and texts are not touched: only the row in `runs` goes, by which a run
is found. Called inside transactions of others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tiphys.errors import Conflict
from tiphys.model.ids import NodeId, RunId
from tiphys.ports import RunRow
from tiphys.ports_database import Transaction

PARTS: Final = ("events", "snapshots", "nodes", "run_texts")
"""The tables of what stays of a retired run, by its `run`."""
_COLUMNS: Final = "uid, namespace, name, created_at, epoch, runtime, seq, taken, summary"
FIND: Final = (
    "SELECT uid, namespace, name, created_at, epoch, runtime, document, summary, extras"
    " FROM retired_runs JOIN run_texts ON run = uid WHERE uid = ?"
)
"""The query of a retired run, for `row_of`."""


def row_of(found: tuple[Any, ...]) -> RunRow:
    """Return the row of a retired run: as it was when it had ended, with no owner."""
    uid, namespace, name, created_at, epoch, *rest = found
    return RunRow(RunId(uid), namespace, name, created_at, True, "", epoch, *rest)


def retire(db: Transaction, run: RunId) -> bool:
    """Lay a run aside if the archive has it; tell whether it has."""
    cursor = db.execute(
        f"INSERT INTO retired_runs ({_COLUMNS}) SELECT {_COLUMNS} FROM runs WHERE uid = ?"  # noqa: S608 - our own words
        " AND EXISTS (SELECT 1 FROM run_index WHERE run = ? AND archived = 1)"
        " AND EXISTS (SELECT 1 FROM argo_archived_workflows WHERE uid = ?)",
        (run, run, run),
    )
    return bool(cursor.rowcount == 1)


def bring_back(db: Transaction, run: RunId) -> bool:
    """Put a retired run among the others, ended and unowned; tell whether there was one.

    Raises Conflict if its name is taken.
    """
    place = db.execute("SELECT namespace, name FROM retired_runs WHERE uid = ?", (run,)).fetchone()
    if place is None:
        return False
    if db.execute("SELECT 1 FROM runs WHERE namespace = ? AND name = ?", place).fetchone():
        raise Conflict(f'workflows.argoproj.io "{place[1]}" already exists')
    db.execute(
        f"INSERT INTO runs ({_COLUMNS}, done, owner)"  # noqa: S608 - our own words
        f" SELECT {_COLUMNS}, 1, '' FROM retired_runs WHERE uid = ?",
        (run,),
    )
    db.execute("DELETE FROM retired_runs WHERE uid = ?", (run,))
    return True


def adopt(
    db: Transaction,
    row: RunRow,
    commits: Sequence[tuple[int, bytes]],
    nodes: Sequence[tuple[NodeId, bytes]],
) -> None:
    """Enter a run that only the archive knows; no effect if it lives or is retired already.

    `commits` are events with the number of the last one of each.
    """
    for table in ("runs", "retired_runs"):
        if db.execute(f"SELECT 1 FROM {table} WHERE uid = ?", (row.run,)).fetchone():  # noqa: S608
            return
    for table in PARTS:
        db.execute(f"DELETE FROM {table} WHERE run = ?", (row.run,))  # noqa: S608
    place = (row.run, row.namespace, row.name, row.created_at)
    db.execute(
        f"INSERT INTO retired_runs ({_COLUMNS}) VALUES (?, ?, ?, ?, 0, ?, ?, 0, ?)",  # noqa: S608
        (*place, row.runtime, commits[-1][0], row.summary),
    )
    texts = (row.run, row.document, row.extras)
    db.execute("INSERT INTO run_texts VALUES (?, ?, ?)", texts)
    events = [(row.run, last, data) for last, data in commits]
    db.executemany("INSERT INTO events VALUES (?, ?, ?)", events)
    rows = [(row.run, key, data) for key, data in nodes]
    db.executemany("INSERT INTO nodes (run, node, data) VALUES (?, ?, ?)", rows)


def forget(db: Transaction, run: RunId) -> None:
    """Remove all that is left of a retired run; no effect on others."""
    if db.execute("DELETE FROM retired_runs WHERE uid = ?", (run,)).rowcount == 1:
        for table in PARTS:
            db.execute(f"DELETE FROM {table} WHERE run = ?", (run,))  # noqa: S608 - our own words
