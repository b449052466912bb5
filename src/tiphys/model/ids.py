"""One type per identifier, and how node ids and pod names follow from names.

Source: reference/engine.md 1.7; Argo workflow/util/pod_name.go, Workflow.NodeID.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NewType

WorkflowName = NewType("WorkflowName", str)
Namespace = NewType("Namespace", str)
RunId = NewType("RunId", str)
"""The uid of a workflow."""
NodeId = NewType("NodeId", str)
NodeName = NewType("NodeName", str)
TemplateName = NewType("TemplateName", str)
PodName = NewType("PodName", str)

_FNV_OFFSET = 2166136261
_FNV_PRIME = 16777619
_POD_PREFIX_LENGTH = 242


@lru_cache(maxsize=8_192)
def fnv1a(text: str) -> int:
    """Return the 32-bit FNV-1a hash of the UTF-8 bytes of `text`.

    A node's name is hashed several times while it is made, and again when what was before it in a
    wide DAG has had its turn: kept for that long, in 2.5 MB at most.
    """
    value = _FNV_OFFSET
    for byte in text.encode("utf-8", "surrogatepass"):
        value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFF
    return value


@lru_cache(maxsize=4096)
def node_id(workflow: str, name: str) -> NodeId:
    """Return the id of the node `name`: the root has the workflow's name.

    Source: argo pkg/apis/workflow/v1alpha1/workflow_types.go, Workflow.NodeID.
    """
    return NodeId(name if name == workflow else f"{workflow}-{fnv1a(name)}")


def pod_name(workflow: str, node_name: str, template: str) -> PodName:
    """Return the (v2) pod name of a node; `template` is empty for inline templates.

    Source: argo workflow/util/pod_name.go, GeneratePodName; reference/engine.md 1.7.
    """
    return pod_of_node(workflow, node_id(workflow, node_name), template)


def pod_of_node(workflow: str, key: NodeId, template: str) -> PodName:
    """Return the pod name of a node by its id, which ends in the same hash."""
    if key == workflow:
        return PodName(workflow)
    prefix = f"{workflow}-{template}" if template else workflow
    return PodName(f"{prefix[:_POD_PREFIX_LENGTH]}{key[len(workflow) :]}")
