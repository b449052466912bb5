"""Logs of pods of which nothing else is left: what `archiveLogs` has put into the repository.

A `podGC` strategy deletes the directory of a job, and its logs with that.
Differs: Argo's command line shows no logs of such a pod; only its web page looks them up.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

from tiphys.errors import NotFound
from tiphys.executor.transfers import DriverOf
from tiphys.model.artifacts import Artifact
from tiphys.model.ids import NodeId, RunId
from tiphys.ports import RunRow
from tiphys.service.outputs import Kept, Wanted, outputs_of


class ArchivedLogs:
    """Finds and reads them; of the last run that was asked for it remembers where they are."""

    def __init__(self, kept: Kept) -> None:
        """Look for artifacts among those of runs that are kept."""
        self._kept = kept
        self._run: RunId | None = None
        self._places: dict[tuple[str, str], Artifact] = {}

    async def pieces(
        self, row: RunRow, node: NodeId, container: str, drivers: DriverOf
    ) -> AsyncIterator[bytes]:
        """Yield what a container wrote, nothing if that was not archived or was deleted."""
        key = (str(node), f"{container}-logs")
        if self._run != row.run or key not in self._places:
            found = await outputs_of(self._kept, row, Wanted())
            known = {(it.node.id, it.artifact.name): it.artifact for it in found if not it.is_gone}
            self._run, self._places = row.run, known
        where = self._places.get(key)
        if where is not None:
            with suppress(NotFound):
                async for piece in drivers(where).open(where):
                    yield piece
