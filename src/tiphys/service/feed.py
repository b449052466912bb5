"""What changes among the workflows, for any number of watchers.

The store is asked once for each batch of changes, and a document is made once, however many watch.
Source: reference/rest-api.md 7.3.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from tiphys.errors import TiphysError, UserError
from tiphys.expr.selectors import Requirement
from tiphys.model.base import JsonObject
from tiphys.ports import Clock
from tiphys.ports_server import Catalogue, Filter, Page, RunChange
from tiphys.service.view import Viewer
from tiphys.service.workflows import Workflows, stamped

_KEPT: Final = 10_000
"""Changes that are kept for those who are late, one of each workflow."""
_WARM: Final = 256
"""Of how many changes documents are kept: whole workflows are large."""
_SLICE: Final = 20
"""Changes that are read at a time for one who is later than that, and kept for it alone."""
_PAUSE_SECONDS: Final = 0.05
Kind = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a watcher wants: a namespace and a name ("" for any), labels, with nodes or without."""

    namespace: str = ""
    name: str = ""
    labels: Sequence[Requirement] = ()
    nodes: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to a workflow, as a watcher hears of it.

    `shared` is for what watchers make of it: all who hear the same may take it from there.
    """

    kind: Kind
    document: JsonObject
    shared: dict[str, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class _Noted:
    """The last change of a workflow, with what was made of it so far."""

    change: RunChange
    made: dict[bool, JsonObject] = field(default_factory=dict)
    shared: dict[tuple[bool, Kind], dict[str, bytes]] = field(default_factory=dict)

    def cool(self) -> None:
        """Forget what was made; who is late makes it again."""
        self.made.clear()
        self.shared.clear()


class Feed:
    """Follows the catalogue as long as anybody watches."""

    def __init__(self, workflows: Workflows, catalogue: Catalogue, clock: Clock) -> None:
        """Prepare; nothing is followed before somebody watches."""
        self._workflows = workflows
        self._catalogue = catalogue
        self._clock = clock
        self._noted: dict[str, _Noted] = {}  # by run, the newest change last
        self._warm: deque[_Noted] = deque()
        self._last = 0
        self._floor = 0
        self._condition = asyncio.Condition()
        self._reader: asyncio.Task[None] | None = None
        self._watchers = 0
        self._fault: TiphysError | None = None

    async def watch(self, wanted: Wanted, version: str) -> AsyncIterator[Change]:
        """Yield what there is, if no version is given, and then every change after that.

        Raises UserError for a version that is none, is too old, or that nothing has yet: of a home
        that was put back to an earlier state, say.
        """
        after = _number(version)
        known: set[str] = set()
        self._watchers += 1
        try:
            await self._follow()
            if after:
                await self._check(after)
                known |= await self._matching(wanted, after)
            else:
                after = self._last
                async for change in self._present(wanted, known):
                    yield change
            async for noted in self._after(after):
                heard = await self._heard(noted, wanted, known, after)
                if heard is not None:
                    yield heard
        finally:
            self._watchers -= 1
            if not self._watchers and self._reader is not None:
                self._reader.cancel()
                self._reader = None

    async def _check(self, after: int) -> None:
        """Raise UserError if a version is ahead of everything there is."""
        last = self._last if after <= self._last else await self._catalogue.number()
        if after > last:
            raise UserError(f"Too large resource version: {after}, current: {last}")

    async def _follow(self) -> None:
        """Start following, from now on, if nobody does."""
        if self._reader is None or self._reader.done():
            self._noted.clear()
            self._fault = None
            self._last = self._floor = await self._catalogue.number()
            self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        """Follow the catalogue; if that fails, everybody who watches hears of it."""
        try:
            await self._read_on()
        except TiphysError as exc:
            async with self._condition:
                self._fault = exc
                self._condition.notify_all()

    async def _read_on(self) -> None:
        while True:
            await self._catalogue.changed(self._last)
            changes = await self._catalogue.since(self._last)
            async with self._condition:
                if changes is None:  # so many at once that some are forgotten
                    self._noted.clear()
                    self._last = self._floor = await self._catalogue.number()
                for change in changes or ():
                    self._note(_Noted(change))
                self._condition.notify_all()
            await self._clock.sleep_until(self._clock.now() + _PAUSE_SECONDS)

    def _note(self, noted: _Noted) -> None:
        """Keep a change in the place of an earlier one of the same workflow."""
        run = noted.change.item.row.run
        self._noted.pop(run, None)
        self._noted[run] = noted
        self._last = noted.change.item.version
        if len(self._noted) > _KEPT:
            oldest = self._noted.pop(next(iter(self._noted)))
            self._floor = oldest.change.item.version

    async def _present(self, wanted: Wanted, known: set[str]) -> AsyncIterator[Change]:
        """Yield what there is, oldest first."""
        filter_ = Filter(
            namespace=wanted.namespace or None, labels=tuple(wanted.labels), place="live"
        )
        listing = await self._catalogue.page(filter_, Page())
        for item in reversed(listing.items):
            if wanted.name in {"", item.row.name}:
                known.add(item.row.run)
                yield Change("ADDED", await self._workflows.document(item, wanted.nodes))

    async def _matching(self, wanted: Wanted, after: int) -> set[str]:
        """Return what a watcher may know that has seen a list of that version.

        What has changed since then may have been selected when it was listed.
        """
        if not wanted.labels:
            return set()
        filter_ = Filter(
            namespace=wanted.namespace or None, labels=tuple(wanted.labels), place="live"
        )
        listing = await self._catalogue.page(filter_, Page())
        changes = await self._catalogue.since(after)
        return {item.row.run for item in listing.items if item.born <= after} | {
            change.item.row.run for change in changes or () if change.item.born <= after
        }

    async def _after(self, after: int) -> AsyncIterator[_Noted]:
        """Yield the changes after a number, without end. Raises UserError if it is too old."""
        while True:
            floor = self._floor
            fresh = await (self._earlier(after) if after < floor else self._fresh(after))
            for noted in fresh:
                yield noted
                after = noted.change.item.version
            if len(fresh) < _SLICE:
                after = max(after, floor)  # numbers of which nothing is left are passed

    async def _earlier(self, after: int) -> list[_Noted]:
        """Return some changes after a number that is older than what is kept here."""
        changes = await self._catalogue.since(after, _SLICE)
        if changes is None:
            raise UserError(f"too old resource version: {after} ({self._floor})")
        return [_Noted(change) for change in changes]

    async def _fresh(self, after: int) -> list[_Noted]:
        """Return the changes after a number, oldest first; wait for them."""
        async with self._condition:
            await self._condition.wait_for(lambda: self._fault or self._last > after)
            if self._fault is not None:
                raise self._fault
            found = []
            for noted in reversed(self._noted.values()):
                if noted.change.item.version <= after:
                    break
                found.append(noted)
            return found[::-1]

    async def _heard(
        self, noted: _Noted, wanted: Wanted, known: set[str], since: int
    ) -> Change | None:
        """Return what a watcher hears of a change; None if it is not of interest."""
        item = noted.change.item
        row = item.row
        if wanted.namespace not in {"", row.namespace} or wanted.name not in {"", row.name}:
            return None
        document = await self._document(noted, wanted.nodes)
        labels = _labels(document)
        matches = all(term.matches(labels) for term in wanted.labels)
        was_known = row.run in known
        if noted.change.gone or not matches:
            known.discard(row.run)
            told = was_known or (item.born <= since and matches)
            return _told(noted, "DELETED", document, wanted) if told else None
        known.add(row.run)
        # With a selector it is known what was selected; what comes into it is new to the watcher.
        older = item.born <= since and not wanted.labels
        kind: Kind = "MODIFIED" if was_known or older else "ADDED"
        return _told(noted, kind, document, wanted)

    async def _document(self, noted: _Noted, nodes: bool) -> JsonObject:
        item = noted.change.item
        if noted.change.gone:
            nodes = False
        if nodes not in noted.made:
            if noted.change.gone:
                made = stamped(self._bare(noted), item)
            else:
                made = await self._workflows.document(item, nodes)
            self._keep_warm(noted)
            noted.made[nodes] = made
            return made
        return noted.made[nodes]

    def _keep_warm(self, noted: _Noted) -> None:
        """Keep what is made of a change for a while, in the place of what was made long ago."""
        self._warm.append(noted)
        if len(self._warm) > _WARM:
            self._warm.popleft().cool()

    def _bare(self, noted: _Noted) -> JsonObject:
        return Viewer(self._workflows.queries).bare(noted.change.item.row)


def _told(noted: _Noted, kind: Kind, document: JsonObject, wanted: Wanted) -> Change:
    return Change(kind, document, noted.shared.setdefault((wanted.nodes, kind), {}))


def _number(version: str) -> int:
    if version in {"", "0"}:
        return 0
    if not version.isascii() or not version.isdigit() or len(version) > 18:
        raise UserError(f"invalid resource version: {version[:40]!r}")
    return int(version)


def _labels(document: JsonObject) -> dict[str, str]:
    metadata = document.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    return {k: str(v) for k, v in labels.items()} if isinstance(labels, dict) else {}
