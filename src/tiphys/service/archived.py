"""Archived workflows, once more: retried or resubmitted, although they may be gone.

A workflow that Tiphys archived and deleted is retired: its journal is kept, and a retry goes on
from there. Of one that Argo archived there is only Argo's document, from which it can be run anew.

Source: reference/rest-api.md 9; reference/engine-operations.md 12.8.
"""

from __future__ import annotations

from dataclasses import dataclass

from tiphys.errors import Conflict, Finding, NotFound, Unsupported
from tiphys.model.base import JsonObject
from tiphys.ports import Queries, RunRow
from tiphys.ports_server import Listed
from tiphys.service.again import Repeater, ResubmitOptions, RetryOptions, resubmitted
from tiphys.service.archive import Archive
from tiphys.service.create import Creation, Creator


@dataclass(frozen=True, slots=True)
class Archived:
    """Has archived workflows done once more."""

    archive: Archive
    repeater: Repeater
    creator: Creator
    queries: Queries

    async def retry(self, item: Listed, options: RetryOptions) -> RunRow:
        """Let a workflow that is gone come back and go on from what failed; return its row.

        Raises Conflict if its name lives, Unsupported if only Argo's copy of it is there, and what
        `Repeater.retry` raises.
        Differs: it comes back under its old uid; in Argo it gets a new one.
        """
        if await self._lives(item.row):
            raise Conflict(
                f"Workflow already exists on cluster, use argo retry {item.row.name} instead"
            )
        row = await self._kept(item)
        if row is None:
            raise Unsupported([_gone("retried")])
        await self.repeater.retry(row, options)
        return await self.queries.find(row.namespace, row.name)

    async def resubmit(
        self, item: Listed, options: ResubmitOptions, how: Creation
    ) -> RunRow | JsonObject:
        """Run a workflow anew under another name, and return the new one's row.

        `how` counts where only Argo's copy is there: then nothing is known of where it ran. Raises
        Unsupported if such a one is to be memoized, and what `Repeater.resubmit` raises.
        """
        row = await self._kept(item)
        if row is not None:
            return await self.repeater.resubmit(row, options)
        if options.memoized:
            raise Unsupported([_gone("resubmitted in memoized mode")])
        document = await self.archive.document(item)
        return await self.creator.create(resubmitted(document, options), how)

    async def _kept(self, item: Listed) -> RunRow | None:
        """Return the row whose journal is kept, None if none is."""
        if item.live:
            return item.row
        try:
            return await self.queries.retired(item.row.run)
        except NotFound:
            return None

    async def _lives(self, row: RunRow) -> bool:
        try:
            await self.queries.find(row.namespace, row.name)
        except NotFound:
            return False
        return True


def _gone(what: str) -> Finding:
    return Finding(
        f"this archived workflow cannot be {what}: only its document is in the archive, without "
        "the journal to go on from, because Argo or an earlier version archived it",
        hint="resubmit it without memoization",
    )
