"""The tables of a book in a database.

`sync_limit`, `sync_state`, `sync_controller` and `sync_lock` have Argo's names and columns
(reference/engine.md 8.2.8), so that what reads or sets limits there does it here as well; further
columns and tables are ours. Each index is named after the question it answers.
"""

from __future__ import annotations

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE IF NOT EXISTS sync_limit (
        name TEXT PRIMARY KEY,
        sizelimit INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS sync_known_limit (
        name TEXT PRIMARY KEY,
        sizelimit INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS sync_controller (
        controller TEXT PRIMARY KEY,
        time REAL NOT NULL
    ) WITHOUT ROWID
    """,
    # Argo's controllers take a row here while they change the queues of a lock. A transaction that
    # writes is alone in this database, so nobody needs to.
    """
    CREATE TABLE IF NOT EXISTS sync_lock (
        name TEXT PRIMARY KEY,
        controller TEXT NOT NULL,
        time REAL NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS sync_question (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run TEXT NOT NULL,
        question TEXT NOT NULL,
        controller TEXT NOT NULL,
        held INTEGER NOT NULL,
        told INTEGER NOT NULL,
        is_block INTEGER NOT NULL,
        alike TEXT NOT NULL,
        data BLOB NOT NULL,
        UNIQUE (run, question)
    )
    """,
    "CREATE INDEX IF NOT EXISTS which_grants_are_untold ON sync_question (controller)"
    " WHERE held = 1 AND told = 0",
    "CREATE INDEX IF NOT EXISTS what_does_this_run_wait_for ON sync_question (run, alike, id)"
    " WHERE held = 0",
    "CREATE INDEX IF NOT EXISTS who_waits_for_several ON sync_question (id)"
    " WHERE held = 0 AND is_block = 1",
    """
    CREATE TABLE IF NOT EXISTS sync_state (
        name TEXT NOT NULL,
        workflowkey TEXT NOT NULL,
        controller TEXT NOT NULL,
        held INTEGER NOT NULL,
        priority INTEGER NOT NULL,
        time REAL NOT NULL,
        is_semaphore INTEGER NOT NULL,
        workflow TEXT NOT NULL,
        peer TEXT NOT NULL,
        alike TEXT NOT NULL,
        question INTEGER NOT NULL,
        PRIMARY KEY (name, workflowkey, controller, question)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX IF NOT EXISTS which_locks_has_this_question ON sync_state (question)",
    "CREATE INDEX IF NOT EXISTS who_holds_this_lock ON sync_state (name, workflowkey)"
    " WHERE held = 1",
    "CREATE INDEX IF NOT EXISTS who_heads_this_queue"
    " ON sync_state (name, priority DESC, time, workflow, question) WHERE held = 0",
    "CREATE INDEX IF NOT EXISTS which_semaphores_are_contested ON sync_state (name)"
    " WHERE held = 0 AND is_semaphore = 1",
    "CREATE INDEX IF NOT EXISTS which_peers_wait ON sync_state (name, peer, alike, question)"
    " WHERE held = 0",
)
