"""What expressions know whose environment the engine makes whole, and no workflow adds to.

A name that is not there is nil, so that a condition is quietly false or its step an Error.
Source: reference/engine.md 6.1 (retries), 10.2 (data), 10.3 (http).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tiphys.expr.tree import Call, Let, Node, consumed_paths, path_of, walk
from tiphys.model.codec import suggestion


@dataclass(frozen=True, slots=True)
class Names:
    """Roots and what they hold; anything, where that is empty. Other roots only if `is_open`."""

    roots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_open: bool = False


RETRY: Final = Names({"lastRetry": ("exitCode", "status", "duration", "message")}, is_open=True)
HTTP: Final = Names(
    {
        "request": ("method", "url", "body", "bodyBytes", "headers"),
        "response": ("statusCode", "body", "headers"),
    }
)
DATA: Final = Names({"data": ()})


def unknown_names(root: Node, names: Names) -> Iterator[tuple[str, str]]:
    """Yield each name of an expression that has no value, and a hint, which may be empty."""
    nodes = list(walk(root))
    bound = {node.name for node in nodes if isinstance(node, Let)}
    bound |= {path_of(node.callee) or "" for node in nodes if isinstance(node, Call)}
    for path in consumed_paths(root):
        first, _, rest = path.partition(".")
        if not path or first in bound or path in bound:
            continue
        members = names.roots.get(first)
        if members is None:
            if not names.is_open:
                yield path, suggestion(first, names.roots)
        elif members and rest and rest.partition(".")[0] not in members:
            yield path, suggestion(path, [f"{first}.{member}" for member in members])
