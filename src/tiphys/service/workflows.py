"""Workflows as clients of a server read them: one, or lists, live and archived.

Source: reference/rest-api.md 6.2, 6.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tiphys.errors import NotFound
from tiphys.model.base import Json, JsonObject
from tiphys.model.ids import RunId
from tiphys.ports import Queries, RunRow
from tiphys.ports_server import Catalogue, Filter, Listed, NameTest, Page
from tiphys.service.selection import Selection
from tiphys.service.view import Viewer

STATUS_LABEL: Final = "workflows.argoproj.io/workflow-archiving-status"
_SPEC_IN_LISTS: Final = ("suspend", "arguments")
_STATUS_IN_LISTS: Final = (
    *("phase", "startedAt", "finishedAt", "progress", "message"),
    *("estimatedDuration", "resourcesDuration"),
)


@dataclass(frozen=True, slots=True)
class PageOfWorkflows:
    """A page: the documents as people want them sorted, and the metadata of the list."""

    items: Sequence[JsonObject]
    metadata: JsonObject


@dataclass(frozen=True, slots=True)
class Workflows:
    """Reads workflows; with a `viewer` as they are shown, else as they are kept."""

    queries: Queries
    catalogue: Catalogue
    viewer: Viewer | None = None

    async def row(self, namespace: str, name: str) -> RunRow:
        """Return the row of a live workflow; `@latest` is the newest. Raises NotFound."""
        try:
            return await self.queries.find(namespace, name)
        except NotFound as exc:
            if name == "@latest":
                raise NotFound("no workflows found") from exc
            raise NotFound(f'workflows.argoproj.io "{name}" not found') from exc

    async def get(self, namespace: str, name: str, uid: str, nodes: bool = True) -> JsonObject:
        """Return a workflow; one that is gone, or is not the one of that uid, from the archive.

        Of those of a name that are gone it is the newest. Raises NotFound.
        """
        try:
            row = await self.row(namespace, name)
        except NotFound:
            if uid:
                return await self.of_uid(namespace, uid, name)
            gone = await self._newest_gone(namespace, name)
            if gone is None:
                raise
            return await self.document(gone, True)
        if uid and row.run != uid:
            return await self.of_uid(namespace, uid, name)
        return await self.document(await self.catalogue.listed(row.run), nodes)

    async def _newest_gone(self, namespace: str, name: str) -> Listed | None:
        """Return the newest archived workflow of a name, None if there is none."""
        exact = [NameTest("Exact", name)]
        wanted = Filter(namespace=namespace, names=exact, place="archived")
        return next(iter((await self.catalogue.page(wanted, Page(1))).items), None)

    async def of_uid(self, namespace: str, uid: str, name: str) -> JsonObject:
        """Return a workflow of a namespace from the archive. Raises NotFound."""
        missing = NotFound(f'workflows.argoproj.io "{name}" not found')
        try:
            item = await self.catalogue.listed(RunId(uid))
        except NotFound as exc:
            raise missing from exc
        if item.row.namespace != namespace:
            raise missing
        return await self.document(item, True)

    async def document(self, item: Listed, nodes: bool) -> JsonObject:
        """Return a workflow as clients read it; with its nodes if they are wanted."""
        viewer = self.viewer or Viewer(self.queries)
        if not item.live and nodes:
            whole = await viewer.shown(await self.catalogue.archived(item.row.run))
            return stamped(whole, item)
        whole = await (viewer.whole(item.row) if nodes else viewer.part(item.row))
        return stamped(whole, item)

    async def shown(self, workflow: JsonObject) -> JsonObject:
        """Return a workflow that was read elsewhere as it may be shown."""
        return workflow if self.viewer is None else await self.viewer.shown(workflow)

    async def bare(self, row: RunRow) -> JsonObject:
        """Return a row's workflow without its nodes, also of one that is gone."""
        return await (self.viewer or Viewer(self.queries)).part(row)

    async def page(self, wanted: Selection, nodes: bool, versioned: bool = True) -> PageOfWorkflows:
        """Return a page; archived workflows are shown in part."""
        listing = await self.catalogue.page(wanted.filter, wanted.page)
        found = [await self.document(item, nodes and item.live) for item in listing.items]
        metadata: JsonObject = {"resourceVersion": str(listing.version)} if versioned else {}
        if listing.more:
            metadata["continue"] = str(listing.items[-1].born)
            if wanted.page.counts:
                metadata["remainingItemCount"] = listing.remaining
        return PageOfWorkflows(in_order(found), metadata)


def stamped(document: JsonObject, item: Listed) -> JsonObject:
    """Return a workflow with its version, and what the archive has of it."""
    metadata = document.get("metadata")
    own: JsonObject = {**metadata} if isinstance(metadata, dict) else {}
    labels = own.get("labels")
    if item.archived:
        state = "Archived" if item.live else "Persisted"
        own["labels"] = {**(labels if isinstance(labels, dict) else {}), STATUS_LABEL: state}
    own["resourceVersion"] = str(item.version)
    own.setdefault("generation", 1)
    return {**document, "metadata": own}


def as_persisted(document: JsonObject) -> JsonObject:
    """Return a workflow as the archive shows it, whether it still lives or not."""
    metadata = document.get("metadata")
    own: JsonObject = {**metadata} if isinstance(metadata, dict) else {}
    labels = own.get("labels")
    own["labels"] = {**(labels if isinstance(labels, dict) else {}), STATUS_LABEL: "Persisted"}
    return {**document, "metadata": own}


def in_part(document: JsonObject) -> JsonObject:
    """Return what lists of the archive show of a workflow."""
    shown: JsonObject = {**document}
    for key, wanted in (("spec", _SPEC_IN_LISTS), ("status", _STATUS_IN_LISTS)):
        part = document.get(key)
        if isinstance(part, dict):
            shown[key] = {name: part[name] for name in wanted if name in part}
    return shown


def in_order(documents: Sequence[JsonObject]) -> list[JsonObject]:
    """Return workflows as Argo sorts a page: unfinished first, then by creation or by end."""
    return sorted(documents, key=_place, reverse=True)


def _place(document: JsonObject) -> tuple[bool, str]:
    finished = _text(document.get("status"), "finishedAt")
    created = _text(document.get("metadata"), "creationTimestamp")
    return (not finished, finished or created)


def _text(part: Json, key: str) -> str:
    found = part.get(key) if isinstance(part, dict) else None
    return found if isinstance(found, str) else ""
