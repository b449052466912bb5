"""Enters what an Argo controller has archived into our lists.

Argo's rows stay as they are; they are found by `run_index` and `run_labels`, as our own are.
"""

from __future__ import annotations

from typing import Final

from tiphys.ports_database import Transaction

_SECONDS: Final = "CAST(EXTRACT(EPOCH FROM GREATEST({time}, TIMESTAMP '1970-01-01')) AS FLOAT8)"
_ENTER: Final = f"""
    INSERT INTO run_index (born, run, namespace, name, created_at, done, started_at, finished_at,
        version, live, archived)
    SELECT n.last + ROW_NUMBER() OVER w, a.uid, a.namespace, a.name,
        {_SECONDS.format(time="COALESCE(a.creationtimestamp, a.startedat)")}, 1,
        {_SECONDS.format(time="a.startedat")}, {_SECONDS.format(time="a.finishedat")},
        n.last + ROW_NUMBER() OVER w, 0, 1
    FROM argo_archived_workflows a, run_numbers n
    WHERE a.clustername = ? AND NOT EXISTS
        (SELECT 1 FROM run_index i WHERE i.run = a.uid COLLATE "C")
    WINDOW w AS (ORDER BY COALESCE(a.creationtimestamp, a.startedat), a.uid)
    RETURNING born
"""  # noqa: S608 - our own words
_LABELS: Final = """
    INSERT INTO run_labels (born, name, value)
    SELECT i.born, l.name, l.value FROM argo_archived_workflows_labels l
    JOIN run_index i ON i.run = l.uid COLLATE "C"
    WHERE l.clustername = ? AND i.born > ?
"""


def enter_archive(db: Transaction, cluster: str = "default") -> int:
    """Enter archived workflows that the lists lack, and return how many that were."""
    last = int(db.execute("SELECT last FROM run_numbers").fetchone()[0])
    found = db.execute(_ENTER, (cluster,)).fetchall()
    if found:
        db.execute(_LABELS, (cluster, last))
        db.execute("UPDATE run_numbers SET last = ?", (max(born for (born,) in found),))
    return len(found)
