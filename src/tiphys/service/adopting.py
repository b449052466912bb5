"""Workflows that only the archive knows, since Argo ran them: a journal made of their documents.

It is kept as that of a workflow that ran here, was archived and deleted; a retry, or a resubmit
that repeats nothing, then goes its usual way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from tiphys.compile.admit import recompile
from tiphys.compile.restoring import restored, templates_then
from tiphys.engine.importing import ended
from tiphys.engine.run import Run
from tiphys.engine.status import extras, node_status, summary
from tiphys.messages import Event
from tiphys.model.base import JsonObject
from tiphys.model.ids import NodeId, RunId
from tiphys.model.times import time_seconds
from tiphys.ports import Journal, Objects, RunRow
from tiphys.service.stored import stored_documents
from tiphys.service.submit import Overrides, Submitter


@dataclass(frozen=True, slots=True)
class _Adopted:
    """What is kept of a run: its row, its journal, the rows of its nodes."""

    row: RunRow
    events: Sequence[Event]
    nodes: Sequence[tuple[NodeId, bytes]]


@dataclass(frozen=True, slots=True)
class Adopter:
    """Makes journals. `runtime` is where such workflows go on."""

    submitter: Submitter
    journal: Journal
    objects: Objects
    runtime: str

    async def adopt(self, document: JsonObject, run: RunId) -> None:
        """Keep a journal of an archived document under the run's uid, if none is kept.

        Raises UserError, with the reason, if the document does not tell enough; InvalidDocument
        and Unsupported if the workflow could not run here.
        """
        metadata = document.get("metadata")
        namespace = str(metadata.get("namespace") or "") if isinstance(metadata, dict) else ""
        kept = await stored_documents(self.objects, namespace)
        made = await asyncio.to_thread(self._made, document, run, kept)
        await self.journal.adopt(made.row, made.events, made.nodes)

    def _made(self, document: JsonObject, run: RunId, kept: Sequence[object]) -> _Adopted:
        workflow, status = restored(document)
        options = Overrides(
            namespace=workflow.metadata.namespace,
            runtime=self.runtime,
            uid=run,
            created_at=_created_at(document),
        )
        documents = templates_then(workflow, status, kept)
        prepared = self.submitter.prepare(workflow, documents, options)
        first = prepared.first
        program = recompile(first)
        after = ended(program, first, status)
        ran = Run(program, first)
        ran.fold([first, *after])
        row = replace(
            prepared.row,
            done=True,
            summary=msgspec.json.encode(summary(ran)),
            extras=msgspec.json.encode(extras(ran)),
        )
        nodes = [
            (key, msgspec.json.encode(node_status(ran, node)))
            for key, node in ran.state.nodes.items()
        ]
        return _Adopted(row, [first, *after], nodes)


def _created_at(document: JsonObject) -> float:
    metadata = document.get("metadata")
    found = metadata.get("creationTimestamp") if isinstance(metadata, dict) else None
    try:
        return float(time_seconds(str(found)))
    except ValueError:
        return 0.0
