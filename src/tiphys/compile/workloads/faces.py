"""Workflow objects and the runs behind them: what an object shows of its run.

An object has the uid of its run. It is kept by a finalizer until its run is gone.
Source: reference/engine-operations.md 11.1.9; docs/adr/0005-the-object-is-a-face.md.
"""

from __future__ import annotations

from typing import Final

from tiphys.compile.workloads.reading import FINALIZER, part, text
from tiphys.model.base import API_VERSION, Json, JsonObject

KIND: Final = "Workflow"
_LEFT_OUT: Final = ("nodes", "storedTemplates", "storedWorkflowTemplateSpec")
_COMPLETED: Final = "workflows.argoproj.io/completed"
_NODE_ID: Final = "workflows.argoproj.io/node-id"


def face(workflow: JsonObject) -> JsonObject:
    """Return the object that stands for a run that has none."""
    made: JsonObject = {**workflow, "apiVersion": API_VERSION, "kind": KIND}
    return mirrored(made, workflow)


def mirrored(stored: JsonObject, workflow: JsonObject) -> JsonObject:
    """Return a stored object with its run's status and the labels that tell it.

    What people changed of its metadata stays.
    """
    status = {key: it for key, it in part(workflow, "status").items() if key not in _LEFT_OUT}
    metadata = part(stored, "metadata")
    labels = {
        **part(metadata, "labels"),
        **{
            key: value
            for key, value in part(workflow, "metadata", "labels").items()
            if key.startswith("workflows.argoproj.io/")
        },
    }
    made: JsonObject = {**metadata, "finalizers": _with(metadata.get("finalizers"))}
    if labels:
        made["labels"] = labels
    return {**stored, "metadata": made, "status": status}


def rejected(stored: JsonObject, why: str) -> JsonObject:
    """Return an object that cannot be run. Source: argo workflow/controller, markWorkflowFailed."""
    status: JsonObject = {"phase": "Failed", "message": f"invalid spec: {why}"}
    metadata = part(stored, "metadata")
    labels = {**part(metadata, "labels"), "workflows.argoproj.io/phase": "Failed"}
    labels[_COMPLETED] = "true"
    return {**stored, "metadata": {**metadata, "labels": labels}, "status": status}


def is_rejected(stored: JsonObject) -> bool:
    """Tell whether an object was looked at and cannot be run."""
    said = text(part(stored, "status"), "message")
    return text(part(stored, "status"), "phase") == "Failed" and said.startswith("invalid spec: ")


def pod_face(row: tuple[str, str, str], node: JsonObject, name: str) -> JsonObject:
    """Return the Pod that stands for a step: of the run's (uid, namespace, name), a node.

    Source: reference/kubernetes.md 3.1; argo workflow/controller/workflowpod.go.
    """
    uid, namespace, workflow = row
    phase = text(node, "phase")
    owner: JsonObject = {"apiVersion": API_VERSION, "kind": KIND, "name": workflow, "uid": uid}
    labels: JsonObject = {"workflows.argoproj.io/workflow": workflow, _COMPLETED: "false"}
    annotations: JsonObject = {
        _NODE_ID: text(node, "id"),
        "workflows.argoproj.io/node-name": text(node, "name"),
    }
    metadata: JsonObject = {
        "name": name,
        "namespace": namespace,
        "labels": labels,
        "annotations": annotations,
        "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
    }
    status: JsonObject = {"phase": "Failed" if phase == "Error" else phase}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": []},
        "status": status,
    }


def is_step(pod: JsonObject) -> bool:
    """Tell whether a Pod stands for a step of a workflow, which the engine runs."""
    return _NODE_ID in part(pod, "metadata", "annotations")


def released(document: JsonObject) -> JsonObject:
    """Return an object without our finalizer."""
    metadata = part(document, "metadata")
    finalizers = metadata.get("finalizers")
    kept = [it for it in finalizers if it != FINALIZER] if isinstance(finalizers, list) else []
    rest = {key: value for key, value in metadata.items() if key != "finalizers"}
    return {**document, "metadata": {**rest, "finalizers": kept} if kept else rest}


def held(document: JsonObject) -> bool:
    """Tell whether our finalizer keeps an object."""
    finalizers = part(document, "metadata").get("finalizers")
    return isinstance(finalizers, list) and FINALIZER in finalizers


def _with(finalizers: Json) -> list[Json]:
    present = finalizers if isinstance(finalizers, list) else []
    return [*present, *([] if FINALIZER in present else [FINALIZER])]
