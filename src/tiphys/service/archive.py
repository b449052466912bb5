"""The archive: a copy of every workflow that has ended, which outlives it.

Source: reference/rest-api.md 9.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tiphys.errors import Impossible, NotFound, TiphysError, UserError
from tiphys.model.base import JsonObject
from tiphys.model.ids import RunId
from tiphys.ports import Clock, RunRow
from tiphys.ports_server import Catalogue, Listed, Page
from tiphys.service.selection import Asked, requirements, selection
from tiphys.service.workflows import PageOfWorkflows, Workflows, as_persisted, in_part

_log = logging.getLogger(__name__)
_BATCH: Final = 100
_PAUSE_SECONDS: Final = 0.5
OFF: Final = "getting archived workflows not supported"


@dataclass(frozen=True, slots=True)
class Archive:
    """Keeps and reads copies; does neither if it is not `on`."""

    workflows: Workflows
    catalogue: Catalogue
    clock: Clock
    on: bool = True

    async def keep_up(self) -> None:
        """Copy every workflow that has ended, for ever; what fails is tried again."""
        number = -1
        while self.on:
            try:
                while await self.sweep():
                    pass
                number = await self.catalogue.changed(number)
            except TiphysError as exc:
                _log.warning("workflows cannot be archived: %s", exc)
            await self.clock.sleep_until(self.clock.now() + _PAUSE_SECONDS)

    async def keep(self, row: RunRow) -> bool:
        """See to it that the archive has a workflow that has ended; tell whether it has."""
        while row.done and self.on:
            item = await self.catalogue.listed(row.run)
            if item.archived:
                return True
            if not item.live or not item.row.done:
                break
            document = await self.workflows.document(item, nodes=True)
            await self.catalogue.archive(item, document)
        return False

    async def sweep(self) -> bool:
        """Copy some; tell whether any copy was made."""
        made = False
        for item in await self.catalogue.unarchived(_BATCH):
            document = await self.workflows.document(item, nodes=True)
            made |= await self.catalogue.archive(item, document)
        return made

    async def page(self, asked: Asked) -> PageOfWorkflows:
        """Return a page of archived workflows; none if there is no archive."""
        if not self.on:
            return PageOfWorkflows([], {})
        page = await self.workflows.page(selection(asked, "archived"), False, versioned=False)
        return PageOfWorkflows([in_part(as_persisted(item)) for item in page.items], page.metadata)

    async def find(self, uid: str, namespace: str, name: str) -> Listed:
        """Return an archived workflow by its uid, or the newest of a name.

        Raises NotFound; Impossible with Argo's text if there is no archive.
        """
        self._check()
        if not uid and not (namespace and name):
            raise UserError("both name and namespace are required if uid is not specified")
        if uid:
            item = await self.catalogue.listed(RunId(uid))
            if item.archived and namespace in {"", item.row.namespace}:
                return item
            raise NotFound("not found")
        asked = Asked(namespace=namespace, fields=f"metadata.name={name}", limit=1)
        wanted = selection(asked, "archived")
        found = await self.catalogue.page(wanted.filter, Page(1))
        if not found.items:
            raise NotFound("not found")
        return found.items[0]

    async def document(self, item: Listed) -> JsonObject:
        """Return the copy of an archived workflow. Raises NotFound."""
        found = await self.catalogue.archived(item.row.run)
        return as_persisted(found)

    async def label_names(self, namespace: str) -> Sequence[str]:
        """Return the names of all labels."""
        return await self.catalogue.label_names(namespace or None) if self.on else []

    async def label_values(self, namespace: str, selector: str) -> Sequence[str]:
        """Return the values of the one label that the selector names. Raises UserError."""
        terms = requirements(selector)
        if len(terms) != 1:
            raise UserError(f"only allow 1 labelRequirement, found {len(terms)}")
        if terms[0].operator != "exists":
            raise UserError(f"operation {terms[0].operator} is not supported")
        if not self.on:
            return []
        return await self.catalogue.label_values(namespace or None, terms[0].key)

    def _check(self) -> None:
        if not self.on:
            raise Impossible(OFF)
