"""Which artifacts of a run are to be deleted, and where they are. See `model/artifact_gc.py`."""

from __future__ import annotations

import msgspec

from tiphys.engine.places import archive_location, job_scope
from tiphys.engine.resolving import CallError, resolve_body
from tiphys.engine.run import Run
from tiphys.engine.status import node_status
from tiphys.expr.template import LENIENT
from tiphys.model.artifact_gc import Deletion, Ending, to_delete
from tiphys.model.artifacts import Artifact, ArtifactLocation, location_type
from tiphys.model.ids import NodeId
from tiphys.model.locations import complete
from tiphys.model.spec import WorkflowSpec
from tiphys.model.status import NodeStatus
from tiphys.model.templates import Template


def artifacts_to_delete(run: Run, deleted: bool) -> list[Deletion]:
    """Return what is to be deleted of a run; `deleted`: somebody deletes the run itself."""
    spec = WorkflowSpec(artifact_gc=run.program.artifact_rules.whole)
    nodes = [
        node_status(run, node)
        for node in run.state.nodes.values()
        if node.kind == "Pod" and node.outputs is not None
    ]
    ending = Ending(run.state.name, run.state.done, deleted)
    return to_delete(spec, nodes, ending, lambda node: _base_of(run, node))


def reachable(run: Run, status: NodeStatus, artifact: Artifact) -> Artifact:
    """Return an output of a node with all it takes to reach it."""
    if not location_type(artifact):
        return artifact
    return complete(artifact, _base_of(run, status))


def _base_of(run: Run, status: NodeStatus) -> ArtifactLocation | None:
    """Return the archive location of a node that has stored artifacts."""
    node = run.node(NodeId(status.id))
    body = run.template(node).body
    try:
        resolved = resolve_body(body, job_scope(run, node), LENIENT, run.context(node.name))
        return archive_location(run, node, msgspec.convert(resolved, Template).archive_location)
    except (CallError, msgspec.ValidationError):
        return None
