"""The labels that the pods of a workflow have, for a selector of pods.

Nodes do not show them: they are those of the templates as they were resolved for each pod, so the
run is made again from its journal. Source: argo workflow/controller/workflowpod.go (addMetadata).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tiphys.compile.admit import recompile
from tiphys.engine.jobs import job_spec
from tiphys.engine.reviving import revive
from tiphys.engine.run import Run
from tiphys.engine.state import Node
from tiphys.errors import TiphysError
from tiphys.messages import Event
from tiphys.model.base import Json, JsonObject
from tiphys.model.ids import NodeId

_LABEL: Final = "workflows.argoproj.io"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a journal has of a run: its last snapshot, and the first event and those after it."""

    snapshot: bytes | None
    events: Sequence[Event]


def pod_labels(kept: Kept, workflow: JsonObject) -> dict[NodeId, Mapping[str, str]]:
    """Return the labels of each pod of a run, by its node.

    `workflow` is its document: `podMetadata` is read from it. Raises Corrupt.
    """
    run = revive(kept.snapshot, kept.events, recompile)
    shared = _pod_metadata(workflow)
    return {
        node.id: _of_pod(run, node, shared)
        for node in run.state.nodes.values()
        if node.kind == "Pod"
    }


def _of_pod(run: Run, node: Node, shared: Mapping[str, str]) -> Mapping[str, str]:
    own: Mapping[str, str] = {}
    with contextlib.suppress(TiphysError):  # a template that could not be resolved made no pod
        own = job_spec(run, node).template.metadata.labels
    fixed = {
        f"{_LABEL}/workflow": run.state.name,
        f"{_LABEL}/completed": "true" if node.fulfilled else "false",
    }
    return {**fixed, **shared, **own}


def _pod_metadata(workflow: JsonObject) -> Mapping[str, str]:
    """Return the labels that `podMetadata` gives all pods, of a template that is referred to too.

    Tags in them are not resolved.
    """
    status = _object(workflow.get("status"))
    specs = (_object(status.get("storedWorkflowTemplateSpec")), _object(workflow.get("spec")))
    found: dict[str, str] = {}
    for spec in specs:
        labels = _object(_object(spec.get("podMetadata")).get("labels"))
        found.update({name: str(text) for name, text in labels.items()})
    return found


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}
