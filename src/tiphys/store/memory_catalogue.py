"""`Catalogue` and `TokenBook` in memory. What others of a process do is known at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from tiphys.errors import NotFound
from tiphys.model.base import JsonObject
from tiphys.model.ids import RunId
from tiphys.ports import RunRow
from tiphys.ports_server import Filter, Listed, Listing, Page, RunChange, TokenRow
from tiphys.store.faces import Face, archived_row, face_of, labels_of, parsed
from tiphys.store.objects import Bell


@dataclass(slots=True)
class _Entry:
    item: Listed
    face: Face


@dataclass(slots=True)
class Shelf:
    """What is listed, and what went; shared by all who share a memory."""

    entries: dict[RunId, _Entry] = field(default_factory=dict)
    gone: dict[RunId, RunChange] = field(default_factory=dict)
    copies: dict[RunId, bytes] = field(default_factory=dict)
    forget: Callable[[RunId], object] = lambda _: None
    """Called when the archive forgets a run that is gone."""
    last: int = 0
    bell: Bell = field(default_factory=Bell)

    def put(self, row: RunRow) -> None:
        """Enter a run, or what has become of it."""
        known = self.entries.get(row.run)
        number = self._next()
        face = face_of(labels_of(row.document), row.summary)
        born = known.item.born if known and known.item.live else number
        self.gone.pop(row.run, None)
        archived = known is not None and known.item.archived and row.done
        self.entries[row.run] = _Entry(Listed(row, born, number, True, archived), face)

    def drop(self, run: RunId) -> bool:
        """Enter a run among those that are gone; what the archive has of it stays.

        Tell whether the archive has it.
        """
        entry = self.entries.get(run)
        if entry is None:
            return False
        number = self._next()
        self.gone[run] = RunChange(replace(entry.item, version=number, live=False), True)
        kept = entry.item.archived and run in self.copies
        if kept:
            copy = archived_row(run, parsed(self.copies[run]), entry.item.row.created_at)
            entry.item = replace(entry.item, row=copy, live=False)
        else:
            del self.entries[run]
        return kept

    def _next(self) -> int:
        self.last += 1
        self.bell.ring()
        return self.last

    def renumber(self, entry: _Entry, archived: bool) -> None:
        """Note whether the archive has a workflow."""
        entry.item = replace(entry.item, version=self._next(), archived=archived)


class MemoryCatalogue:
    """One way to a shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def page(self, wanted: Filter, page: Page) -> Listing:
        """Return a part of the list."""
        found = sorted(
            (
                entry.item
                for entry in self._shelf.entries.values()
                if (not page.before or entry.item.born < page.before) and _matches(entry, wanted)
            ),
            key=lambda item: item.born,
            reverse=True,
        )
        shown = found[: page.limit] if page.limit else found
        left = len(found) - len(shown)
        return Listing(shown, left > 0, self._shelf.last, left if page.counts else 0)

    async def listed(self, run: RunId) -> Listed:
        """Return one workflow by its uid. Raises NotFound."""
        entry = self._shelf.entries.get(run)
        if entry is None:
            raise NotFound("not found")
        return entry.item

    async def counts(self, label: str) -> Mapping[str, int]:
        """Return how many live workflows have each value of a label."""
        entries = (entry for entry in self._shelf.entries.values() if entry.item.live)
        return Counter(e.face.labels[label] for e in entries if label in e.face.labels)

    async def number(self) -> int:
        """Return the number of the last change."""
        return self._shelf.last

    async def changed(self, after: int) -> int:
        """Return the number of the last change when it is greater than `after`."""
        while self._shelf.last <= after:
            await self._shelf.bell.wait()
        return self._shelf.last

    async def since(self, after: int, most: int = 0) -> Sequence[RunChange] | None:
        """Return which live workflows changed after that number."""
        live = (RunChange(e.item, False) for e in self._shelf.entries.values() if e.item.live)
        found = [c for c in (*live, *self._shelf.gone.values()) if c.item.version > after]
        return sorted(found, key=lambda change: change.item.version)[: most or None]

    async def label_names(self, namespace: str | None) -> Sequence[str]:
        """Return the names of all labels of archived workflows, sorted."""
        return sorted({name for entry in self._kept(namespace) for name in entry.face.labels})

    async def label_values(self, namespace: str | None, name: str) -> Sequence[str]:
        """Return the values of one label of archived workflows, sorted."""
        labels = (entry.face.labels for entry in self._kept(namespace))
        return sorted({found[name] for found in labels if name in found})

    def _kept(self, namespace: str | None) -> Iterator[_Entry]:
        for entry in self._shelf.entries.values():
            if entry.item.archived and namespace in (None, entry.item.row.namespace):
                yield entry

    async def unarchived(self, most: int) -> Sequence[Listed]:
        """Return workflows that have ended and have no copy in the archive, oldest first."""
        items = (entry.item for entry in self._shelf.entries.values())
        found = [item for item in items if item.row.done and not item.archived and item.live]
        return sorted(found, key=lambda item: item.born)[:most]

    async def archive(self, item: Listed, document: JsonObject) -> bool:
        """Keep a copy of a workflow that has ended; False if it has changed since."""
        entry = self._shelf.entries.get(item.row.run)
        if entry is None or entry.item.version != item.version:
            return False
        self._shelf.copies[item.row.run] = msgspec.json.encode(document)
        self._shelf.renumber(entry, archived=True)
        return True

    async def archived(self, run: RunId) -> JsonObject:
        """Return the copy of a workflow. Raises NotFound."""
        if run not in self._shelf.copies:
            raise NotFound("not found")
        return parsed(self._shelf.copies[run])

    async def forget_archived(self, run: RunId) -> None:
        """Remove the copy of a workflow."""
        self._shelf.copies.pop(run, None)
        entry = self._shelf.entries.get(run)
        if entry is not None and not entry.item.live:
            del self._shelf.entries[run]
            self._shelf.forget(run)


def _matches(entry: _Entry, wanted: Filter) -> bool:
    item, face = entry.item, entry.face
    row = item.row
    tests = (
        wanted.namespace in (None, row.namespace),
        not wanted.not_namespace or row.namespace != wanted.not_namespace,
        wanted.place == "any" or (item.live if wanted.place == "live" else item.archived),
        all(name.matches(row.name) for name in wanted.names),
        all(term.matches(face.labels) for term in wanted.labels),
        wanted.created_after is None or row.created_at >= wanted.created_after,
        wanted.finished_before is None or face.finished_at <= wanted.finished_before,
        wanted.started_after is None or face.started_at > wanted.started_after,
        wanted.started_before is None or face.started_at < wanted.started_before,
    )
    return all(tests)


class MemoryTokens:
    """Tokens that are lost with the process."""

    def __init__(self) -> None:
        self._rows: dict[str, TokenRow] = {}

    async def add(self, row: TokenRow) -> None:
        """Keep a token; those that expired before it was made go."""
        kept = {key: old for key, old in self._rows.items() if old.expires_at > row.created_at}
        self._rows = {**kept, row.id: row}

    async def find(self, identity: str) -> TokenRow | None:
        """Return a token, None if there is none."""
        return self._rows.get(identity)

    async def list(self) -> Sequence[TokenRow]:
        """Return all tokens, the oldest first."""
        return sorted(self._rows.values(), key=lambda row: row.created_at)

    async def revoke(self, identity: str) -> None:
        """Remove a token. Raises NotFound."""
        if identity not in self._rows:
            raise NotFound(f'there is no token "{identity}"; `tiphys auth list` shows them')
        del self._rows[identity]
