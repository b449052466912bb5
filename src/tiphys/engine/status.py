"""The state as Argo's status document: one node at a time, and the rest of `status`.

Source: reference/engine.md 1; argo pkg/apis/workflow/v1alpha1/workflow_types.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tiphys.engine.cleanup import deadlines, keeps_claims
from tiphys.engine.clock import rfc3339
from tiphys.engine.nodes.suspend import ends_at
from tiphys.engine.resolving import CallError
from tiphys.engine.state import Asked, Node, State
from tiphys.messages import LocksWanted
from tiphys.model.arguments import Inputs, Outputs, Parameter
from tiphys.model.artifact_gc import FINALIZER, ON_COMPLETION
from tiphys.model.base import Json
from tiphys.model.status import (
    Condition,
    MemoizationStatus,
    MutexHolding,
    MutexStatus,
    NodeFlag,
    NodeStatus,
    NodeSynchronizationStatus,
    NodeUsage,
    SemaphoreHolding,
    SemaphoreStatus,
    SynchronizationStatus,
)
from tiphys.model.templates import TemplateRef
from tiphys.program import Call

if TYPE_CHECKING:
    from tiphys.engine.run import Run

_EMPTY = Inputs()
_UNNAMED = frozenset({"StepGroup"})
_FLAGGED = frozenset({"StepGroup", "TaskGroup", "Skipped"})


def node_status(run: Run, node: Node) -> NodeStatus:
    """Return a node as it stands in `status.nodes`."""
    call = run.call(node) if node.kind not in _UNNAMED else None
    return NodeStatus(
        id=node.id,
        name=node.name,
        display_name=node.display_name,
        type=node.kind,
        template_name=_template_name(run, node, call),
        template_ref=_reference(run, node, call),
        template_scope=_scope(run, node),
        phase=node.phase,
        boundary_id=node.boundary or "",
        message=node.message,
        started_at=rfc3339(node.started_at),
        finished_at=rfc3339(node.finished_at) if node.fulfilled and node.finished_at else None,
        estimated_duration=_estimate(run, node),
        progress=node.progress,
        resources_duration=node.resources if node.fulfilled else {},
        node_flag=_flag(node),
        inputs=node.inputs if node.inputs != _EMPTY else None,
        outputs=node.outputs,
        children=tuple(node.children),
        outbound_nodes=node.outbound,
        host_node_name=node.host,
        task_result_synced=True if node.kind == "Pod" and not _is_daemon(run, node) else None,
        pod_ip=node.pod_ip,
        daemoned=True if node.daemoned else None,
        memoization_status=_memo(node),
        synchronization_status=_waits(node),
        usage=_usage(node),
        waiting_reason=_waiting(run, node),
    )


def _is_daemon(run: Run, node: Node) -> bool:
    return run.template(node).daemon


def _memo(node: Node) -> MemoizationStatus | None:
    memo = node.memo
    if memo is None:
        return None
    return MemoizationStatus(hit=memo.hit, key=memo.key, cache_name=memo.cache)


def _waits(node: Node) -> NodeSynchronizationStatus | None:
    return NodeSynchronizationStatus(waiting=node.waiting_for) if node.waiting_for else None


def _waiting(run: Run, node: Node) -> str:
    """Return why a node waits, "" if it does not or its message says so."""
    if node.kind == "Suspend" and node.phase == "Running":
        try:
            until = ends_at(run, node)
        except CallError:
            return ""
        return "waiting for a person" if until is None else f"waiting until {rfc3339(until)}"
    return run.state.waits.get(node.id, "") or run.state.hook_waits.get(node.id, "")


def _template_name(run: Run, node: Node, call: Call | None) -> str:
    if call is None or call.target.reference is not None or call.target.inline:
        return ""
    if node.kind == "Container":
        return _template_name(run, run.node(node.boundary), call)
    template = run.program.templates.get(node.template)
    return template.name if template is not None else call.target.name


def _reference(run: Run, node: Node, call: Call | None) -> TemplateRef | None:
    """Return the reference a node was made by, with the names its tags stood for."""
    if call is None or call.target.dynamic is None:
        return call.target.reference if call is not None else None
    template = run.program.templates.get(node.template)
    if template is None or call.target.reference is None:
        return call.target.reference
    name = template.scope.partition("/")[2]
    return msgspec.structs.replace(call.target.reference, name=name, template=template.name)


def _scope(run: Run, node: Node) -> str:
    """Return the scope of the caller's template."""
    if node.kind == "Container":
        return _scope(run, run.node(node.boundary))
    if node.boundary is None:
        return run.program.scope
    return run.template(run.node(node.boundary)).scope


def _estimate(run: Run, node: Node) -> int | None:
    """Return how long the node of that name took in an earlier run of the same template."""
    earlier = run.estimates
    if earlier is None:
        return None
    return earlier.nodes.get(node.name.replace(run.state.name, earlier.workflow, 1))


def _usage(node: Node) -> NodeUsage | None:
    if node.usage is None:
        return None
    return NodeUsage(
        cpu_milliseconds=round(node.usage.cpu_seconds * 1000),
        peak_memory_bytes=node.usage.peak_memory_bytes,
        wall_milliseconds=round(node.usage.wall_seconds * 1000),
    )


def _flag(node: Node) -> NodeFlag | None:
    if node.hooked or node.attempt is not None:
        return NodeFlag(
            hooked=True if node.hooked else None,
            retried=True if node.attempt is not None else None,
        )
    return NodeFlag() if node.kind in _FLAGGED else None


# ---------------------------------------------------------------------------------- workflow


def summary(run: Run) -> dict[str, Json]:
    """Return what of a Workflow changes with every commit: labels, flags, the small of `status`."""
    state = run.state
    labels: dict[str, Json] = {
        **state.labels,
        "workflows.argoproj.io/completed": "true" if state.done else "false",
        "workflows.argoproj.io/phase": state.phase or "Pending",
    }
    found: dict[str, Json] = {
        "labels": labels,
        "shutdown": state.shutdown,
        "suspend": state.suspend,
        "status": _status(run),
    }
    if state.done:
        due = deadlines(run.program.clean_up, state.phase, state.finished_at)
        claims: list[Json] = []
        if not keeps_claims(run.program.clean_up, state.phase):
            claims = [item["name"] for item in run.program.claims if isinstance(item, dict)]
        found["due"] = {
            "expires": due.expires_at,
            "pods": due.pods_at,
            "claims": claims,
            "artifacts": ON_COMPLETION in run.program.artifact_rules.strategies,
        }
    if run.program.artifact_rules.strategies:
        found["collects"] = True
    if state.parameters:
        found["parameters"] = dict(state.parameters)
    return found


def extras(run: Run) -> dict[str, Json]:
    """Return the large parts of `status` that change when a template is used first."""
    found: dict[str, Json] = {}
    stored = _stored_templates(run)
    if stored:
        found["storedTemplates"] = stored
    if run.program.merged_spec is not None:
        found["storedWorkflowTemplateSpec"] = run.program.merged_spec
    return found


def document_of(
    workflow: dict[str, Json], changing: dict[str, Json], rare: dict[str, Json]
) -> dict[str, Json]:
    """Return the Workflow as clients read it, without nodes, from its admitted form and the rest.

    The parts are shared, not copied: do not change them.
    """
    metadata = _object(workflow.get("metadata"))
    every = {**_object(metadata.get("labels")), **_object(changing.get("labels"))}
    labels: dict[str, Json] = {name: text for name, text in every.items() if text is not None}
    spec = dict(_object(workflow.get("spec")))
    spec.pop("suspend", None)
    for flag in ("shutdown", "suspend"):
        if changing.get(flag):
            spec[flag] = changing[flag]
    given = _object(changing.get("parameters"))
    if given:
        spec["arguments"] = _given(_object(spec.get("arguments")), given)
    held = {"finalizers": _held_by(metadata.get("finalizers"))} if changing.get("collects") else {}
    return {
        **workflow,
        "metadata": {**metadata, "labels": labels, **held},
        "spec": spec,
        "status": {**_object(changing.get("status")), **rare},
    }


def _held_by(finalizers: Json) -> Json:
    """Return the finalizers of a workflow that has artifacts to delete."""
    own = finalizers if isinstance(finalizers, list) else []
    return own if FINALIZER in own else [*own, FINALIZER]


def _given(arguments: dict[str, Json], given: dict[str, Json]) -> dict[str, Json]:
    """Return arguments with the parameters that a retry has given in front of the others."""
    own = arguments.get("parameters")
    known = own if isinstance(own, list) else []
    rest = [item for item in known if _object(item).get("name") not in given]
    first: list[Json] = [{"name": name, "value": value} for name, value in given.items()]
    return {**arguments, "parameters": [*first, *rest]}


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _status(run: Run) -> dict[str, Json]:
    state = run.state
    status: dict[str, Json] = {
        "phase": state.phase,
        "startedAt": rfc3339(state.started_at) if state.started_at else None,
        "finishedAt": rfc3339(state.finished_at) if state.finished_at else None,
        "progress": f"{state.done_units}/{state.all_units}",
        "conditions": _conditions(run),
        "artifactGCStatus": {},
    }
    if not run.program.artifact_rules.strategies:
        status["artifactGCStatus"] = {"notSpecified": True}
    if run.program.repository is not None:
        status["artifactRepositoryRef"] = msgspec.to_builtins(run.program.repository.status)
    if state.message:
        status["message"] = state.message
    if run.estimates is not None and run.estimates.seconds and state.started_at:
        status["estimatedDuration"] = run.estimates.seconds
    if run.program.claims and state.started_at and keeps_claims(run.program.clean_up, state.phase):
        status["persistentVolumeClaims"] = [*run.program.claims]
    outputs = _global_outputs(run)
    if outputs is not None:
        status["outputs"] = msgspec.to_builtins(outputs)
    if state.questions and not state.done:
        locks = synchronization(state)
        if locks is not None:
            status["synchronization"] = msgspec.to_builtins(locks)
    if state.resources:
        status["resourcesDuration"] = {**state.resources}
    return status


def synchronization(state: State) -> SynchronizationStatus | None:
    """Return the locks a run holds and waits for, None if it has nothing to do with any.

    Source: reference/engine.md 8.2.7.
    """
    asked = [item for item in state.questions.values() if isinstance(item.question, LocksWanted)]
    if not asked:
        return None
    return SynchronizationStatus(semaphore=_semaphores(asked), mutex=_mutexes(asked))


def _held(asked: list[Asked], kind: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in asked:
        if item.held and isinstance(item.question, LocksWanted):
            for lock in item.question.locks:
                if lock.kind == kind:
                    found.setdefault(lock.key, []).append(item.question.holder)
    return found


def _blocked(asked: list[Asked], kind: str) -> dict[str, tuple[str, ...]]:
    blocked = (lock for item in asked for lock in item.blocked if lock.kind == kind)
    return {lock.key: lock.holders for lock in blocked}


def _semaphores(asked: list[Asked]) -> SemaphoreStatus | None:
    held, blocked = _held(asked, "semaphore"), _blocked(asked, "semaphore")
    if not held and not blocked:
        return None
    return SemaphoreStatus(
        holding=tuple(SemaphoreHolding(semaphore=k, holders=tuple(v)) for k, v in held.items()),
        waiting=tuple(SemaphoreHolding(semaphore=k, holders=v) for k, v in blocked.items()),
    )


def _mutexes(asked: list[Asked]) -> MutexStatus | None:
    held, blocked = _held(asked, "mutex"), _blocked(asked, "mutex")
    if not held and not blocked:
        return None
    return MutexStatus(
        holding=tuple(MutexHolding(mutex=k, holder=v[0]) for k, v in held.items()),
        waiting=tuple(MutexHolding(mutex=k, holder="".join(v[:1])) for k, v in blocked.items()),
    )


def _conditions(run: Run) -> list[Json]:
    """Return the conditions, in the order in which they first hold.

    Differs: PodRunning is true while a pod runs, not only when the last change was to one.
    """
    state = run.state
    found = [Condition(type="PodRunning", status="True" if state.running_pods else "False")]
    if state.metric_faults:
        said = ", ".join(state.metric_faults)
        found.append(Condition(type="MetricsError", status="True", message=said))
    if state.done:
        found.append(Condition(type="Completed", status="True"))
    return [msgspec.to_builtins(item) for item in found]


def _global_outputs(run: Run) -> Outputs | None:
    state = run.state
    if not state.outputs and not state.output_artifacts:
        return None
    return Outputs(
        parameters=tuple(Parameter(name=key, value=text) for key, text in state.outputs.items()),
        artifacts=tuple(state.output_artifacts.values()),
    )


def _stored_templates(run: Run) -> dict[str, Json]:
    stored = run.program.stored
    return {stored[key][0]: stored[key][1] for key in run.state.used if key in stored}
