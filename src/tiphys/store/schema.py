"""Tables and indexes; each index is named after the question it answers.

This is what a new database gets. One that exists is brought here by the steps of `migrations.py`.
"""

from __future__ import annotations

VERSION = 4
"""The schema's number, kept in the database as `user_version`."""

OBJECTS: tuple[str, ...] = (
    """
    CREATE TABLE objects (
        api_version TEXT NOT NULL,
        kind TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        created INTEGER NOT NULL,
        version INTEGER NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (api_version, kind, namespace, name)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX which_objects_changed_since ON objects (version)",
    """
    CREATE TABLE gone_objects (
        api_version TEXT NOT NULL,
        kind TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        PRIMARY KEY (api_version, kind, namespace, name)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX which_objects_went_since ON gone_objects (version)",
    """
    CREATE TABLE object_owners (
        owner TEXT NOT NULL,
        api_version TEXT NOT NULL,
        kind TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        PRIMARY KEY (owner, api_version, kind, namespace, name)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX which_owners_has_this_object ON object_owners"
    " (api_version, kind, namespace, name)",
    "CREATE TABLE object_numbers (last INTEGER NOT NULL, horizon INTEGER NOT NULL)",
    "INSERT INTO object_numbers VALUES (0, 0)",
)
"""Kubernetes-like objects; `gone_objects` remembers for a while what was removed, so that watchers
hear of it. Since version 2."""

DUE_TIMES: tuple[str, ...] = (
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
"""The ledger of due times of CronWorkflows. Since version 3."""

DELETIONS: tuple[str, ...] = (
    """
    CREATE TABLE artifact_deletions (
        run TEXT NOT NULL,
        node TEXT NOT NULL,
        name TEXT NOT NULL,
        namespace TEXT NOT NULL,
        deletion BLOB NOT NULL,
        state TEXT NOT NULL,
        tries INTEGER NOT NULL,
        due_at REAL NOT NULL,
        error TEXT NOT NULL,
        PRIMARY KEY (run, node, name)
    ) WITHOUT ROWID
    """,
    """
    CREATE INDEX which_artifact_deletions_are_due
    ON artifact_deletions (due_at) WHERE state = 'wanted'
    """,
)
"""The ledger of artifact deletions; its rows outlive their run. Since version 4."""

STATEMENTS: tuple[str, ...] = (
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
    *OBJECTS,
    *DUE_TIMES,
    *DELETIONS,
)
