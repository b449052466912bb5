"""Fields of documents nobody has a struct for; what is missing or of another type reads as empty.

Also what the decisions about all kinds of objects answer with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tiphys.model.base import Json, JsonObject
from tiphys.model.times import time_seconds, time_text

ENDED: Final = ("Succeeded", "Failed")
"""The phases a pod does not leave."""
FINALIZER: Final = "tiphys.io/runs"
"""Keeps an object until what runs for it was stopped."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done about an object, in this order.

    `document` is the object as it is to be stored. `delete` are the names of pods that go,
    `create` the documents that come. `wake_at` is when to look again although nothing changed
    (seconds since the epoch). `expired`: the object itself is to be deleted. `is_over`: nothing
    will happen to it any more by itself.
    """

    document: JsonObject
    delete: tuple[str, ...] = ()
    create: tuple[JsonObject, ...] = ()
    wake_at: float | None = None
    expired: bool = False
    is_over: bool = False


def part(value: JsonObject, *path: str) -> JsonObject:
    """Return the object at a path."""
    found: Json = value
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def items(value: JsonObject, key: str) -> list[JsonObject]:
    """Return the objects of a list."""
    found = value.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def text(value: JsonObject, key: str, default: str = "") -> str:
    """Return a text."""
    found = value.get(key)
    return found if isinstance(found, str) and found else default


def number(value: JsonObject, key: str) -> int | None:
    """Return a whole number, None if there is none."""
    found = value.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def count(value: JsonObject, key: str, default: int = 0) -> int:
    """Return a whole number that is not negative."""
    found = number(value, key)
    return default if found is None else max(0, found)


def instant(value: JsonObject, key: str) -> float | None:
    """Return a time in seconds since the epoch, None if there is none."""
    try:
        return float(time_seconds(text(value, key)))
    except ValueError:
        return None


def name_of(document: JsonObject) -> str:
    """Return an object's name."""
    return text(part(document, "metadata"), "name")


def uid_of(document: JsonObject) -> str:
    """Return an object's uid."""
    return text(part(document, "metadata"), "uid")


def phase_of(pod: JsonObject) -> str:
    """Return a pod's phase; "Pending" as long as nobody has looked at it."""
    return text(part(pod, "status"), "phase", "Pending")


def is_going(document: JsonObject) -> bool:
    """Tell whether an object is deleted but for its finalizers."""
    return bool(part(document, "metadata").get("deletionTimestamp"))


def owner_of(document: JsonObject) -> tuple[str, str, str, str]:
    """Return apiVersion, kind, name and uid of the controller; empty texts if there is none."""
    for owner in items(part(document, "metadata"), "ownerReferences"):
        if owner.get("controller") is True:
            return (
                text(owner, "apiVersion"),
                text(owner, "kind"),
                text(owner, "name"),
                text(owner, "uid"),
            )
    return "", "", "", ""


def owner_reference(document: JsonObject) -> JsonObject:
    """Return the reference by which what an object makes belongs to it."""
    return {
        "apiVersion": text(document, "apiVersion"),
        "kind": text(document, "kind"),
        "name": name_of(document),
        "uid": uid_of(document),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def finished_at(pod: JsonObject) -> float:
    """Return when a pod ended, in seconds since the epoch; 0 if that is not known."""
    times = [
        instant(part(item, "state", "terminated"), "finishedAt") or 0.0
        for item in items(part(pod, "status"), "containerStatuses")
    ]
    return max(times, default=0.0)


def exit_codes(pod: JsonObject) -> Iterable[tuple[str, int]]:
    """Yield the name and exit code of each container that has ended."""
    for item in items(part(pod, "status"), "containerStatuses"):
        code = number(part(item, "state", "terminated"), "exitCode")
        if code is not None:
            yield text(item, "name"), code


def restarts(pod: JsonObject) -> int:
    """Return how often containers of a pod were started again."""
    return sum(
        count(item, "restartCount") for item in items(part(pod, "status"), "containerStatuses")
    )


def without_empty(value: Mapping[str, Json]) -> JsonObject:
    """Return an object without zeros, empty texts, lists and objects, as Go's omitempty does."""
    return {key: item for key, item in value.items() if item not in (None, 0, "", [], {}, False)}


def stamped(condition: JsonObject, now: float) -> JsonObject:
    """Return a condition with its times."""
    at = time_text(now)
    return {
        "type": condition["type"],
        "status": "True",
        "lastProbeTime": at,
        "lastTransitionTime": at,
        **{key: value for key, value in condition.items() if key != "type"},
    }
