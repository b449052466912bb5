"""Tables and indexes; each index is named after the question it answers.

This is what a new database gets. One that exists is brought here by the steps of `migrations.py`.
"""

from __future__ import annotations

VERSION = 8
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

CRON_RUNTIMES: tuple[str, ...] = (
    """
    CREATE TABLE cron_runtimes (
        cron TEXT PRIMARY KEY,
        runtime TEXT NOT NULL
    ) WITHOUT ROWID
    """,
)
"""Where the workflows of a CronWorkflow run, if somebody said so. It is no part of the object:
who may write objects may not leave a sandbox by that. Since version 8."""

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

ARCHIVE: tuple[str, ...] = (
    """
    CREATE TABLE argo_archived_workflows (
        clustername TEXT NOT NULL,
        uid TEXT NOT NULL,
        instanceid TEXT NOT NULL,
        name TEXT NOT NULL,
        namespace TEXT NOT NULL,
        phase TEXT NOT NULL,
        startedat TEXT,
        finishedat TEXT,
        workflow TEXT NOT NULL,
        creationtimestamp TEXT,
        PRIMARY KEY (clustername, uid)
    )
    """,
    """
    CREATE TABLE argo_archived_workflows_labels (
        clustername TEXT NOT NULL,
        uid TEXT NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (clustername, uid, name)
    ) WITHOUT ROWID
    """,
)
"""The archive, with Argo's names. Since version 5."""

CATALOGUE: tuple[str, ...] = (
    """
    CREATE TABLE run_index (
        born INTEGER PRIMARY KEY,
        run TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        created_at REAL NOT NULL,
        done INTEGER NOT NULL,
        started_at REAL NOT NULL,
        finished_at REAL NOT NULL,
        version INTEGER NOT NULL,
        live INTEGER NOT NULL,
        archived INTEGER NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX which_entry_has_this_run ON run_index (run)",
    "CREATE INDEX which_runs_has_this_namespace ON run_index (namespace, born)",
    "CREATE INDEX which_runs_changed_since ON run_index (version)",
    "CREATE INDEX which_runs_are_to_be_archived ON run_index (born)"
    " WHERE done = 1 AND archived = 0",
    """
    CREATE TABLE run_labels (
        born INTEGER NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (born, name)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX which_runs_has_this_label ON run_labels (name, value, born)",
    """
    CREATE TABLE gone_runs (
        run TEXT PRIMARY KEY,
        version INTEGER NOT NULL,
        born INTEGER NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        created_at REAL NOT NULL,
        document BLOB NOT NULL,
        summary BLOB NOT NULL
    ) WITHOUT ROWID
    """,
    "CREATE INDEX which_runs_went_since ON gone_runs (version)",
    "CREATE TABLE run_numbers (last INTEGER NOT NULL, horizon INTEGER NOT NULL)",
    "INSERT INTO run_numbers VALUES (0, 0)",
    *ARCHIVE,
    """
    CREATE TABLE tokens (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        digest BLOB NOT NULL,
        created_at REAL NOT NULL,
        expires_at REAL NOT NULL,
        grants BLOB NOT NULL
    ) WITHOUT ROWID
    """,
)
"""Lists of runs: `run_index` and `run_labels` follow the runs; `gone_runs` remembers for a while
what was removed. The archive. The tokens of the server, hashed. Since version 5."""

ENTER_RUNS: tuple[str, ...] = (
    """
    INSERT INTO run_index
    SELECT ROW_NUMBER() OVER (ORDER BY created_at), uid, namespace, name, created_at, done,
        COALESCE(CAST(strftime('%s', json_extract(CAST(summary AS TEXT), '$.status.startedAt'))
            AS REAL), 0),
        COALESCE(CAST(strftime('%s', json_extract(CAST(summary AS TEXT), '$.status.finishedAt'))
            AS REAL), 0),
        ROW_NUMBER() OVER (ORDER BY created_at), 1, 0
    FROM runs
    """,
    """
    INSERT INTO run_labels
    SELECT born, key, value FROM runs JOIN run_index ON run = uid,
        json_each(CAST(document AS TEXT), '$.metadata.labels')
    """,
    """
    INSERT OR REPLACE INTO run_labels
    SELECT born, key, value FROM runs JOIN run_index ON run = uid,
        json_each(CAST(summary AS TEXT), '$.labels')
    """,
    "UPDATE run_numbers SET last = (SELECT COUNT(*) FROM runs)",
)
"""Enters the runs of an older database into the index."""

ROWS: tuple[str, ...] = (
    """
    CREATE TABLE run_texts (
        run TEXT PRIMARY KEY,
        document BLOB NOT NULL,
        extras BLOB NOT NULL
    )
    """,
    """
    CREATE TABLE nodes (
        run TEXT NOT NULL,
        node TEXT NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (run, node)
    )
    """,
)
"""What is large. A commit rewrites whatever row it touches: the texts of a run that hardly change
are kept apart from what changes each time. The rows of nodes lie in the order in which they came,
since ids are hashes and neighbours in time would be strewn over all pages. Since version 6."""

RETIRED: tuple[str, ...] = (
    """
    CREATE TABLE retired_runs (
        uid TEXT PRIMARY KEY,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        created_at REAL NOT NULL,
        epoch INTEGER NOT NULL,
        runtime TEXT NOT NULL,
        seq INTEGER NOT NULL,
        taken INTEGER NOT NULL,
        summary BLOB NOT NULL
    ) WITHOUT ROWID
    """,
)
"""Runs that were deleted and are archived: their journal, nodes and texts stay where they are until
the archive forgets them, so that a retry can go on from there. Since version 7."""

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
        summary BLOB NOT NULL
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
    *CATALOGUE,
    *ROWS,
    *RETIRED,
    *CRON_RUNTIMES,
)
