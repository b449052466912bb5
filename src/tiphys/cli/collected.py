"""What is said of artifacts that could not be deleted: a rule must not fail in silence."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.ports import RunRow


async def say_what_stays(home: Local, row: RunRow) -> None:
    """Say on standard error how many artifacts of a run could not be deleted, and why the first."""
    from tiphys.cli.render.table import one_line

    rows = await home.store.deletions.of(row.run)
    failed = [item for item in rows if item.state == "failed"]
    if not failed:
        return
    place = "" if row.namespace == "default" else f" -n {row.namespace}"
    first = failed[0]
    sys.stderr.write(
        f"{row.name}: artifactGC could not delete {len(failed)} of {len(rows)} artifacts: "
        f"{first.deletion.artifact.name}: {one_line(first.error)}; "
        f"`tiphys artifacts ls {row.name}{place} -o wide` shows each\n"
    )
