"""The objects of a server of ours: Jobs, Pods and others that have no path in Argo's API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tiphys.client import ours
from tiphys.client.http import Client, JsonObject, part


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of a namespace, "" for all. Every method raises as `ours.ask` does."""

    client: Client
    namespace: str

    @property
    def _path(self) -> str:
        return f"objects/{part(self.namespace)}"

    def _one(self, kind: str, name: str) -> str:
        return f"{self._path}/{part(kind)}/{part(name)}"

    def list(
        self, kinds: Sequence[str] = (), labels: str = "", workflow: str = "", owner: str = ""
    ) -> list[JsonObject]:
        """Return those of some kinds, with labels, that a workflow or an owner (a uid) made."""
        query = {
            "kinds": ",".join(kinds),
            "listOptions.labelSelector": labels,
            "workflow": workflow,
            "owner": owner,
        }
        items = ours.ask(self.client, "GET", self._path, query).get("items")
        return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []

    def get(self, kind: str, name: str) -> JsonObject:
        """Return one. Raises NotFound."""
        return ours.ask(self.client, "GET", self._one(kind, name))

    def apply(self, kind: str, name: str, document: JsonObject) -> JsonObject:
        """Keep one; return it, with the verb of what was done."""
        return ours.ask(self.client, "PUT", self._one(kind, name), body={"object": document})

    def delete(self, kind: str, name: str) -> JsonObject:
        """Delete one and return what it was. Raises NotFound."""
        return ours.ask(self.client, "DELETE", self._one(kind, name))

    def logs(self, kind: str, name: str, container: str, follow: bool) -> Iterator[tuple[str, str]]:
        """Yield pod and text of each line that the pods of an object wrote. Raises NotFound."""
        query = {"container": container, "follow": follow}
        for line in self.client.stream(f"{ours.BASE}/{self._one(kind, name)}/log", query):
            yield str(line.get("podName", "")), str(line.get("content", ""))
