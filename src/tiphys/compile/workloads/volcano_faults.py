"""What Volcano's webhook refuses of a Job, in its words.

Differs: all is said in one line, and the names an event or action may have are sorted, with the
nearest one as a hint.
Source: reference/volcano-and-peers.md 1.1; Volcano pkg/webhooks/admission/jobs/validate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tiphys.compile.workloads.gang import Gang, needed
from tiphys.compile.workloads.pods import missing_of_containers
from tiphys.compile.workloads.reading import count, items, number, part, text
from tiphys.compile.workloads.volcano_plugins import KNOWN
from tiphys.expr.numbers import json_text
from tiphys.model.base import Json, JsonObject
from tiphys.model.decode import suggestion

_EVENTS: Final = (
    *("*", "JobUpdated", "PodEvicted", "PodFailed", "PodPending", "PodRunning"),
    *("TaskCompleted", "TaskFailed", "Unknown"),
)
"""What a policy may wait for; OutOfSync and CommandIssued are Volcano's own."""
_ACTIONS: Final = (
    *("AbortJob", "CompleteJob", "RestartJob", "RestartPartition", "RestartPod", "RestartTask"),
    *("ResumeJob", "TerminateJob"),
)


def fault(gang: Gang) -> str:
    """Return everything that Volcano's webhook would refuse, "" if it would not."""
    return "; ".join(_at_once(gang.spec) or _faults(gang))


def _at_once(spec: JsonObject) -> list[str]:
    """Return that after which the webhook looks at nothing else."""
    if (number(spec, "minAvailable") or 0) < 0:
        return ["job 'minAvailable' must be >= 0."]
    if (number(spec, "ttlSecondsAfterFinished") or 0) < 0:
        return ["'ttlSecondsAfterFinished' cannot be less than zero."]
    return [] if items(spec, "tasks") else ["No task specified in job spec"]


def _faults(gang: Gang) -> Iterator[str]:
    names: set[str] = set()
    for index, task in enumerate(gang.tasks):
        name = text(task, "name")
        if name in names:
            yield f"duplicated task name {name}"
            break
        names.add(name)
        yield from _of_task(gang.job, index, task)
    if gang.min_available > gang.size:
        yield "job 'minAvailable' should not be greater than total replicas in tasks"
    yield from _of_policies(items(gang.spec, "policies"), "spec.policies")
    for plugin in part(gang.spec, "plugins"):
        if plugin not in KNOWN:
            yield f"unable to find job plugin: {plugin}"
    if _is_cyclic(gang.tasks):
        yield ("job has dependencies between tasks, but doesn't form a directed acyclic graph(DAG)")


def _of_task(job: JsonObject, index: int, task: JsonObject) -> Iterator[str]:
    name, least = text(task, "name"), number(task, "minAvailable")
    if least is not None and least > count(task, "replicas"):
        owner = text(part(job, "metadata"), "name")
        yield f"'minAvailable' is greater than 'replicas' in task: {name}, job: {owner}"
    yield from _of_policies(items(task, "policies"), "spec.tasks.policies")
    size = part(task, "partitionPolicy").get("partitionSize")
    if task.get("partitionPolicy") is not None and not (isinstance(size, int) and size > 0):
        place = f"spec.tasks[{index}].partitionPolicy.partitionSize"
        yield f"{place}: Invalid value: {json_text(size)}: should be greater than or equal to 1"
    if missing := missing_of_containers(part(task, "template", "spec")):
        yield f"spec.task[{index}].template.spec.{missing}: Required value"


def _of_policies(policies: list[JsonObject], place: str) -> Iterator[str]:
    """Say what is wrong with the first policy that is, like the webhook."""
    seen: set[Json] = set()
    for policy in policies:
        said = _of_policy(policy, place) or _repeated(policy, seen)
        if said:
            yield said
            return
        seen.update(_happenings(policy))
    if "*" in seen and len([item for item in seen if isinstance(item, str)]) > 1:
        yield "if there's * here, no other policy should be here"


def _of_policy(policy: JsonObject, place: str) -> str:
    """Return what is wrong with one policy by itself."""
    events, code = _events(policy), policy.get("exitCode")
    if events and code is not None:
        return "must not specify event and exitCode simultaneously"
    if not events and code is None:
        return "either event and exitCode should be specified"
    if code == 0:
        return "0 is not a valid error code"
    for event in events:
        if event not in _EVENTS:
            return _invalid(place, event, "event")
    # Differs: Volcano looks at the action only where there is an event.
    action = text(policy, "action")
    return "" if action in _ACTIONS else _invalid(place, action, "action")


def _invalid(place: str, value: Json, what: str) -> str:
    known = _EVENTS if what == "event" else _ACTIONS
    hint = suggestion(str(value), known)
    said = (
        f"{place}: Invalid value: {json_text(value)}: invalid policy {what} "
        f"valid events are [{' '.join(_EVENTS)}], valid actions are [{' '.join(_ACTIONS)}]"
    )
    return f"{said} ({hint})" if hint else said


def _repeated(policy: JsonObject, seen: set[Json]) -> str:
    for item in _happenings(policy):
        if item in seen:
            if isinstance(item, str):
                return f"duplicate event {item}  across different policy"
            return f"duplicate exitCode {item}"
    return ""


def _happenings(policy: JsonObject) -> list[Json]:
    code = policy.get("exitCode")
    return _events(policy) if code is None else [code]


def _events(policy: JsonObject) -> list[Json]:
    """Return the events of a policy, each once."""
    listed = policy.get("events")
    found: list[Json] = [*(listed if isinstance(listed, list) else []), policy.get("event")]
    return list(dict.fromkeys(str(item) for item in found if item))


def _is_cyclic(tasks: list[JsonObject]) -> bool:
    """Tell whether tasks wait for one another, or for one that is not there."""
    done: set[str] = set()
    left = list(tasks)
    while left:
        ready = [task for task in left if done.issuperset(needed(task))]
        if not ready:
            return True
        done.update(text(task, "name") for task in ready)
        left = [task for task in left if task not in ready]
    return False
