"""The artifacts of runs that have ended or are deleted: noted in the ledger, then deleted.

What is to be deleted follows from the journal, so it can be noted again after a crash; the ledger
knows what was done.
Source: reference/executor.md 11, reference/engine-operations.md 11.7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from tiphys.controller import bundle
from tiphys.controller.artifact_gc import ArtifactGC
from tiphys.engine.collecting import artifacts_to_delete
from tiphys.errors import Conflict
from tiphys.ports import Deletions, Journal, RunRow

_PLAYED: Final = "simulated"
"""The runtime whose jobs store nothing."""


class _Summary(msgspec.Struct, frozen=True):
    """What of a summary counts here; summaries from before say nothing."""

    collects: bool = False


@dataclass(frozen=True, slots=True)
class Collector:
    """Sees to the artifacts of the runs of one store."""

    journal: Journal
    ledger: Deletions
    gc: ArtifactGC

    async def note(self, row: RunRow, deleted: bool = False) -> bool:
        """Note what is to be deleted of a run; `deleted`: the run itself is.

        Returns whether the run may go even if that fails (forceFinalizerRemoval).
        """
        if row.runtime == _PLAYED:
            return True
        snapshot, events, _ = await self.journal.load(row.run)
        run = bundle.revive(snapshot, events)
        await self.gc.want(row.run, row.namespace, artifacts_to_delete(run, deleted))
        rule = run.program.artifact_rules.whole
        return bool(rule is not None and rule.force_finalizer_removal)

    async def clear(self, row: RunRow, force: bool = False) -> None:
        """Delete the artifacts of a run that is deleted itself; with `force` try only once.

        Raises Conflict if some could not be deleted and neither `force` nor the workflow says
        that it may go all the same.
        """
        if not msgspec.json.decode(row.summary, type=_Summary).collects:
            return
        may_go = await self.note(row, deleted=True) or force
        await self.gc.again(row.run)
        if force:
            await self.gc.work()
        else:
            await self.gc.finish(row.run)
        if not may_go and not await self.gc.is_over(row.run):
            raise Conflict(
                f"workflow {row.name} stays, because {await self._why(row)}; "
                "`tiphys delete --force` deletes it without them"
            )
        await self.ledger.forget(row.run)

    async def _why(self, row: RunRow) -> str:
        """Return how many artifacts cannot be deleted, and of one why."""
        rows = await self.ledger.of(row.run)
        failed = [item for item in rows if item.state == "failed"]
        if not failed:
            return "its artifacts are being deleted by somebody else"
        place = "" if row.namespace == "default" else f" -n {row.namespace}"
        return (
            f"{len(failed)} of {len(rows)} artifacts cannot be deleted: "
            f"{failed[0].deletion.artifact.name}: {failed[0].error}; "
            f"`tiphys artifacts ls {row.name}{place} -o wide` shows each"
        )
