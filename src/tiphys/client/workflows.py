"""What is asked of a server about workflows. Source: reference/rest-api.md 5 to 8."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from tiphys.client.http import Client, JsonObject, Query, part
from tiphys.client.ours import ask
from tiphys.errors import NotFound, TiphysError, Transient

_PAGE = 500
_AGAIN_SECONDS = 0.5
_MOST_LOSSES = 20
_ARCHIVING = "workflows.argoproj.io/workflow-archiving-status"


@dataclass(frozen=True, slots=True)
class Transfer:
    """An artifact on its way to or from a node; bytes so far and in all (None: not known)."""

    artifact: str
    action: str
    moved_bytes: int
    total_bytes: int | None


@dataclass(frozen=True, slots=True)
class Workflows:
    """The workflows of a namespace of a server ("" for all namespaces)."""

    client: Client
    namespace: str

    def list(
        self, selector: str = "", fields: str = "", where: str = "", chunk: int = 0
    ) -> list[JsonObject]:
        """Return all workflows that a label selector and a field selector match, newest first.

        `fields` says what is wanted of them; they are asked for `chunk` at a time (0: many).
        Raises TiphysError.
        """
        found: list[JsonObject] = []
        after = ""
        while True:
            query = {
                "listOptions.labelSelector": selector,
                "listOptions.fieldSelector": where,
                "listOptions.limit": chunk or _PAGE,
                "listOptions.continue": after,
                "fields": fields,
            }
            page = self.client.ask("GET", f"workflows/{part(self.namespace)}", query)
            items = page.get("items")
            every = items if isinstance(items, list) else []
            found += [item for item in every if isinstance(item, dict)]
            metadata = page.get("metadata")
            after = str(metadata.get("continue") or "") if isinstance(metadata, dict) else ""
            if not after:
                return found

    def get(self, name: str) -> JsonObject:
        """Return a workflow with its nodes; `@latest` is the newest. Raises NotFound."""
        with self._asked_about(name):
            return self.client.ask("GET", self._path(name))

    def explain(self, name: str, node: str = "") -> JsonObject:
        """Return why a workflow, or a node of it, is as it is. Raises NotFound, UserError."""
        with self._asked_about(name):
            return ask(self.client, "GET", f"{self._path(name)}/explain", {"node": node})

    def transfers(self, name: str, nodes: Sequence[str]) -> dict[str, Transfer]:
        """Return what moves now for the nodes of these ids, by id. Raises Impossible, NotFound."""
        query = {"nodes": ",".join(nodes)}
        items = ask(self.client, "GET", f"{self._path(name)}/transfers", query).get("items")
        found = {}
        for item in items if isinstance(items, list) else []:
            if isinstance(item, dict):
                moved, total = item.get("movedBytes"), item.get("totalBytes")
                found[str(item.get("id"))] = Transfer(
                    str(item.get("artifact") or ""),
                    str(item.get("action") or ""),
                    moved if isinstance(moved, int) else 0,
                    total if isinstance(total, int) else None,
                )
        return found

    def create(self, workflow: JsonObject, dry_run: bool = False) -> JsonObject:
        """Create a workflow, or only check it, and return it. Raises UserError."""
        body: JsonObject = {"workflow": workflow, "serverDryRun": dry_run}
        return self.client.ask("POST", f"workflows/{part(self.namespace)}", body=body)

    def submit(self, kind: str, name: str, options: JsonObject) -> JsonObject:
        """Run what is stored under a kind and a name. Raises UserError, NotFound."""
        body: JsonObject = {"resourceKind": kind, "resourceName": name, "submitOptions": options}
        return self.client.ask("POST", f"workflows/{part(self.namespace)}/submit", body=body)

    def act(self, name: str, verb: str, body: JsonObject | None = None) -> JsonObject:
        """Stop, terminate, suspend, resume, set, retry or resubmit a workflow and return it."""
        with self._asked_about(name):
            return self.client.ask("PUT", f"{self._path(name)}/{verb}", body=body or {})

    def delete(self, name: str, force: bool = False) -> None:
        """Delete a workflow. Raises NotFound."""
        self.client.ask("DELETE", self._path(name), {"force": force})

    def logs(self, name: str, pod: str, query: Query) -> Iterator[JsonObject]:
        """Yield the lines of a workflow's pods, each with `podName` and `content`."""
        with self._asked_about(name):
            yield from self.client.stream(f"{self._path(name)}/log", {"podName": pod, **query})

    def download(self, name: str, side: str, node: str, artifact: str, sink: BinaryIO) -> None:
        """Write an artifact of a node to a file; `side` says "inputs" or "outputs".

        Raises NotFound, and UserError for a directory, which has no bytes of its own.
        """
        kind = "artifacts" if side == "outputs" else "input-artifacts"
        parts = (self.namespace, name, node, artifact)
        self.client.download(f"/{kind}/{'/'.join(map(part, parts))}", sink)

    def download_archived(
        self, uid: str, side: str, node: str, artifact: str, sink: BinaryIO
    ) -> None:
        """Write an artifact of a workflow that only the archive has; else as `download`."""
        kind = "artifacts-by-uid" if side == "outputs" else "input-artifacts-by-uid"
        self.client.download(f"/{kind}/{'/'.join(map(part, (uid, node, artifact)))}", sink)

    def changes(self, name: str) -> Iterator[JsonObject]:
        """Yield a workflow as it is and at each change, until it has ended.

        A stream that breaks off is taken up again. Raises NotFound, also if it is deleted.
        """
        losses = 0
        known = False
        while True:
            try:
                for workflow in self._while_it_lasts(name):
                    yield workflow
                    if has_ended(workflow):
                        return
                    losses, known = 0, True
            except Transient:
                losses += 1
                if not known or losses > _MOST_LOSSES:
                    raise
            time.sleep(_AGAIN_SECONDS)

    def _while_it_lasts(self, name: str) -> Iterator[JsonObject]:
        """Yield a workflow as it is, and at each change until the stream breaks off."""
        workflow = self.get(name)
        yield workflow
        if not has_ended(workflow):
            yield from self._events(workflow)

    def _events(self, workflow: JsonObject) -> Iterator[JsonObject]:
        """Yield a workflow at each change after the version that is known. Raises NotFound."""
        name = _meta(workflow, "name")
        query = {
            "listOptions.fieldSelector": f"metadata.name={name}",
            "listOptions.resourceVersion": _meta(workflow, "resourceVersion"),
        }
        for event in self.client.stream(f"workflow-events/{part(self.namespace)}", query):
            found = event.get("object")
            if event.get("type") == "DELETED":
                raise NotFound(f'workflows.argoproj.io "{name}" not found')
            if isinstance(found, dict):
                yield found

    @contextmanager
    def _asked_about(self, name: str) -> Iterator[None]:
        """Say of a workflow that there is not where it was looked for, and how to look further."""
        try:
            yield
        except NotFound as exc:
            said = str(exc)
            if not said.endswith((f'"{name}" not found', "no workflows found")):
                raise  # a node, or what the workflow refers to
            hint = "`tiphys list -A` lists what is there"
            if self._is_archived(name):
                hint = "only the archive has it: `tiphys archive` has verbs for that"
            where = f"in namespace {self.namespace} of {self.client.place.address}"
            raise NotFound(f"{said} {where}; {hint}") from exc

    def _is_archived(self, name: str) -> bool:
        """Tell whether a workflow is gone and the archive has a copy of it."""
        try:
            return not is_live(self.client.ask("GET", self._path(name), {"fields": "metadata"}))
        except TiphysError:
            return False

    def _path(self, name: str) -> str:
        return f"workflows/{part(self.namespace)}/{part(name)}"


def has_ended(workflow: JsonObject) -> bool:
    """Tell whether a workflow has ended."""
    status = workflow.get("status")
    return isinstance(status, dict) and bool(status.get("finishedAt"))


def is_live(workflow: JsonObject) -> bool:
    """Tell whether a workflow is more than a copy in the archive, which nothing is asked of."""
    metadata = workflow.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    return not isinstance(labels, dict) or labels.get(_ARCHIVING) != "Persisted"


def _meta(workflow: JsonObject, name: str) -> str:
    metadata = workflow.get("metadata")
    return str(metadata.get(name) or "") if isinstance(metadata, dict) else ""
