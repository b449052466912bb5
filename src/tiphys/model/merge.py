"""Strategic merge: a document of higher priority laid over one of lower priority.

Works on JSON forms. Used for defaults, for workflowTemplateRef and for pod patches. Which
document wins over which is not decided here. Source: reference/resources.md 8; Kubernetes
apimachinery strategicpatch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tiphys.model.base import Json, JsonObject

MergeKeys = Mapping[str, str]
"""List field to the key its elements are matched by; other lists are replaced."""

_CONTAINER_KEYS: Final[MergeKeys] = {
    "env": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
}
WORKFLOW_KEYS: Final[MergeKeys] = {
    **_CONTAINER_KEYS,
    "templates": "name",
    "tasks": "name",
    "volumes": "name",
    "initContainers": "name",
    "sidecars": "name",
    "imagePullSecrets": "name",
    "parameters": "name",
    "artifacts": "name",
    "tolerations": "key",
    "hostAliases": "ip",
}
POD_KEYS: Final[MergeKeys] = {
    **_CONTAINER_KEYS,
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "resourceClaims": "name",
    "ownerReferences": "uid",
}
"""For patches of pods (podSpecPatch)."""

_DIRECTIVE: Final = "$patch"


class _Gone:
    """Stands where a list element was deleted."""


_GONE: Final = _Gone()


def strategic_merge(
    base: JsonObject, patch: JsonObject, keys: MergeKeys = WORKFLOW_KEYS
) -> JsonObject:
    """Return `base` with `patch` over it; null in the patch deletes a key. Neither is changed.

    Matched list elements keep the place they have in `base`, new ones follow.
    Source: reference/resources.md 8; the `$patch` directives of Kubernetes are honoured.
    """
    if patch.get(_DIRECTIVE) == "replace":
        return {key: value for key, value in patch.items() if key != _DIRECTIVE}
    if patch.get(_DIRECTIVE) == "delete":
        return {}
    merged = dict(base)
    for key, value in patch.items():
        if key == _DIRECTIVE:
            continue
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(key, merged.get(key), value, keys)
    return merged


def _merged(field: str, base: Json, patch: Json, keys: MergeKeys) -> Json:
    if isinstance(patch, dict):
        return strategic_merge(base if isinstance(base, dict) else {}, patch, keys)
    if isinstance(patch, list) and isinstance(base, list) and field in keys:
        return _merged_list(base, patch, keys[field], keys)
    return patch


def _merged_list(base: list[Json], patch: list[Json], key: str, keys: MergeKeys) -> list[Json]:
    if {_DIRECTIVE: "replace"} in patch:
        return [item for item in patch if item != {_DIRECTIVE: "replace"}]
    merged: list[Json | _Gone] = list(base)
    places = {_key_of(item, key): index for index, item in enumerate(base)}
    for item in patch:
        wanted = _key_of(item, key)
        place = None if wanted is None else places.get(wanted)
        if not isinstance(item, dict):
            merged.append(item)
        elif item.get(_DIRECTIVE) == "delete":
            if place is not None:
                merged[place] = _GONE
        elif place is None:
            merged.append(strategic_merge({}, item, keys))
        else:
            found = merged[place]
            merged[place] = strategic_merge(found if isinstance(found, dict) else {}, item, keys)
    return [item for item in merged if not isinstance(item, _Gone)]


def _key_of(item: Json, key: str) -> str | int | None:
    found = item.get(key) if isinstance(item, dict) else None
    return found if isinstance(found, str | int) else None
