"""Tables and indexes; each index is named after the question it answers."""

from __future__ import annotations

_RUNS: tuple[str, ...] = (
    """
    CREATE TABLE runs (
        uid TEXT PRIMARY KEY,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        created_at REAL NOT NULL,
        done INTEGER NOT NULL,
        owner TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        runtime TEXT NOT NULL,
        seq INTEGER NOT NULL,
        taken INTEGER NOT NULL,
        document BLOB NOT NULL,
        summary BLOB NOT NULL,
        extras BLOB NOT NULL
    ) WITHOUT ROWID
    """,
    "CREATE UNIQUE INDEX which_run_has_this_name ON runs (namespace, name)",
    "CREATE INDEX which_runs_are_unfinished ON runs (created_at) WHERE done = 0",
    "CREATE INDEX which_runs_are_newest ON runs (created_at)",
    """
    CREATE TABLE events (
        run TEXT NOT NULL,
        last INTEGER NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (run, last)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE snapshots (
        run TEXT PRIMARY KEY,
        at INTEGER NOT NULL,
        data BLOB NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE nodes (
        run TEXT NOT NULL,
        node TEXT NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (run, node)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE requests (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run TEXT NOT NULL,
        data BLOB NOT NULL
    )
    """,
    "CREATE INDEX which_requests_has_this_run ON requests (run, id)",
)
_LEDGER: tuple[str, ...] = (
    """
    CREATE TABLE due_times (
        cron TEXT NOT NULL,
        at INTEGER NOT NULL,
        owner TEXT NOT NULL,
        outcome BLOB NOT NULL,
        closed INTEGER NOT NULL,
        PRIMARY KEY (cron, at)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX which_due_times_are_open ON due_times (at) WHERE closed = 0",
)

STEPS: tuple[tuple[str, ...], ...] = (_RUNS, _LEDGER)
"""What each version of the schema adds to the one before it."""

VERSION = len(STEPS)
"""The schema's number, kept in the database as `user_version`."""
