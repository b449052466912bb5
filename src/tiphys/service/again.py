"""Retry and resubmit: a workflow that has ended, once more.

Source: reference/engine-operations.md 12.2, 12.4; argo workflow/util/util.go.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from tiphys.compile.admit import documents_of, recompile
from tiphys.engine.clock import rfc3339
from tiphys.engine.copying import copied
from tiphys.engine.reviving import revive
from tiphys.errors import UserError
from tiphys.messages import RetryRequested, RunAdmitted
from tiphys.model.base import Json, JsonObject
from tiphys.model.codec import convert
from tiphys.model.ids import NodeId
from tiphys.model.meta import ObjectMeta
from tiphys.model.workflow import Workflow
from tiphys.ports import Clock, Deletions, Intake, Journal, Queries, RunRow
from tiphys.service.actors import Person, noted
from tiphys.service.operations import node_filter, own_labels
from tiphys.service.submit import Overrides, Submitter
from tiphys.service.view import Viewer

PREFIX = "workflows.argoproj.io/"
_LEFT_BEHIND = frozenset(
    f"{PREFIX}{name}"
    for name in (
        *("creator", "creator-email", "creator-preferred-username"),
        *("phase", "completed", "workflow-archiving-status"),
    )
)
_LETTERS = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class RetryOptions:
    """How a workflow is retried, and by whom.

    With `restart_successful` what `selector` matches runs again.
    """

    restart_successful: bool = False
    selector: str = ""
    parameters: Sequence[tuple[str, str]] = ()
    by: Person | None = None


@dataclass(frozen=True, slots=True)
class ResubmitOptions:
    """How a workflow is resubmitted. `memoized`: what succeeded is not done again.

    `creator` are the labels of the one who asks.
    """

    memoized: bool = False
    parameters: Sequence[tuple[str, str]] = ()
    creator: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Repeater:
    """Has workflows done once more."""

    journal: Journal
    intake: Intake
    queries: Queries
    submitter: Submitter
    clock: Clock
    deletions: Deletions | None = None

    async def retry(self, row: RunRow, options: RetryOptions) -> None:
        """Go on with a workflow from what failed.

        Raises UserError if it has not ended, or has nothing to go on from; Conflict if somebody
        else has just had it retried.
        """
        phase = phase_of(row)
        wanted = options.restart_successful and options.selector
        if phase == "Succeeded" and not wanted:
            raise UserError(
                "To retry a succeeded workflow, set the options restartSuccessful and "
                "nodeFieldSelector"
            )
        if not row.done or phase not in {"Failed", "Error", "Succeeded"}:
            raise UserError(f"Cannot retry a workflow in phase {phase}")
        nodes = await self._matching(row, options.selector) if wanted else ()
        item = RetryRequested(
            at=self.clock.now(),
            nodes=tuple(nodes),
            parameters=tuple(options.parameters),
            labels=noted(own_labels(row), options.by, "Retry"),
        )
        await self.intake.reopen(row.run, item, _opened(row, item))
        if self.deletions is not None:
            await self.deletions.forget(row.run)  # what runs again stores its artifacts again

    async def _matching(self, row: RunRow, selector: str) -> list[NodeId]:
        matches = node_filter(selector)
        nodes = [msgspec.json.decode(data) for data in await self.queries.nodes(row.run)]
        return [NodeId(str(node["id"])) for node in nodes if matches(node)]

    async def resubmit(self, row: RunRow, options: ResubmitOptions) -> RunRow:
        """Run a workflow anew under another name, and return the new run's row.

        Raises UserError if a memoized one has not failed, and what `Submitter.prepare` raises.
        """
        if options.memoized and phase_of(row) not in {"Failed", "Error"}:
            raise UserError("workflow must be Failed/Error to resubmit in memoized mode")
        snapshot, events, _ = await self.journal.load(row.run)
        first = events[0]
        documents = documents_of(first) if isinstance(first, RunAdmitted) else []
        workflow = resubmitted(Viewer(self.queries).bare(row), options)
        given = Overrides(
            namespace=row.namespace, parameters=options.parameters, runtime=row.runtime
        )
        prepared = self.submitter.prepare(workflow, documents, given)
        if not options.memoized:
            return await self.submitter.keep(prepared)
        old = revive(snapshot, events, recompile)
        now = self.clock.now()
        taken = copied(old, prepared.row.name, now, rebind=bool(options.parameters))
        await self.journal.create(prepared.row, prepared.first, taken)
        return prepared.row


def phase_of(row: RunRow) -> str:
    """Return a run's phase, "" before it has one."""
    status = msgspec.json.decode(row.summary).get("status") or {}
    return str(status.get("phase") or "")


def _opened(row: RunRow, item: RetryRequested) -> bytes:
    """Return the summary of a run that will be retried, until its engine writes it anew."""
    found = _object(msgspec.json.decode(row.summary))
    status = {
        name: value
        for name, value in _object(found.get("status")).items()
        if name not in {"message", "finishedAt", "resourcesDuration"}
    }
    changed: JsonObject = {
        "labels": {**_object(found.get("labels")), f"{PREFIX}completed": "false"},
        "shutdown": "",
        "parameters": {**_object(found.get("parameters")), **dict(item.parameters)},
        "status": {
            **status,
            "phase": "",
            "startedAt": rfc3339(item.at),
            "conditions": [{"type": "Completed", "status": "False"}],
        },
    }
    return msgspec.json.encode({**found, **changed})


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def resubmitted(document: JsonObject, options: ResubmitOptions) -> Workflow:
    """Return the workflow that runs what another one ran, which is given as clients read it."""
    replace = msgspec.structs.replace
    old = convert({key: document[key] for key in document if key != "status"}, Workflow)
    known = old.metadata
    prefix = known.generate_name or f"{known.name}-"
    labels = {name: text for name, text in known.labels.items() if name not in _LEFT_BEHIND}
    labels[f"{PREFIX}resubmitted-from-workflow"] = known.name
    suffix = "".join(secrets.choice(_LETTERS) for _ in range(5))
    metadata = ObjectMeta(
        name=f"{prefix}{suffix}" if options.memoized else "",
        generate_name=prefix,
        namespace=known.namespace,
        labels={**labels, **options.creator},
        annotations=known.annotations,
        owner_references=known.owner_references,
    )
    spec = replace(old.spec, shutdown="")
    if spec.active_deadline_seconds == 0:
        spec = replace(spec, active_deadline_seconds=None)
    return Workflow(metadata=metadata, spec=spec)
