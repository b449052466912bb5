"""The output artifacts of a workflow, each with all that it takes to reach it."""

from __future__ import annotations

from dataclasses import dataclass

from tiphys.compile.admit import recompile
from tiphys.engine.collecting import reachable
from tiphys.engine.reviving import revive
from tiphys.engine.status import node_status
from tiphys.errors import UserError
from tiphys.model.artifacts import Artifact
from tiphys.model.locations import key_of
from tiphys.model.status import NodeStatus
from tiphys.ports import Journal, RunRow

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
    """An artifact that a node has stored."""

    node: NodeStatus
    artifact: Artifact

    def place(self, row: RunRow, pattern: str = PATH) -> str:
        """Return the path of its download; each variable is replaced once, as in Argo."""
        values = {
            "namespace": row.namespace,
            "workflowName": row.name,
            "nodeId": self.node.id,
            "templateName": template_of(self.node),
            "artifactName": self.artifact.name,
        }
        for name, value in values.items():
            pattern = pattern.replace("{" + name + "}", value, 1)
        return f"{pattern}/{self.file}"

    @property
    def file(self) -> str:
        """The last part of its key."""
        try:
            return key_of(self.artifact).rstrip("/").rpartition("/")[2] or self.artifact.name
        except UserError:
            return self.artifact.name


def template_of(node: NodeStatus) -> str:
    """Return the name of a node's template."""
    return node.template_ref.template if node.template_ref is not None else node.template_name


async def outputs_of(journal: Journal, row: RunRow, wanted: Wanted) -> list[Output]:
    """Return the output artifacts of a run that are meant, in the order of its nodes."""
    snapshot, events, _ = await journal.load(row.run)
    run = revive(snapshot, events, recompile)
    found = []
    for node in run.state.nodes.values():
        status = node_status(run, node)
        for artifact in status.outputs.artifacts if status.outputs is not None else ():
            output = Output(status, artifact)
            if wanted.fits(output):
                found.append(Output(status, reachable(run, status, artifact)))
    return found
