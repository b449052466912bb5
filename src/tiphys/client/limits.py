"""What is asked of a server about the limits of semaphores. Source: reference/rest-api.md 14."""

from __future__ import annotations

from dataclasses import dataclass

from tiphys.client.http import Client, JsonObject, part


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a namespace of a server; `kind` is DATABASE or CONFIGMAP of a ConfigMap."""

    client: Client
    namespace: str
    kind: str
    config_map: str = ""

    def create(self, key: str, limit: int) -> int:
        """Give a semaphore a limit and return it. Raises Conflict, UserError."""
        body: JsonObject = {"key": key, **self._said(), "limit": limit}
        return _limit(self.client.ask("POST", self._path(), body=body))

    def update(self, key: str, limit: int) -> int:
        """Change a limit and return it. Raises NotFound, UserError."""
        body: JsonObject = {**self._said(), "limit": limit}
        return _limit(self.client.ask("PUT", self._path(key), body=body))

    def get(self, key: str) -> int:
        """Return a limit. Raises NotFound."""
        return _limit(self.client.ask("GET", self._path(key), self._said()))

    def delete(self, key: str) -> None:
        """Remove a limit. Raises NotFound."""
        self.client.ask("DELETE", self._path(key), self._said())

    def _said(self) -> JsonObject:
        return {"type": self.kind, "cmName": self.config_map}

    def _path(self, key: str = "") -> str:
        return f"sync/{part(self.namespace)}" + (f"/{part(key)}" if key else "")


def _limit(answer: JsonObject) -> int:
    found = answer.get("limit")
    return found if isinstance(found, int) else 0
