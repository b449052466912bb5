"""How a page is drawn: the one value the renderers are handed besides the workflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Literal, TypeAlias

JsonObject: TypeAlias = Mapping[str, Any]
"""A decoded JSON object, as the API sends it."""


Keep: TypeAlias = Callable[[JsonObject], bool]
"""Says which nodes are shown."""


def keep_all(_node: JsonObject) -> bool:
    """Say so of every node."""
    return True


@dataclass(frozen=True, slots=True)
class Style:
    """The choices of `get`, `submit` and `watch`.

    `zone` is the zone times are shown in, None for the machine's. `keep` says which nodes of the
    tree are drawn.
    """

    form: Literal["default", "short", "wide"] = "default"
    colour: bool = False
    utf8: bool = True
    zone: tzinfo | None = None
    keep: Keep = keep_all
