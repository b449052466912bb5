"""Projection: which parts of a document a client wants. Source: reference/rest-api.md 6.4."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from tiphys.model.base import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Fields:
    """Dotted paths that are kept or, with `excludes`, removed; lists are looked through."""

    paths: tuple[str, ...]
    excludes: bool

    def wants(self, path: str) -> bool:
        """Tell whether anything at or below a path may be in the result."""
        if self.excludes:
            return path not in self.paths
        return any(
            given.startswith(path) or path.startswith(f"{given}.") or given == path
            for given in self.paths
        )

    def project(self, value: JsonObject) -> JsonObject:
        """Return a document with only what is wanted; a path that is listed keeps all below it."""
        return self._object(value, "")

    def _object(self, value: JsonObject, prefix: str) -> JsonObject:
        found: JsonObject = {}
        for key, item in value.items():
            path = f"{prefix}{key}"
            if self.excludes:
                if path not in self.paths:
                    found[key] = self._inside(item, path)
            elif path in self.paths:
                found[key] = item
            # Argo compares plain texts: a listed `a.name` lets `a.n` pass as well.
            elif any(given.startswith(path) for given in self.paths):
                found[key] = self._inside(item, path)
        return found

    def _inside(self, value: Json, path: str) -> Json:
        if isinstance(value, dict):
            return self._object(value, f"{path}.")
        if isinstance(value, list):
            return [self._inside(item, path) for item in value]
        return value

    def below(self, prefix: str) -> Fields:
        """Return the fields of a part, whose paths are written with a prefix."""
        return Fields(tuple(path.removeprefix(prefix) for path in self.paths), self.excludes)


@lru_cache(maxsize=256)
def parse_fields(text: str) -> Fields | None:
    """Return what `fields` asks for, None if it is not given."""
    if not text:
        return None
    excludes = text.startswith("-")
    return Fields(tuple(text.removeprefix("-").split(",")), excludes)
