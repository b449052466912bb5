"""What clients read: a workflow with its nodes, and lists of workflows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from tiphys.engine.status import document_of
from tiphys.engine.totals import add_totals
from tiphys.model.base import JsonObject
from tiphys.model.secret import Masker
from tiphys.ports import Deletions, Queries, RunRow
from tiphys.service.deleted import show_deletions
from tiphys.service.hiding import Hider


@dataclass(frozen=True, slots=True)
class Viewer:
    """Reads workflows from a store; `deletions` knows what became of their artifacts.

    With a `hider` they are read to be shown: values of Secrets do not stand in them.
    """

    queries: Queries
    deletions: Deletions | None = None
    hider: Hider | None = None

    async def get(self, namespace: str | None, name: str) -> JsonObject:
        """Return a workflow with its nodes. Raises NotFound."""
        return await self.whole(await self.queries.find(namespace, name))

    async def whole(self, row: RunRow) -> JsonObject:
        """Return a row's workflow with its nodes."""
        workflow = self.bare(row)
        nodes: dict[str, JsonObject] = {}
        for data in await self.queries.nodes(row.run):
            node = msgspec.json.decode(data)
            nodes[node["id"]] = node
        add_totals(nodes)
        if self.deletions is not None:
            show_deletions(workflow, nodes, await self.deletions.of(row.run))
        status = workflow.get("status")
        if nodes and isinstance(status, dict):
            status["nodes"] = {**nodes}
        return await self.shown(workflow)

    async def masker(self, row: RunRow) -> Masker | None:
        """Return what hides the Secrets of a row's workflow, None if there is nothing to hide."""
        return None if self.hider is None else await self.hider.masker(self.bare(row))

    async def part(self, row: RunRow) -> JsonObject:
        """Return a row's workflow without its nodes, to be shown."""
        return await self.shown(self.bare(row))

    async def shown(self, workflow: JsonObject) -> JsonObject:
        """Return a workflow that was read elsewhere as it may be shown."""
        return workflow if self.hider is None else await self.hider.shown(workflow)

    def bare(self, row: RunRow) -> JsonObject:
        """Return a row's workflow without its nodes."""
        return bare(row)

    async def list(self, namespace: str | None) -> Sequence[JsonObject]:
        """Return all workflows without their nodes, newest first."""
        return [self.bare(row) for row in await self.queries.list(namespace)]


def bare(row: RunRow) -> JsonObject:
    """Return a row's workflow without its nodes."""
    decode = msgspec.json.decode
    return document_of(decode(row.document), decode(row.summary), decode(row.extras))
