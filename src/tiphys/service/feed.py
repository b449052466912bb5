"""What changes among the workflows, for any number of watchers.

The store is asked once for each batch of changes, and a document is made once, however many watch.
A watcher is a number, up to which it has heard everything. Nothing is queued for it: it reads some
changes at a time from a window that all share, and who is later than the window reads the store.
So what a watcher costs depends neither on how late it is nor on how many workflows there were.

Who is late hears that a workflow came and how it is now, not what it was in between. Who is
later than the window may be told ADDED again of what it knows, with the whole workflow each time,
and DELETED of what it does not.
Source: reference/rest-api.md 7.3.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from tiphys.errors import NotFound, TiphysError, UserError
from tiphys.expr.selectors import Requirement
from tiphys.model.base import JsonObject
from tiphys.model.ids import RunId
from tiphys.ports import Clock
from tiphys.ports_server import Catalogue, Filter, Listed, NameTest, Page, RunChange
from tiphys.service.feed_window import Kind, Made, Noted, Warm, Window, noted
from tiphys.service.numbers import Numbers
from tiphys.service.workflows import Workflows, stamped

_KEPT: Final = 10_000
"""Changes in the window, a few hundred bytes each."""
_WARM: Final = 1_024
"""Of how many workflows and nodes documents are kept."""
_SLICE: Final = 250
"""Changes that a watcher reads at a time."""
_STORED: Final = 20
"""Changes that are read at a time for one who is later than the window, and made for it alone."""
_BATCH: Final = 500
"""Changes that are noted at a time."""
_PAGE: Final = 100
"""Workflows that are read at a time for one who begins."""
_TOGETHER: Final = 32
_PAUSE_SECONDS: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a watcher wants: a namespace and a name ("" for any), labels, with nodes or without."""

    namespace: str = ""
    name: str = ""
    labels: Sequence[Requirement] = ()
    nodes: bool = True

    def covers(self, item: Noted) -> bool:
        """Tell whether a workflow of that namespace and name may be wanted."""
        return self.namespace in {"", item.namespace} and self.name in {"", item.name}

    def filter(self) -> Filter:
        """Return what lists what is wanted."""
        return Filter(
            namespace=self.namespace or None,
            names=[NameTest("Exact", self.name)] if self.name else (),
            labels=tuple(self.labels),
            place="live",
        )


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to a workflow, as a watcher hears of it.

    `shared` is for what watchers make of it: all who hear the same may take it from there.
    """

    kind: Kind
    document: JsonObject
    shared: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Read:
    """All changes up to a number: kept in the window, or read of the store; `is_last`: no more."""

    changes: Sequence[Noted]
    end: int
    is_kept: bool
    is_last: bool = False


@dataclass(slots=True)
class _Watcher:
    """It has heard everything up to `at`.

    It knows what was born before it `began`, and what it was first told of up to `knows`. Who
    selects by labels knows what was `selected` instead, since that comes and goes.
    """

    wanted: Wanted
    began: int
    at: int
    knows: int
    selected: Numbers = field(default_factory=Numbers)
    is_late: bool = False

    def advance(self, read: _Read) -> None:
        """Take down that it has heard all that was read.

        Of the store only last changes are read, and none of what went on before: so, unless that
        was all there is, it is not known what it knows until it has caught up.
        """
        self.at = read.end
        self.is_late = not read.is_last and (self.is_late or not read.is_kept)
        if not self.is_late:
            self.knows = read.end
        if read.is_last and not read.is_kept:
            self.began = read.end

    def is_known(self, item: Noted) -> bool:
        """Tell whether it was told of a workflow, or was told nothing of what there was before."""
        if self.wanted.labels:
            return item.born in self.selected
        return item.born <= self.began or item.first <= self.knows

    def needs(self, item: Noted) -> bool:
        """Tell whether it must hear of a change now: another one may follow that says more."""
        follows = item.superseded and (bool(self.wanted.labels) or self.is_known(item))
        return self.wanted.covers(item) and not follows

    def note(self, item: Noted, matches: bool) -> Kind | None:
        """Take down that it hears of a workflow; return what that is to it, None for nothing."""
        known = self.is_known(item)
        if item.gone or not matches:
            self.selected.discard(item.born)
            return "DELETED" if known or (item.gone and self.is_late) else None
        if self.wanted.labels:
            self.selected.add(item.born)
        return "MODIFIED" if known else "ADDED"


class Feed:
    """Follows the catalogue as long as anybody watches."""

    def __init__(self, workflows: Workflows, catalogue: Catalogue, clock: Clock) -> None:
        """Prepare; nothing is followed before somebody watches."""
        self._workflows = workflows
        self._catalogue = catalogue
        self._clock = clock
        self._window = Window(_KEPT)
        self._warm = Warm(_WARM)
        self._condition = asyncio.Condition()
        self._turns = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None
        self._watchers = 0
        self._fault: TiphysError | None = None

    async def watch(self, wanted: Wanted, version: str) -> AsyncIterator[Change]:
        """Yield what there is, if no version is given, and then every change after that.

        Raises UserError for a version that is none, is too old, or that nothing has yet: of a home
        that was put back to an earlier state, say.
        """
        async with aclosing(self.batches(wanted, version)) as batches:
            async for changes in batches:
                for change in changes:
                    yield change

    async def batches(self, wanted: Wanted, version: str) -> AsyncGenerator[list[Change], None]:
        """Yield the same, some changes at a time where there are several. Raises UserError."""
        after = _number(version)
        self._watchers += 1
        try:
            await self._follow()
            last = await self._catalogue.number()
            if after > last:
                raise UserError(f"Too large resource version: {after}, current: {last}")
            at = after or last
            watcher = _Watcher(wanted, at, at, at)
            if not after:
                async for change in self._present(watcher):
                    yield [change]
            elif wanted.labels:
                await self._recall(watcher)
            while True:
                async for changes in self._heard(watcher):
                    yield changes
        finally:
            self._watchers -= 1
            if not self._watchers and self._reader is not None:
                self._reader.cancel()
                self._reader = None

    # --------------------------------------------------------------------------- following

    async def _follow(self) -> None:
        """Start following, from now on, if nobody does."""
        if self._reader is None or self._reader.done():
            self._fault = None
            self._window = Window(_KEPT, await self._catalogue.number())
            self._reader = asyncio.create_task(self._keep_up())

    async def _keep_up(self) -> None:
        """Follow the catalogue; if that fails, everybody who watches hears of it."""
        try:
            while True:
                await self._read_some()
                await self._pause()
        except TiphysError as exc:
            async with self._condition:
                self._fault = exc
                self._condition.notify_all()

    async def _pause(self) -> None:
        """Let changes come together: longer if it took the process long to tell of the last ones.

        Then watchers hear less often, and less of what was in between, and others have their turn.
        """
        due = self._clock.now() + _PAUSE_SECONDS
        await self._clock.sleep_until(due)
        busy = self._clock.now() - due
        if busy > _PAUSE_SECONDS:
            await self._clock.sleep_until(due + min(2 * busy, _LONGEST_PAUSE_SECONDS))

    async def _read_some(self) -> None:
        """Note what has changed, when something has."""
        last = await self._catalogue.changed(self._window.last)
        changes = await self._catalogue.since(self._window.last, _BATCH)
        async with self._condition:
            if changes is None:  # so many at once that some are forgotten
                self._window = Window(_KEPT, last)
            for change in changes or ():
                item = noted(change)
                self._window.add(item)
                self._warm.keep(item, 1)
            if changes is not None and len(changes) < _BATCH:
                self._window.last = max(self._window.last, last)  # of some numbers nothing is left
            self._condition.notify_all()

    # ---------------------------------------------------------------------------- beginning

    async def _present(self, watcher: _Watcher) -> AsyncIterator[Change]:
        """Yield what there was when the watcher began, oldest first; what came since follows."""
        wanted = watcher.wanted
        cuts = [watcher.at + 1]  # pages begin with the newest, so where they do is found first
        cuts.extend([page[-1].born async for page in self._pages(wanted, cuts[0])])
        for before, oldest in zip(reversed(cuts[:-1]), reversed(cuts[1:]), strict=True):
            present = [item async for page in self._pages(wanted, before, oldest) for item in page]
            for item in reversed(present):
                if wanted.labels:
                    watcher.selected.add(item.born)
                yield Change("ADDED", await self._workflows.document(item, wanted.nodes))

    async def _pages(
        self, wanted: Wanted, before: int, oldest: int = 0
    ) -> AsyncIterator[Sequence[Listed]]:
        """Yield what is wanted and was born in that time, newest first, some at a time."""
        more = True
        while more and before > oldest:
            await asyncio.sleep(0)  # others have their turn
            listing = await self._catalogue.page(wanted.filter(), Page(_PAGE, before))
            items = [item for item in listing.items if item.born >= oldest]
            more = listing.more and len(items) == len(listing.items)
            if items:
                before = items[-1].born
                yield items

    async def _recall(self, watcher: _Watcher) -> None:
        """Take down what a watcher may know that has seen a list of the version it names.

        What has changed since then may have been selected when it was listed.
        """
        async for page in self._pages(watcher.wanted, watcher.at + 1):
            for item in page:
                watcher.selected.add(item.born)
        after = watcher.at
        while changes := await self._catalogue.since(after, _PAGE):
            for change in changes:
                if change.item.born <= watcher.at:
                    watcher.selected.add(change.item.born)
            after = changes[-1].item.version

    # ------------------------------------------------------------------------------ telling

    async def _heard(self, watcher: _Watcher) -> AsyncIterator[list[Change]]:
        """Yield what is next for a watcher; wait for it."""
        read = await self._read(watcher.at)
        together = 1 if watcher.wanted.nodes else _TOGETHER  # whole workflows are large
        told: list[Change] = []
        await self._turn()
        for item in read.changes:
            change = await self._told(item, watcher) if watcher.needs(item) else None
            if change is not None:
                told.append(change)
            if len(told) == together:
                yield told
                told = []
                await self._turn()
        if told:
            yield told
        watcher.advance(read)

    async def _turn(self) -> None:
        """Wait for one's turn: one watcher in each round of the event loop.

        All are woken at once, and a request that takes several rounds would wait for all each time.
        """
        async with self._turns:
            await asyncio.sleep(0)

    async def _read(self, after: int) -> _Read:
        """Return the first changes after a number. Raises UserError if it is too old."""
        async with self._condition:
            await self._condition.wait_for(lambda: self._fault or self._window.last > after)
            if self._fault is not None:
                raise self._fault
            window = self._window
            if after >= window.floor:
                some, end = window.after(after, _SLICE)
                return _Read(some, end, is_kept=True, is_last=end == window.last)
            floor = window.floor
        changes = await self._catalogue.since(after, _STORED)
        if changes is None:
            raise _too_old(after, floor)
        end = changes[-1].item.version if changes else after
        if len(changes) < _STORED:
            end = max(end, floor)  # numbers of which nothing is left are passed
        some = [noted(one) for one in changes]
        return _Read(some, end, is_kept=False, is_last=len(some) < _STORED)

    async def _told(self, item: Noted, watcher: _Watcher) -> Change | None:
        """Return what a watcher hears of a change; None if it is not of interest."""
        made = item.made or await self._make(item)
        if made is None:
            return None
        nodes = watcher.wanted.nodes and not made.change.gone
        document = made.documents.get(nodes) or await self._document(item, made, nodes)
        labels = _labels(document) if watcher.wanted.labels else {}
        kind = watcher.note(item, all(term.matches(labels) for term in watcher.wanted.labels))
        if kind is None:
            return None
        return Change(kind, document, made.shared.setdefault((nodes, kind), {}))

    async def _make(self, item: Noted) -> Made | None:
        """Read a change again, as its workflow is now; None if nothing is left of it."""
        change = await self._look_up(item)
        if change is None:
            return None
        item.made = Made(change)
        self._keep_warm(item, 1)
        return item.made

    async def _look_up(self, item: Noted) -> RunChange | None:
        while True:
            latest = self._window.latest(item.run)
            change = await self._stored(latest or item)
            if change is not None or latest is None:
                return change
            async with self._condition:  # it has changed or gone since, which is noted soon
                await self._condition.wait_for(partial(self._goes_on, item.run, latest))
            if self._fault is not None:
                raise self._fault

    def _goes_on(self, run: RunId, seen: Noted) -> bool:
        """Tell whether a run has a later change than one, or nothing can be followed any more."""
        return self._fault is not None or self._window.latest(run) is not seen

    async def _stored(self, latest: Noted) -> RunChange | None:
        """Return a workflow's last change; None if there is a later one that is not noted yet."""
        if latest.made is not None:
            return latest.made.change
        if latest.gone:
            found = await self._catalogue.since(latest.number - 1, 1)
            if found is None:
                raise _too_old(latest.number - 1, self._window.floor)
            return next((one for one in found if one.item.row.run == latest.run), None)
        try:
            item = await self._catalogue.listed(latest.run)
        except NotFound:
            return None
        return RunChange(item, False) if item.live else None

    async def _document(self, item: Noted, made: Made, nodes: bool) -> JsonObject:
        listed = replace(made.change.item, version=item.number)
        if made.change.gone:
            document = stamped(await self._workflows.bare(listed.row), listed)
        else:
            document = await self._workflows.document(listed, nodes)
        made.documents[nodes] = document
        self._keep_warm(item, _weight(document))
        return document

    def _keep_warm(self, item: Noted, weight: int) -> None:
        """Keep what was made of a change that others will read, too."""
        if self._window.holds(item):
            self._warm.keep(item, weight)


def _weight(document: JsonObject) -> int:
    status = document.get("status")
    nodes = status.get("nodes") if isinstance(status, dict) else None
    return 1 + (len(nodes) if isinstance(nodes, dict) else 0)


def _too_old(after: int, floor: int) -> UserError:
    return UserError(f"too old resource version: {after} ({floor})")


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
