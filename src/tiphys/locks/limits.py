"""The limits of semaphores that stand in ConfigMaps.

Source: reference/engine.md 8.2.3; argo workflow/sync/sync_manager.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from tiphys.errors import NotFound, Transient
from tiphys.locks.book import name_of
from tiphys.messages import Lock
from tiphys.ports import ObjectRef, Objects

_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}\Z", re.ASCII)


async def read_limits(objects: Objects, locks: Iterable[Lock]) -> Mapping[str, int]:
    """Return the limits of those locks that have a readable one in a ConfigMap, by name."""
    found: dict[str, int] = {}
    for lock in locks:
        if lock.config is not None and not lock.database:
            limit = await _limit(objects, *lock.config)
            if limit is not None:
                found[name_of(lock)] = limit
    return found


async def _limit(objects: Objects, namespace: str, name: str, key: str) -> int | None:
    try:
        document = await objects.get(ObjectRef("v1", "ConfigMap", namespace, name))
    except (NotFound, Transient):
        return None
    data = document.get("data")
    text = data.get(key) if isinstance(data, dict) else None
    return int(text) if isinstance(text, str) and _WHOLE.match(text) else None
