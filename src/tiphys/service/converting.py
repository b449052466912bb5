"""Documents of Argo 3 in the words of Argo 4: fields that were removed, as their successors.

Source: argo cmd/argo/commands/convert.go as reference/cli.md 17 states it. Beyond Argo, the
templates inside templates (`inline`, `templateDefaults`) are rewritten too.
"""

from __future__ import annotations

from collections.abc import Iterator

from tiphys.model.base import Json, JsonObject
from tiphys.model.codec import convert, encode, struct_of
from tiphys.model.documents import Document

_LISTS = {"mutex": "mutexes", "semaphore": "semaphores"}


def converted(document: Document) -> JsonObject:
    """Return a document as Argo 4 writes it; one of a kind that is not ours as it is.

    Raises InvalidDocument when it cannot be read as its kind.
    """
    struct = struct_of(document.kind)
    if struct is None:
        return document.value
    found = _copy(document.value)
    spec = found.get("spec")
    if isinstance(spec, dict):
        _schedule(spec)
        for holder in _holders(spec):
            _synchronization(holder.get("synchronization"))
    return encode(convert(found, struct))


def _copy(value: JsonObject) -> JsonObject:
    def copied(item: Json) -> Json:
        if isinstance(item, dict):
            return {key: copied(inner) for key, inner in item.items()}
        return [copied(inner) for inner in item] if isinstance(item, list) else item

    return {key: copied(item) for key, item in value.items()}


def _schedule(spec: JsonObject) -> None:
    """Put the one schedule of a CronWorkflow in the place of its list."""
    if "schedule" in spec:
        one = spec.pop("schedule")
        if one:
            spec["schedules"] = [one]


def _holders(value: Json) -> Iterator[JsonObject]:
    """Yield what may have locks: specs and templates, wherever they stand."""
    if isinstance(value, dict):
        if isinstance(value.get("synchronization"), dict):
            yield value
        for key, item in value.items():
            if key != "synchronization":
                yield from _holders(item)
    elif isinstance(value, list):
        for item in value:
            yield from _holders(item)


def _synchronization(locks: Json) -> None:
    """Append the single mutex and semaphore to their lists."""
    if not isinstance(locks, dict):
        return
    for one, several in _LISTS.items():
        if one in locks:
            found = locks.pop(one)
            known = locks.get(several)
            if found is not None:
                locks[several] = [*(known if isinstance(known, list) else []), found]
