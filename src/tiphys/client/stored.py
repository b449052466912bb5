"""What is asked of a server about what it keeps: templates, cluster templates, CronWorkflows.

Source: reference/rest-api.md 10, 11.
"""

from __future__ import annotations

from dataclasses import dataclass

from tiphys.client.http import Client, JsonObject, part


@dataclass(frozen=True, slots=True)
class Stored:
    """One kind of thing that a server keeps. `key` is what its documents are called in bodies."""

    client: Client
    path: str
    key: str
    namespace: str = ""

    def lint(self, document: JsonObject) -> None:
        """Have a document checked. Raises UserError with what is wrong."""
        self.client.ask("POST", f"{self.path}/lint", body={self.key: document})

    def create(self, document: JsonObject) -> JsonObject:
        """Keep a document and return it as it is kept. Raises UserError, Conflict."""
        return self.client.ask("POST", self.path, body={self.key: document})

    def update(self, name: str, document: JsonObject) -> JsonObject:
        """Put a document in the place of the one of its name. Raises NotFound, UserError."""
        present, own = self.get(name).get("metadata"), document.get("metadata")
        version = present.get("resourceVersion") if isinstance(present, dict) else None
        metadata: JsonObject = {
            **(own if isinstance(own, dict) else {}),
            "resourceVersion": version,
        }
        body: JsonObject = {self.key: {**document, "metadata": metadata}}
        return self.client.ask("PUT", self._path(name), body=body)

    def get(self, name: str) -> JsonObject:
        """Return a document. Raises NotFound."""
        return self.client.ask("GET", self._path(name))

    def list(self, selector: str) -> list[JsonObject]:
        """Return the documents that a label selector matches."""
        found = self.client.ask("GET", self.path, {"listOptions.labelSelector": selector})
        items = found.get("items")
        every = items if isinstance(items, list) else []
        return [item for item in every if isinstance(item, dict)]

    def delete(self, name: str) -> None:
        """Remove a document. Raises NotFound."""
        self.client.ask("DELETE", self._path(name))

    def act(self, name: str, verb: str) -> JsonObject:
        """Suspend or resume a CronWorkflow and return it. Raises NotFound."""
        return self.client.ask("PUT", f"{self._path(name)}/{verb}", body={})

    def _path(self, name: str) -> str:
        return f"{self.path}/{part(name)}"


def templates(client: Client, namespace: str) -> Stored:
    """Return what is asked about the WorkflowTemplates of a namespace."""
    return Stored(client, f"workflow-templates/{part(namespace)}", "template", namespace)


def cluster_templates(client: Client) -> Stored:
    """Return what is asked about ClusterWorkflowTemplates."""
    return Stored(client, "cluster-workflow-templates", "template")


def crons(client: Client, namespace: str) -> Stored:
    """Return what is asked about the CronWorkflows of a namespace."""
    return Stored(client, f"cron-workflows/{part(namespace)}", "cronWorkflow", namespace)


def workflows(client: Client, namespace: str) -> Stored:
    """Return what is asked about workflows that are only checked; see `client.workflows`."""
    return Stored(client, f"workflows/{part(namespace)}", "workflow", namespace)
