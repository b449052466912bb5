"""What lists read of the metadata of any object's document."""

from __future__ import annotations

from tiphys.model.base import JsonObject


def _metadata(document: JsonObject) -> JsonObject:
    found = document.get("metadata")
    return found if isinstance(found, dict) else {}


def name_of(document: JsonObject) -> str:
    """Return a document's name."""
    return str(_metadata(document).get("name", ""))


def namespace_of(document: JsonObject) -> str:
    """Return a document's namespace, "" if it has none."""
    return str(_metadata(document).get("namespace", ""))


def version_of(document: JsonObject) -> int:
    """Return the number of a document's last change."""
    return int(str(_metadata(document).get("resourceVersion", 0)))


def labels_of(document: JsonObject) -> dict[str, str]:
    """Return a document's labels."""
    labels = _metadata(document).get("labels")
    return {k: str(v) for k, v in labels.items()} if isinstance(labels, dict) else {}
