"""The artifacts of a workflow, each with all that it takes to reach it."""

from __future__ import annotations

from dataclasses import dataclass

from tiphys.compile.admit import recompile
from tiphys.engine.collecting import reachable
from tiphys.engine.reviving import revive
from tiphys.engine.status import node_status
from tiphys.errors import UserError
from tiphys.model.artifacts import Artifact
from tiphys.model.base import JsonObject
from tiphys.model.codec import convert
from tiphys.model.locations import key_of
from tiphys.model.status import NodeStatus
from tiphys.ports import Journal, RunRow
from tiphys.service.downloads import Side

PATH = "{namespace}/{workflowName}/{nodeId}/outputs/{artifactName}"
"""Where the download of an artifact lies, unless told otherwise."""


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
    def file(self) -> str:
        """The last part of its key, if that names a file."""
        try:
            last = key_of(self.artifact).rstrip("/").rpartition("/")[2]
        except UserError:
            last = ""
        return self.artifact.name if last in {"", ".", ".."} else last


def template_of(node: NodeStatus) -> str:
    """Return the name of a node's template."""
    return node.template_ref.template if node.template_ref is not None else node.template_name


async def outputs_of(journal: Journal, row: RunRow, wanted: Wanted) -> list[Output]:
    """Return the output artifacts of a run that are meant, in the order of its nodes."""
    _, found = await artifacts_of(journal, row, "outputs")
    return [item for item in found if wanted.fits(item)]


async def artifacts_of(
    journal: Journal, row: RunRow, side: Side
) -> tuple[list[NodeStatus], list[Output]]:
    """Return the nodes of a run, and the artifacts that they have on one side."""
    snapshot, events, _ = await journal.load(row.run)
    run = revive(snapshot, events, recompile)
    nodes = [node_status(run, node) for node in run.state.nodes.values()]
    found = [
        Output(status, reachable(run, status, artifact))
        for status in nodes
        for artifact in _held(status, side)
    ]
    return nodes, found


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
