"""What an object says of its own end: why it failed, and whether anything can still come.

Read from the status that the object has, without asking who keeps it at work.
Source: reference/kubernetes.md 18; Kubernetes batch/v1 JobStatus, core/v1 PodStatus.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tiphys.expr.selectors import Conditions
from tiphys.model.base import Json, JsonObject

_PODS_SHOWN: Final = 3
_FINAL: Final = ("Completed", "Failed", "Terminated")
_BATCH: Final = ("batch/v1", "Job")
_VOLCANO: Final = ("batch.volcano.sh/v1alpha1", "Job")


def reason_of(document: JsonObject, pods: Sequence[JsonObject] = ()) -> str:
    """Return why an object is as it is, "" if it does not say; `pods` are those it owns.

    Its own reason and message come first, then of each pod that failed its message.
    """
    said = [_own(document), *(_pod(pod) for pod in pods if _phase(pod) == "Failed")]
    found = [text for text in said if text]
    more = len(found) - _PODS_SHOWN - 1
    shown = found[: _PODS_SHOWN + 1]
    return "; ".join([*shown, f"and {more} more"] if more > 0 else shown)


def is_hopeless(document: JsonObject, conditions: Conditions) -> bool:
    """Tell whether a Job has ended, and conditions that look only at its status are undecided."""
    asked = (*conditions.success, *conditions.failure)
    return _is_over(document) and all(item.key.startswith("status.") for item in asked)


def owned_by(document: JsonObject, pods: Sequence[JsonObject]) -> list[JsonObject]:
    """Return those of `pods` that an object owns."""
    uid = _part(document, "metadata").get("uid")
    return [pod for pod in pods if any(owner.get("uid") == uid for owner in _owners(pod))]


def _owners(pod: JsonObject) -> list[JsonObject]:
    return _items(_part(pod, "metadata"), "ownerReferences")


def _kind(document: JsonObject) -> tuple[str, str]:
    return str(document.get("apiVersion", "")), str(document.get("kind", ""))


def _is_over(document: JsonObject) -> bool:
    status = _part(document, "status")
    if _kind(document) == _VOLCANO:
        return _part(status, "state").get("phase") in _FINAL
    return _kind(document) == _BATCH and _ended(status) is not None


def _ended(status: JsonObject) -> JsonObject | None:
    """Return the condition by which a `batch/v1` Job is over."""
    for item in _items(status, "conditions"):
        if item.get("type") in ("Failed", "Complete") and item.get("status") == "True":
            return item
    return None


def _own(document: JsonObject) -> str:
    status = _part(document, "status")
    if _kind(document) == _BATCH:
        return _both(_ended(status) or {})
    return _both(status) or _both(_part(status, "state"))


def _both(said: JsonObject) -> str:
    """Return `reason: message`, or what there is of it."""
    found = [said.get("reason"), said.get("message")]
    return ": ".join(item for item in found if isinstance(item, str) and item)


def _pod(pod: JsonObject) -> str:
    name = _part(pod, "metadata").get("name")
    said = _both(_part(pod, "status"))
    return f"pod {name}: {said}" if said else f"pod {name} failed"


def _phase(pod: JsonObject) -> Json:
    return _part(pod, "status").get("phase")


def _part(value: JsonObject, key: str) -> JsonObject:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _items(value: JsonObject, key: str) -> list[JsonObject]:
    found = value.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
