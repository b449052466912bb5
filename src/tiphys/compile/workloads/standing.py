"""How an object stands: one word for its state, how far it is, and whether it still does something.

What people are shown of objects, and what is said of those that a workflow leaves behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tiphys.compile.workloads import batch, volcano
from tiphys.compile.workloads.faces import KIND as WORKFLOW
from tiphys.compile.workloads.faces import is_step
from tiphys.compile.workloads.gang import with_defaults
from tiphys.compile.workloads.reading import (
    ENDED,
    count,
    is_going,
    items,
    part,
    phase_of,
    text,
)
from tiphys.model.base import API_VERSION, JsonObject

WORKING: Final = (
    (batch.API_VERSION, "Job"),
    (volcano.API_VERSION, "Job"),
    ("v1", "Pod"),
    (API_VERSION, WORKFLOW),
)
"""apiVersion and kind of what runs by itself."""
_DONE: Final = ("Complete", "Failed", "Suspended", "Completed", "Terminated", "Aborted")


@dataclass(frozen=True, slots=True)
class Standing:
    """How an object stands. `pods` is "2/3": of three that are wanted two have succeeded.

    `is_at_work`: something of it runs, or will without anybody's doing.
    """

    status: str = ""
    pods: str = ""
    message: str = ""
    is_at_work: bool = False


def standing(document: JsonObject) -> Standing:
    """Return how an object stands, from what it says of itself."""
    match text(document, "apiVersion"), text(document, "kind"):
        case batch.API_VERSION, "Job":
            found = _job(document)
        case volcano.API_VERSION, "Job":
            found = _gang(document)
        case "v1", "Pod":
            found = _pod(document)
        case version, kind:
            works = (version, kind) in WORKING and phase_of(document) not in (*ENDED, "Error")
            status = part(document, "status")
            found = Standing(text(status, "phase"), "", text(status, "message"), works)
    if is_going(document):
        return Standing("Terminating", found.pods, found.message, found.is_at_work)
    return found


def is_made_by_a_job(document: JsonObject) -> bool:
    """Tell whether a Job made an object, and not a workflow or a person."""
    owners = items(part(document, "metadata"), "ownerReferences")
    return any(owner.get("kind") == "Job" for owner in owners)


def _job(document: JsonObject) -> Standing:
    spec, status = part(document, "spec"), part(document, "status")
    pods = f"{count(status, 'succeeded')}/{count(spec, 'completions', 1)}"
    for item in items(status, "conditions"):
        if item.get("type") in _DONE and item.get("status") == "True":
            said = _both(item) if item.get("type") == "Failed" else ""
            return Standing(text(item, "type"), pods, said)
    return Standing("Running" if count(status, "active") else "Pending", pods, "", True)


def _gang(document: JsonObject) -> Standing:
    status, wanted = part(document, "status"), part(with_defaults(document), "spec")
    phase = text(part(status, "state"), "phase", "Pending")
    size = sum(count(task, "replicas") for task in items(wanted, "tasks"))
    pods = f"{count(status, 'succeeded')}/{size}"
    return Standing(phase, pods, _both(part(status, "state")), phase not in _DONE)


def _pod(document: JsonObject) -> Standing:
    status, phase = part(document, "status"), phase_of(document)
    containers = items(status, "containerStatuses")
    waits = [text(part(item, "state", "waiting"), "reason") for item in containers]
    works = phase not in ENDED and not is_step(document)
    return Standing(_first(waits) or phase, "", _both(status), works)


def _first(texts: Sequence[str]) -> str:
    return next((item for item in texts if item), "")


def _both(said: JsonObject) -> str:
    """Return `reason: message`, or what there is of it."""
    return ": ".join(item for key in ("reason", "message") if (item := text(said, key)))
