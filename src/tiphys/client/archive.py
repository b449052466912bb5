"""What is asked of a server about its archive. Source: reference/rest-api.md 9."""

from __future__ import annotations

from dataclasses import dataclass

from tiphys.client.http import Client, JsonObject, part

_PAGE = 500
_BASE = "archived-workflows"


@dataclass(frozen=True, slots=True)
class Archive:
    """The archived workflows of a namespace of a server ("" for all namespaces)."""

    client: Client
    namespace: str

    def get(self, uid: str) -> JsonObject:
        """Return a workflow with its nodes. Raises NotFound."""
        return self.client.ask("GET", f"{_BASE}/{part(uid)}")

    def delete(self, uid: str) -> None:
        """Remove the copy of a workflow. Raises NotFound."""
        self.client.ask("DELETE", f"{_BASE}/{part(uid)}")

    def act(self, uid: str, verb: str, body: JsonObject) -> JsonObject:
        """Retry or resubmit a workflow and return the one that runs. Raises Conflict, UserError."""
        named: JsonObject = {"uid": uid, "namespace": self.namespace, **body}
        return self.client.ask("PUT", f"{_BASE}/{part(uid)}/{verb}", body=named)

    def label_keys(self) -> list[str]:
        """Return the names of all labels."""
        return self._texts(f"{_BASE}-label-keys", "")

    def label_values(self, key: str) -> list[str]:
        """Return the values of a label."""
        return self._texts(f"{_BASE}-label-values", key)

    def _texts(self, path: str, selector: str) -> list[str]:
        found = self.client.ask("GET", path, {"listOptions.labelSelector": selector}).get("items")
        return [str(item) for item in found] if isinstance(found, list) else []

    def list(self, labels: str = "", fields: str = "", chunk: int = 0) -> list[JsonObject]:
        """Return the workflows that both selectors match, in part; asked for `chunk` at a time."""
        found: list[JsonObject] = []
        query = {
            "namespace": self.namespace,
            "listOptions.labelSelector": labels,
            "listOptions.fieldSelector": fields,
            "listOptions.limit": str(chunk or _PAGE),
        }
        after = ""
        while True:
            page = self.client.ask("GET", _BASE, {**query, "listOptions.continue": after})
            items, metadata = page.get("items"), page.get("metadata")
            every = items if isinstance(items, list) else []
            found += [item for item in every if isinstance(item, dict)]
            after = str(metadata.get("continue") or "") if isinstance(metadata, dict) else ""
            if not after:
                return found
