"""Which artifacts of a workflow are deleted when, and what is said when that fails.

Deleting them is the work of `controller/artifact_gc.py`.
Source: reference/executor.md 11, reference/engine-operations.md 11.7; argo
workflow/controller/artifact_gc.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tiphys.model.arguments import Outputs
from tiphys.model.artifacts import Artifact, ArtifactLocation
from tiphys.model.ids import fnv1a
from tiphys.model.locations import complete
from tiphys.model.policies import ArtifactGC
from tiphys.model.spec import WorkflowSpec
from tiphys.model.status import Condition, NodeStatus

FINALIZER: Final = "workflows.argoproj.io/artifact-gc"
ON_COMPLETION: Final = "OnWorkflowCompletion"
ON_DELETION: Final = "OnWorkflowDeletion"
_SHORT: Final = {ON_COMPLETION: "wfcomp", ON_DELETION: "wfdel"}
CONDITION: Final = "ArtifactGCError"


@dataclass(frozen=True, slots=True)
class Deletion:
    """One artifact to delete; `task` is what Argo calls the piece of work it belongs to."""

    node: str
    strategy: str
    task: str
    artifact: Artifact


@dataclass(frozen=True, slots=True)
class Ending:
    """How far a workflow has come: it is over, or somebody deletes it."""

    workflow: str
    completed: bool
    deleted: bool = False

    def calls_for(self, strategy: str) -> bool:
        """Tell whether it is time for a strategy."""
        if strategy == ON_COMPLETION:
            return self.completed or self.deleted
        return strategy == ON_DELETION and self.deleted


def strategies_of(spec: WorkflowSpec, outputs: Iterable[Outputs]) -> frozenset[str]:
    """Return when outputs are to be deleted; the workflow has the finalizer if there is any."""
    found = {strategy_of(spec, item) for part in outputs for item in part.artifacts}
    if found and spec.artifact_gc is not None:
        found.add(spec.artifact_gc.strategy)  # that of logs
    return frozenset(found & {*_SHORT})


def strategy_of(spec: WorkflowSpec, artifact: Artifact) -> str:
    """Return when an output is deleted: the artifact's own rule, else the workflow's."""
    for rule in (artifact.artifact_gc, spec.artifact_gc):
        if rule is not None and rule.strategy:
            return rule.strategy
    return ""


def to_delete(
    spec: WorkflowSpec,
    nodes: Iterable[NodeStatus],
    ending: Ending,
    base_of: Callable[[NodeStatus], ArtifactLocation | None],
) -> list[Deletion]:
    """Return what is to be deleted now, each artifact with all it takes to reach it.

    `base_of` tells the archive location of a node's template.
    """
    found = []
    for node in nodes:
        if node.type != "Pod" or node.outputs is None:
            continue
        for artifact in node.outputs.artifacts:
            strategy = strategy_of(spec, artifact)
            if artifact.deleted or not ending.calls_for(strategy):
                continue
            task = task_name(ending.workflow, strategy, _who(spec, artifact))
            found.append(Deletion(node.id, strategy, task, complete(artifact, base_of(node))))
    return found


def task_name(workflow: str, strategy: str, who: ArtifactGC) -> str:
    """Return the name of the task that an artifact belongs to: one for each kind of pod."""
    text = who.service_account_name
    if who.pod_metadata is not None:
        for pairs in (who.pod_metadata.labels, who.pod_metadata.annotations):
            text += "".join(f"{name}{pairs[name]}" for name in sorted(pairs))
    return f"{workflow}-artgc-{_SHORT[strategy]}-{fnv1a(text)}-0"


def _who(spec: WorkflowSpec, artifact: Artifact) -> ArtifactGC:
    """Return service account and pod metadata: the artifact's own, else the workflow's."""
    whole, own = spec.artifact_gc or ArtifactGC(), artifact.artifact_gc or ArtifactGC()
    return ArtifactGC(
        service_account_name=own.service_account_name or whole.service_account_name,
        pod_metadata=own.pod_metadata or whole.pod_metadata,
    )


def failure_condition(failures: Iterable[tuple[str, str]]) -> Condition | None:
    """Return the condition that tells of failures, (error, task) each; None without any."""
    told = dict.fromkeys(f"{error} (artifactGCTask: {task})" for error, task in failures)
    if not told:
        return None
    text = ", ".join(told)
    return Condition(type=CONDITION, status="True", message=text)


def failure_event(strategy: str, error: str) -> str:
    """Return the text of the event about a failure."""
    return f"Artifact Garbage Collection failed for strategy {strategy}, err:{error}"
