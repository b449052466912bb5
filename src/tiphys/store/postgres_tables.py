"""The tables in Postgres: those of `schema.py`, translated; who is alive; Argo's archive.

Ours are in a schema `tiphys`. The archive is where Argo has it: tables that exist are used.
Source of the archive's columns: reference/kubernetes.md 16.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tiphys.errors import Permanent
from tiphys.store.migrations import STEPS
from tiphys.store.postgres_link import PostgresLink, PostgresTransaction
from tiphys.store.schema import ARCHIVE, STATEMENTS, VERSION

FIRST: Final = 6
"""The version with which Postgres began."""
SCHEMA: Final = "tiphys"
_ENGINES: Final = """
    CREATE TABLE engines (
        name TEXT PRIMARY KEY,
        place TEXT NOT NULL,
        until TIMESTAMPTZ NOT NULL
    )
"""
"""Processes that own runs: where they are, and until when they are taken to be alive."""
_TURNS: Final = """
    CREATE TABLE turns (
        name TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        holder TEXT NOT NULL
    )
"""
"""What one process at a time does: whose turn it is."""
_ARCHIVE: Final = (
    """
    CREATE TABLE IF NOT EXISTS argo_archived_workflows (
        clustername VARCHAR(64) NOT NULL,
        uid VARCHAR(128) NOT NULL,
        name VARCHAR(256) NOT NULL,
        phase VARCHAR(25) NOT NULL,
        namespace VARCHAR(256) NOT NULL,
        workflow JSONB NOT NULL,
        startedat TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
        finishedat TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
        creationtimestamp TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
        instanceid VARCHAR(64) NOT NULL,
        PRIMARY KEY (clustername, uid)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS argo_archived_workflows_labels (
        clustername VARCHAR(64) NOT NULL,
        uid VARCHAR(128) NOT NULL,
        name VARCHAR(317) NOT NULL,
        value VARCHAR(63) NOT NULL,
        PRIMARY KEY (clustername, uid, name),
        FOREIGN KEY (clustername, uid) REFERENCES argo_archived_workflows (clustername, uid)
            ON DELETE CASCADE
    )
    """,
)
TABLES: Final = (
    *(statement for statement in STATEMENTS if statement not in ARCHIVE),
    _ENGINES,
    _TURNS,
    *_ARCHIVE,
)
"""What a new database gets."""


def bring_up_to_date(link: PostgresLink, name: str) -> None:
    """Make all tables, or take the steps that an older database lacks, once for all processes.

    Raises Permanent if a newer version of Tiphys has been here.
    """
    if _found(link.db) == VERSION:
        return
    link.begin()
    try:
        found = _found(link.db)
        if found > VERSION:
            raise Permanent(
                f"the database {name} was written by a newer version of tiphys (schema {found}, "
                f"this one knows {VERSION}); update tiphys or choose another database"
            )
        if found < VERSION:
            _take_steps(link.db, found)
    except BaseException:
        if link.is_open():
            link.roll_back()
        raise
    link.commit()


def _found(db: PostgresTransaction) -> int:
    """Return the version of the tables, 0 if there are none."""
    if not db.has_table(f"{SCHEMA}.schema_version"):
        return 0
    return int(db.execute(f"SELECT version FROM {SCHEMA}.schema_version").fetchone()[0])  # noqa: S608


def _take_steps(db: PostgresTransaction, found: int) -> None:
    if not found:
        db.run(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        db.run(f"CREATE TABLE {SCHEMA}.schema_version (version BIGINT NOT NULL)")
        db.run(f"INSERT INTO {SCHEMA}.schema_version VALUES ({VERSION})")  # noqa: S608
    for statement in _statements(found, STEPS):
        db.execute(statement)
    db.execute("UPDATE schema_version SET version = ?", (VERSION,))


def _statements(found: int, steps: Mapping[int, Sequence[str]]) -> Sequence[str]:
    if not found:
        return TABLES
    return [one for number in range(found + 1, VERSION + 1) for one in steps[number]]
