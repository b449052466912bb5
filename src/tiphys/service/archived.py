"""Archived workflows, once more: retried or resubmitted, although they may be gone.

A workflow that Tiphys archived and deleted is retired: its journal is kept, and a retry goes on
from there. Of one that Argo archived there is only Argo's document: a journal is made of it first.

Source: reference/rest-api.md 9; reference/engine-operations.md 12.8.
"""

from __future__ import annotations

from dataclasses import dataclass

from tiphys.errors import Conflict, Finding, NotFound, Unsupported, UserError
from tiphys.model.base import JsonObject
from tiphys.ports import Queries, RunRow
from tiphys.ports_server import Listed
from tiphys.service.adopting import Adopter
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
    adopter: Adopter

    async def retry(self, item: Listed, options: RetryOptions) -> RunRow:
        """Let a workflow that is gone come back and go on from what failed; return its row.

        Raises Conflict if its name lives, Unsupported if only Argo's copy of it is there and does
        not tell enough, and what `Repeater.retry` raises.
        Differs: it comes back under its old uid; in Argo it gets a new one.
        """
        if await self._lives(item.row):
            raise Conflict(
                f"Workflow already exists on cluster, use argo retry {item.row.name} instead"
            )
        row = await self._kept(item) or await self._adopted(item, "retried")
        await self.repeater.retry(row, options)
        return await self.queries.find(row.namespace, row.name)

    async def resubmit(
        self, item: Listed, options: ResubmitOptions, how: Creation
    ) -> RunRow | JsonObject:
        """Run a workflow anew under another name, and return the new one's row.

        `how` counts where only Argo's copy is there: then nothing is known of where it ran. Raises
        Unsupported if such a one is to be memoized and its document does not tell enough, and what
        `Repeater.resubmit` raises.
        """
        row = await self._kept(item)
        if row is None and options.memoized:
            row = await self._adopted(item, "resubmitted in memoized mode")
        if row is not None:
            return await self.repeater.resubmit(row, options)
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

    async def _adopted(self, item: Listed, what: str) -> RunRow:
        """Make a journal of Argo's copy, and return the row that it is kept under."""
        document = await self.archive.document(item)
        try:
            await self.adopter.adopt(document, item.row.run)
        except UserError as exc:
            raise Unsupported([_gone(what, str(exc))]) from exc
        return await self.queries.retired(item.row.run)

    async def _lives(self, row: RunRow) -> bool:
        try:
            await self.queries.find(row.namespace, row.name)
        except NotFound:
            return False
        return True


def _gone(what: str, why: str) -> Finding:
    return Finding(
        f"this archived workflow cannot be {what}: only its document is in the archive, since Argo "
        f"or an earlier version archived it, and it does not tell enough: {why}",
        hint="resubmit it without memoization",
    )
