"""What lists ask of a workflow's JSON: labels and times. Shared by all stores.

Only the keys are known here, not what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from tiphys.errors import Corrupt
from tiphys.model.base import Json, JsonObject
from tiphys.model.ids import RunId
from tiphys.model.times import time_seconds
from tiphys.ports import RunRow

_PARTIAL = (
    *("phase", "startedAt", "finishedAt", "progress", "message"),
    *("estimatedDuration", "resourcesDuration"),
)
"""What of a status an archived workflow shows in lists."""


@dataclass(frozen=True, slots=True)
class Face:
    """Labels, and times in epoch seconds; a time that has not come is 0."""

    labels: dict[str, str]
    started_at: float
    finished_at: float


def parsed(data: bytes | str) -> JsonObject:
    """Return a stored JSON object. Raises Corrupt."""
    try:
        found = msgspec.json.decode(data)
    except msgspec.MsgspecError as exc:
        raise Corrupt(f"a stored workflow cannot be read: {exc}") from exc
    return found if isinstance(found, dict) else {}


def part(value: JsonObject, key: str) -> JsonObject:
    """Return an object inside of another one, an empty one if there is none."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def labels_of(document: bytes) -> dict[str, str]:
    """Return the labels a workflow was admitted with."""
    return _texts(part(part(parsed(document), "metadata"), "labels"))


def face_of(own: dict[str, str], summary: bytes) -> Face:
    """Return the face of a workflow with labels of its `own`."""
    changing = parsed(summary)
    status = part(changing, "status")
    return Face(
        _texts({**own, **part(changing, "labels")}),
        _seconds(status.get("startedAt")),
        _seconds(status.get("finishedAt")),
    )


def archived_row(run: RunId, document: JsonObject, created_at: float) -> RunRow:
    """Return the row of a workflow of which only the archive knows."""
    metadata, spec, status = (part(document, key) for key in ("metadata", "spec", "status"))
    small: JsonObject = {key: status[key] for key in _PARTIAL if key in status}
    kept: JsonObject = {key: spec[key] for key in ("suspend", "arguments") if key in spec}
    summary: JsonObject = {"labels": {}, "status": small}
    if "suspend" in spec:
        summary["suspend"] = spec["suspend"]
    return RunRow(
        run=run,
        namespace=str(metadata.get("namespace", "")),
        name=str(metadata.get("name", "")),
        created_at=created_at,
        done=True,
        owner="",
        epoch=0,
        runtime="",
        document=msgspec.json.encode({**document, "spec": kept, "status": {}}),
        summary=msgspec.json.encode(summary),
    )


def _texts(value: JsonObject) -> dict[str, str]:
    return {key: text for key, text in value.items() if isinstance(text, str)}


def _seconds(value: Json) -> float:
    if not isinstance(value, str):
        return 0.0
    try:
        return float(time_seconds(value))
    except ValueError:
        return 0.0
