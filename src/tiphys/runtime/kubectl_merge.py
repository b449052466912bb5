"""How patch and apply make a new document of a stored one.

Source: kubectl apply (three-way merge); Kubernetes' patch strategies; reference/executor.md 7.
"""

from __future__ import annotations

from typing import Final

import msgspec

from tiphys.errors import Permanent
from tiphys.model.base import Json, JsonObject
from tiphys.model.json_patch import PatchFault, json_patch, merge_patch
from tiphys.model.kinds import is_builtin
from tiphys.model.merge import POD_KEYS, MergeKeys, strategic_merge

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_KEYS: Final[MergeKeys] = {**POD_KEYS, "conditions": "type", "secrets": "name"}
_UNSUPPORTED: Final = (
    "Error from server (UnsupportedMediaType): the body of the request was in an unknown format - "
    "accepted media types include: application/json-patch+json, application/merge-patch+json, "
    "application/apply-patch+yaml"
)


def patched(stored: JsonObject, patch: Json, strategy: str) -> JsonObject:
    """Return a document after a patch of type strategic, merge or json. Raises Permanent."""
    try:
        made = _patched(stored, patch, strategy)
    except PatchFault as exc:
        raise Permanent(f"The request is invalid: {exc}") from exc
    if not isinstance(made, dict):
        raise Permanent("The request is invalid: the patch leaves no object")
    return made


def _patched(stored: JsonObject, patch: Json, strategy: str) -> Json:
    if strategy == "json":
        return json_patch(stored, patch)
    if not isinstance(patch, dict):
        raise PatchFault("the patch is no object")
    if strategy == "merge":
        return merge_patch(stored, patch)
    if strategy != "strategic":
        names = "[json merge strategic]"
        raise Permanent(f'error: --type must be one of {names}, not "{strategy}"')
    if not _is_builtin(stored):
        raise Permanent(_UNSUPPORTED)
    return strategic_merge(stored, _with_finalizers(stored, patch), _keys_of(stored))


def _is_builtin(document: JsonObject) -> bool:
    return is_builtin(str(document.get("apiVersion", "")))


def _keys_of(document: JsonObject) -> MergeKeys:
    """Return what the lists of a kind are merged by; a Service's ports have no containerPort."""
    return {**_KEYS, "ports": "port"} if document.get("kind") == "Service" else _KEYS


def _with_finalizers(stored: JsonObject, patch: JsonObject) -> JsonObject:
    """Return a strategic patch whose finalizers are added to the stored ones."""
    metadata = patch.get("metadata")
    added = metadata.get("finalizers") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(added, list):
        return patch
    before = stored.get("metadata")
    kept = before.get("finalizers") if isinstance(before, dict) else None
    union = [*(kept if isinstance(kept, list) else []), *added]
    unique: list[Json] = [item for index, item in enumerate(union) if item not in union[:index]]
    return {**patch, "metadata": {**metadata, "finalizers": unique}}


def with_last_applied(document: JsonObject) -> JsonObject:
    """Return a document that remembers itself, for the next apply."""
    metadata = document.get("metadata")
    metadata = dict(metadata) if isinstance(metadata, dict) else {}
    annotations = metadata.get("annotations")
    annotations = dict(annotations) if isinstance(annotations, dict) else {}
    annotations.pop(LAST_APPLIED, None)
    plain = {**document, "metadata": {**metadata, "annotations": annotations}}
    annotations = {**annotations, LAST_APPLIED: msgspec.json.encode(plain).decode() + "\n"}
    return {**document, "metadata": {**metadata, "annotations": annotations}}


def applied(stored: JsonObject, document: JsonObject) -> JsonObject:
    """Return a stored document after apply: what was applied last and is left out now goes."""
    wanted = with_last_applied(document)
    if not _is_builtin(stored):
        made = merge_patch(merge_patch(stored, _gone(_last(stored), document, {})), wanted)
        return made if isinstance(made, dict) else wanted
    keys = _keys_of(stored)
    without = strategic_merge(stored, _gone(_last(stored), document, keys), keys)
    return strategic_merge(without, wanted, keys)


def _last(stored: JsonObject) -> JsonObject:
    metadata = stored.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    text = annotations.get(LAST_APPLIED) if isinstance(annotations, dict) else None
    try:
        last = msgspec.json.decode(text) if isinstance(text, str) else {}
    except msgspec.MsgspecError:
        return {}
    return last if isinstance(last, dict) else {}


def _gone(last: JsonObject, now: JsonObject, keys: MergeKeys) -> JsonObject:
    """Return the patch that removes what was there and is not now."""
    patch: JsonObject = {}
    for name, before in last.items():
        after = now.get(name)
        if name not in now:
            patch[name] = None
        elif isinstance(before, dict) and isinstance(after, dict):
            patch[name] = _gone(before, after, keys)
        elif isinstance(before, list) and isinstance(after, list) and name in keys:
            patch[name] = _gone_items(before, after, keys, keys[name])
    return {name: value for name, value in patch.items() if value not in ({}, [])}


def _gone_items(before: list[Json], after: list[Json], keys: MergeKeys, key: str) -> list[Json]:
    kept = {item.get(key): item for item in after if isinstance(item, dict)}
    found: list[Json] = []
    for item in before:
        if not isinstance(item, dict):
            continue
        if item.get(key) not in kept:
            found.append({key: item.get(key), "$patch": "delete"})
        elif inner := _gone(item, kept[item.get(key)], keys):
            found.append({key: item.get(key), **inner})
    return found
