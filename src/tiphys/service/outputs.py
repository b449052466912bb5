"""The artifacts of a workflow, each with all that it takes to reach it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from msgspec.json import encode as encode_json
from msgspec.structs import replace as struct_replace

from tiphys.compile.admit import recompile
from tiphys.engine.collecting import reachable
from tiphys.engine.reviving import revive
from tiphys.engine.status import node_status
from tiphys.errors import NotFound, UserError
from tiphys.model.artifacts import Artifact, location_type
from tiphys.model.base import JsonObject
from tiphys.model.codec import convert
from tiphys.model.locations import key_of
from tiphys.model.status import NodeStatus
from tiphys.ports import DeletionRow, Deletions, Journal, RunRow
from tiphys.service.downloads import Side

PATH = "{namespace}/{workflowName}/{nodeId}/outputs/{artifactName}"
"""Where the download of an artifact lies, unless told otherwise."""
DELETED: Final = "deleted"


@dataclass(frozen=True, slots=True)
class Kept:
    """Where runs are kept: their journal, and the ledger of what was deleted."""

    journal: Journal
    deletions: Deletions


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which outputs are meant; what is empty is not looked at."""

    node_id: str = ""
    template: str = ""
    artifact: str = ""

    def fits(self, output: Output) -> bool:
        """Tell whether an output is meant."""
        pairs = (
            (self.node_id, output.node.id),
            (self.template, template_of(output.node)),
            (self.artifact, output.artifact.name),
        )
        return all(not wanted or wanted == given for wanted, given in pairs)


@dataclass(frozen=True, slots=True)
class Output:
    """An artifact of a node."""

    node: NodeStatus
    artifact: Artifact
    deletion: DeletionRow | None = None
    """What the ledger of deletions says of it, where there is one."""

    @property
    def is_gone(self) -> bool:
        """Whether a rule for deletion has removed it."""
        return self.deletion_state == DELETED

    @property
    def deletion_state(self) -> str:
        """What has become of its deletion: wanted, deleted or failed; "" if none is asked for."""
        if self.artifact.deleted:
            return DELETED
        return "" if self.deletion is None else self.deletion.state

    def check_is_there(self) -> None:
        """Raise NotFound if a rule for deletion has removed it."""
        if self.is_gone:
            rule = f" ({self.deletion.deletion.strategy})" if self.deletion is not None else ""
            raise NotFound(
                f"artifact {self.artifact.name} of node {self.node.name} is no more: "
                f"artifactGC{rule} deleted it"
            )

    def place(self, namespace: str, workflow: str, pattern: str = PATH) -> str:
        """Return the path of its download; each variable is replaced once, as in Argo."""
        values = {
            "namespace": namespace,
            "workflowName": workflow,
            "nodeId": self.node.id,
            "templateName": template_of(self.node),
            "artifactName": self.artifact.name,
        }
        for name, value in values.items():
            pattern = pattern.replace("{" + name + "}", value, 1)
        return f"{pattern}/{self.file}"

    @property
    def label(self) -> str:
        """Return what it is called in messages."""
        return f"{self.artifact.name} of node {self.node.name}"

    @property
    def file(self) -> str:
        """The last part of its key, if that names a file."""
        try:
            last = key_of(self.artifact).rstrip("/").rpartition("/")[2]
        except UserError:
            last = ""
        return self.artifact.name if last in {"", ".", ".."} else last


def placed(
    outputs: Sequence[Output], namespace: str, workflow: str, pattern: str
) -> list[tuple[Output, str]]:
    """Return artifacts that are there, each with the path of its download.

    Raises UserError if one would be written over another.
    Differs: Argo writes it over the other.
    """
    found: dict[str, Output] = {}
    for output in outputs:
        place = output.place(namespace, workflow, pattern or PATH)
        other = found.setdefault(place, output)
        if other is not output and not (output.is_gone or other.is_gone):
            raise UserError(
                f"{other.label} and {output.label} would both be {place}: "
                "let --path name {nodeId} or {artifactName}, or choose among them"
            )
    return [(output, output.place(namespace, workflow, pattern or PATH)) for output in outputs]


def template_of(node: NodeStatus) -> str:
    """Return the name of a node's template."""
    return node.template_ref.template if node.template_ref is not None else node.template_name


async def outputs_of(home: Kept, row: RunRow, wanted: Wanted) -> list[Output]:
    """Return the output artifacts of a run that are meant, in the order of its nodes."""
    _, found = await artifacts_of(home, row, "outputs")
    return [item for item in found if wanted.fits(item)]


async def artifacts_of(
    home: Kept, row: RunRow, side: Side
) -> tuple[list[NodeStatus], list[Output]]:
    """Return the nodes of a run, and the artifacts that they have on one side."""
    snapshot, events, _ = await home.journal.load(row.run)
    run = revive(snapshot, events, recompile)
    nodes = [node_status(run, node) for node in run.state.nodes.values()]
    found = [
        Output(status, reachable(run, status, artifact))
        for status in nodes
        for artifact in _held(status, side)
    ]
    return nodes, with_deletions(found, await home.deletions.of(row.run))


def with_deletions(outputs: Sequence[Output], rows: Sequence[DeletionRow]) -> list[Output]:
    """Return artifacts with what the ledger says of each: the place counts, not who names it.

    So the input of a step that another one's output was given to is gone with that. Of a loop's
    items those that are gone are left out, as long as there are others.
    """
    known = {_place(row.deletion.artifact): row for row in rows}
    return [_with_deletion(item, known) for item in outputs] if known else list(outputs)


def _with_deletion(output: Output, known: Mapping[bytes, DeletionRow]) -> Output:
    artifact = output.artifact
    if artifact.items is None:
        return replace(output, deletion=known.get(_place(artifact)))
    parts = [(part, known.get(_place(part))) for part in artifact.items.artifacts]
    left = tuple(part for part, row in parts if row is None or row.state != DELETED)
    if not left and parts:
        return replace(output, deletion=parts[0][1])
    items = struct_replace(artifact.items, artifacts=left)
    return replace(output, artifact=struct_replace(artifact, items=items))


def _place(artifact: Artifact) -> bytes:
    kind = location_type(artifact)
    return encode_json([kind, getattr(artifact, kind)] if kind else artifact)


def artifacts_in(workflow: JsonObject, side: Side) -> tuple[list[NodeStatus], list[Output]]:
    """Return the same of a workflow's document, as a server gives it; keys are what it shows."""
    status = workflow.get("status")
    found = status.get("nodes") if isinstance(status, dict) else None
    every = [*found.values()] if isinstance(found, dict) else []
    nodes = [convert(node, NodeStatus) for node in every if isinstance(node, dict)]
    return nodes, [Output(node, item) for node in nodes for item in _held(node, side)]


def _held(status: NodeStatus, side: Side) -> tuple[Artifact, ...]:
    part = status.outputs if side == "outputs" else status.inputs
    return part.artifacts if part is not None else ()
