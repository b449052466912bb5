"""Numbered steps from each older schema to the next one.

A step is written once and never changed: databases of that age exist. A step's tables are spelled
out where a later step changes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tiphys.ports_database import Transaction
from tiphys.store.schema import (
    CATALOGUE,
    CRON_RUNTIMES,
    DELETIONS,
    DUE_TIMES,
    ENTER_RUNS,
    OBJECTS,
    RETIRED,
    ROWS,
    STATEMENTS,
    VERSION,
)

_APART: Final = (
    "ALTER TABLE nodes RENAME TO old_nodes",
    *ROWS,
    "INSERT INTO run_texts SELECT uid, document, extras FROM runs",
    "INSERT INTO nodes SELECT run, node, data FROM old_nodes",
    "DROP TABLE old_nodes",
    "ALTER TABLE runs DROP COLUMN document",
    "ALTER TABLE runs DROP COLUMN extras",
)
STEPS: Final[Mapping[int, Sequence[str]]] = {
    2: OBJECTS,
    3: DUE_TIMES,
    4: DELETIONS,
    5: (*CATALOGUE, *ENTER_RUNS),
    6: _APART,
    7: RETIRED,
    8: CRON_RUNTIMES,
}
"""The statements that lead to a version from the one before it."""


def bring_up_to_date(db: Transaction, found: int) -> None:
    """Make all tables in an empty database (version 0), or take the steps that an older one lacks.

    Called inside a transaction, in which the caller keeps `VERSION` as well.
    """
    steps = [STATEMENTS] if found == 0 else [STEPS[n] for n in range(found + 1, VERSION + 1)]
    for statement in (statement for step in steps for statement in step):
        db.execute(statement)
