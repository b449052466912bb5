"""What Volcano's webhook refuses of a Job, in its words.

Differs: all is said in one line, and the names an event or action may have are sorted, with the
nearest one as a hint.
Source: reference/volcano-and-peers.md 1.1; Volcano pkg/webhooks/admission/jobs/validate.
"""

from __future__ import annotations

from collections.abc import Iterator

from tiphys.compile.workloads.gang import Gang, needed
from tiphys.compile.workloads.pods import missing_of_containers
from tiphys.compile.workloads.reading import count, items, number, part, text
from tiphys.compile.workloads.volcano_plugins import KNOWN
from tiphys.model.base import JsonObject


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
    yield from _of_policies(items(gang.spec, "policies"))
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
    yield from _of_policies(items(task, "policies"))
    if missing := missing_of_containers(part(task, "template", "spec")):
        yield f"spec.task[{index}].template.spec.{missing}: Required value"


def _of_policies(policies: list[JsonObject]) -> Iterator[str]:
    for policy in policies:
        if policy.get("exitCode") is not None and (policy.get("event") or policy.get("events")):
            yield "must not specify event and exitCode simultaneously"


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
