"""Flat variable names to the nested environment of an expression.

Source: Argo util/expr/env GetFuncMap over bellows.Expand; language.md 3.3, 3.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tiphys.expr.values import TypedMap, Value


def expand(flat: Mapping[str, Value]) -> dict[str, Value]:
    """Return nested maps, one level per dot; a name that has members below it is dropped."""
    parents = _parents(flat)
    nested: dict[str, Value] = {}
    for name, value in flat.items():
        if name in parents:
            continue
        level: dict[str, Value] = nested
        *path, last = name.split(".")
        for part in path:
            below = level.get(part)
            if not isinstance(below, dict):
                below = {}
                level[part] = below
            level = below
        level[last] = value
    return nested


def _parents(names: Iterable[str]) -> set[str]:
    """Return every proper dotted prefix of the names."""
    found: set[str] = set()
    for name in names:
        end = name.rfind(".")
        while end > 0:
            prefix = name[:end]
            if prefix in found:
                break
            found.add(prefix)
            end = name.rfind(".", 0, end)
    return found


def is_present(name: str, flat: Mapping[str, Value]) -> bool:
    """Return whether an identifier has a value: itself, or through nested maps below a prefix.

    A name present with nil counts. Source: language.md 3.5.
    """
    if name in flat:
        return True
    parts = name.split(".")
    for size in range(len(parts) - 1, 0, -1):
        prefix = ".".join(parts[:size])
        if prefix in flat:
            return _walks(flat[prefix], parts[size:])
    return False


def _walks(value: Value, path: list[str]) -> bool:
    for part in path:
        if not isinstance(value, dict) or isinstance(value, TypedMap) or part not in value:
            return False  # Argo looks into maps of anything only, not into those of strings
        value = value[part]
    return True
