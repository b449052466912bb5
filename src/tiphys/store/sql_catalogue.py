"""`Catalogue` in the home's database. Changes by other processes are noticed by looking."""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tiphys.errors import NotFound
from tiphys.model.base import JsonObject
from tiphys.model.ids import RunId
from tiphys.ports import RunRow
from tiphys.ports_database import Database, Transaction
from tiphys.ports_server import Filter, Listed, Listing, Page, RunChange
from tiphys.store import retired
from tiphys.store.faces import archived_row, parsed, part
from tiphys.store.filters import Clause, clauses, driver
from tiphys.store.objects import Bell
from tiphys.store.recording import next_number

_LOOK_SECONDS: Final = 0.2
_CLUSTER: Final = "default"
_ALL: Final = 1 << 62
_NUL: Final = r"\u0000"
_NUL_WORD: Final = "ARGO_POSTGRES_NULL_REPLACEMENT"
"""What stands for a NUL in the archive, since Postgres has no text with one; as in Argo."""
_NULS: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_BY_LABEL: Final = "run_labels d CROSS JOIN run_index i ON i.born = d.born"
_FEW: Final = 2_000
_ENTRY: Final = "i.born, i.version, i.live, i.archived, i.run, i.created_at"
_RUN: Final = 4
"""Where `_ENTRY` has the run, and below where it says whether that lives."""
_IS_LIVE: Final = 2
_LIVE: Final = (
    "r.uid, r.namespace, r.name, r.created_at, r.done, r.owner, r.epoch, r.runtime,"
    " t.document, r.summary, t.extras"
)
_JOINED: Final = (
    f"SELECT {_ENTRY}, {_LIVE} FROM run_index i LEFT JOIN runs r ON r.uid = i.run"  # noqa: S608
    " LEFT JOIN run_texts t ON t.run = i.run"
)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where workflows are looked for: tables, their order, and what holds there."""

    tables: str
    order: str
    holds: Clause | None = None


class SqlCatalogue:
    """The lists of a database."""

    def __init__(self, database: Database) -> None:
        """Use a database that its store closes."""
        self._database = database
        self._bell = Bell()
        self._patience = database.on_change(self._bell.ring_from_afar)

    def ring(self) -> None:
        """Wake those who wait for a change."""
        self._bell.ring()

    # -------------------------------------------------------------------------------- lists

    async def page(self, wanted: Filter, page: Page) -> Listing:
        """Return a part of the list."""
        version = await self.number()
        before = page.before or _ALL
        sources = await self._sources(wanted)
        borns = await self._borns(wanted, sources, before, page.limit + 1 if page.limit else _ALL)
        more = bool(page.limit) and len(borns) > page.limit
        shown = borns[: page.limit] if page.limit else borns
        remaining = await self._count(wanted, sources, shown[-1]) if more and page.counts else 0
        return Listing(await self._items(shown), more, version, remaining)

    async def _borns(
        self, wanted: Filter, sources: Sequence[_Source], before: int, limit: int
    ) -> list[int]:
        """Return which workflows are wanted, newest first, from the index alone."""
        found = [
            await self._database.read(
                f"SELECT i.born {text} ORDER BY {source.order} DESC LIMIT ?",
                [*values, limit],
            )
            for source in sources
            for text, values in [_where(source, wanted, before)]
        ]
        merged = heapq.merge(*([int(born) for (born,) in rows] for rows in found), reverse=True)
        return [*itertools.islice(merged, limit)]

    async def _sources(self, wanted: Filter) -> Sequence[_Source]:
        """Return where to look: together they have all that is wanted, and nothing twice."""
        first = driver(wanted)
        if first is not None:
            return [
                _Source(_BY_LABEL, "d.born", ("d.name = ? AND d.value = ?", (first.key, value)))
                for value in dict.fromkeys(first.values)
            ]
        for term in wanted.labels:
            if term.operator == "exists" and await self._is_rare(term.key):
                return [_Source(_BY_LABEL, "d.born", ("d.name = ?", (term.key,)))]
        return [_Source("run_index i", "i.born")]

    async def _is_rare(self, label: str) -> bool:
        """Tell whether few workflows have a label, whatever its value.

        All of those are gone through, since they are not in order. Of a common one a page is
        found sooner among all workflows.
        """
        query = "SELECT COUNT(*) FROM (SELECT 1 FROM run_labels WHERE name = ? LIMIT ?) AS found"
        return int((await self._database.read(query, (label, _FEW)))[0][0]) < _FEW

    async def _count(self, wanted: Filter, sources: Sequence[_Source], before: int) -> int:
        total = 0
        for source in sources:
            text, values = _where(source, wanted, before)
            rows = await self._database.read(f"SELECT COUNT(*) {text}", values)
            total += int(rows[0][0])
        return total

    async def _items(self, borns: Sequence[int]) -> list[Listed]:
        """Return the entries; one that was removed a moment ago is left out."""
        found: list[Listed] = []
        for start in range(0, len(borns), 500):
            some = borns[start : start + 500]
            marks = ",".join("?" * len(some))
            query = f"{_JOINED} WHERE i.born IN ({marks}) ORDER BY i.born DESC"
            found += await self._entries(await self._database.read(query, some))
        return found

    async def _entries(self, rows: Sequence[tuple[Any, ...]]) -> list[Listed]:
        """Return what a query for `_JOINED` found; one whose copy is gone as well is left out."""
        gone = [row[_RUN] for row in rows if not _lives(row)]
        parts = await self._parts(gone) if gone else {}
        found = []
        for row in rows:
            born, version, _, archived, run, created_at, *own = row
            if _lives(row):
                found.append(Listed(_row(own), born, version, True, bool(archived)))
            elif run in parts:
                made = archived_row(run, parsed(parts[run]), created_at)
                found.append(Listed(made, born, version, False, True))
        return found

    async def _parts(self, runs: Sequence[str]) -> Mapping[str, str]:
        """Return the part that lists show of each archived copy, as JSON."""
        marks = ",".join("?" * len(runs))
        rows = await self._database.read(
            f"SELECT uid, {self._database.archived_part} FROM argo_archived_workflows"  # noqa: S608 - our own words
            f" WHERE clustername = ? AND uid IN ({marks})",
            (_CLUSTER, *runs),
        )
        return {uid: text.replace(_NUL_WORD, _NUL) for uid, text in rows}

    async def listed(self, run: RunId) -> Listed:
        """Return one workflow by its uid. Raises NotFound."""
        for item in await self._entries(
            await self._database.read(f"{_JOINED} WHERE i.run = ?", (run,))
        ):
            return item
        raise NotFound("not found")

    async def counts(self, label: str) -> Mapping[str, int]:
        """Return how many live workflows have each value of a label."""
        rows = await self._database.read(
            "SELECT l.value, COUNT(*) FROM run_labels l JOIN run_index i ON i.born = l.born"
            " WHERE l.name = ? AND i.live = 1 GROUP BY l.value",
            (label,),
        )
        return {str(value): int(count) for value, count in rows}

    # ------------------------------------------------------------------------------ changes

    async def number(self) -> int:
        """Return the number of the last change."""
        return int((await self._database.read("SELECT last FROM run_numbers", ()))[0][0])

    async def changed(self, after: int) -> int:
        """Return the number of the last change when it is greater than `after`."""
        while (last := await self.number()) <= after:
            await self._bell.wait(self._patience or _LOOK_SECONDS)
        return last

    async def since(self, after: int, most: int = 0) -> Sequence[RunChange] | None:
        """Return which live workflows changed after that number; None if that is forgotten."""
        if after < int((await self._database.read("SELECT horizon FROM run_numbers", ()))[0][0]):
            return None
        upto = await self.number()  # what is committed between the two queries comes the next time
        query = (
            f"{_JOINED} WHERE i.version > ? AND i.version <= ? AND i.live = 1"
            " ORDER BY i.version LIMIT ?"
        )
        rows = await self._database.read(query, (after, upto, most or _ALL))
        found = [RunChange(item, False) for item in await self._entries(rows)]
        gone = await self._database.read(
            "SELECT born, version, run, namespace, name, created_at, document, summary"
            " FROM gone_runs WHERE version > ? AND version <= ? ORDER BY version LIMIT ?",
            (after, upto, most or _ALL),
        )
        found += [_gone(row) for row in gone]
        return sorted(found, key=lambda change: change.item.version)[: most or None]

    # ------------------------------------------------------------------------------ archive

    async def label_names(self, namespace: str | None) -> Sequence[str]:
        """Return the names of all labels of archived workflows, sorted."""
        return await self._distinct("name", "1 = 1", (), namespace)

    async def label_values(self, namespace: str | None, name: str) -> Sequence[str]:
        """Return the values of one label of archived workflows, sorted."""
        return await self._distinct("value", "l.name = ?", (name,), namespace)

    async def _distinct(
        self, column: str, which: str, values: tuple[str, ...], namespace: str | None
    ) -> Sequence[str]:
        """Return what a column of the labels of archived workflows has, each once.

        The index is asked for the next one after each, so that the work is in proportion to what is
        found, not to how many workflows there are.
        """
        first = f"SELECT MIN(l.{column}) FROM run_labels l WHERE {which}"  # noqa: S608 - our own words
        place = "" if namespace is None else " AND i.namespace = ?"
        rows = await self._database.read(
            f"WITH RECURSIVE each_one(word) AS ({first} UNION ALL"  # noqa: S608 - our own words
            f" SELECT ({first} AND l.{column} > each_one.word) FROM each_one"
            " WHERE each_one.word IS NOT NULL)"
            " SELECT word FROM each_one WHERE word IS NOT NULL AND (SELECT i.archived"
            " FROM run_labels l JOIN run_index i ON i.born = l.born"
            f" WHERE {which} AND l.{column} = each_one.word AND i.archived = 1{place} LIMIT 1) = 1"
            " ORDER BY word",
            (*values, *values, *values, *(() if namespace is None else (namespace,))),
        )
        return [str(word) for (word,) in rows]

    async def unarchived(self, most: int) -> Sequence[Listed]:
        """Return workflows that have ended and have no copy in the archive, oldest first."""
        query = (
            f"{_JOINED} WHERE i.done = 1 AND i.archived = 0 AND i.live = 1 ORDER BY i.born LIMIT ?"
        )
        return await self._entries(await self._database.read(query, (most,)))

    async def archive(self, item: Listed, document: JsonObject) -> bool:
        """Keep a copy of a workflow that has ended; False if it has changed since."""
        row, status = item.row, part(document, "status")
        labels = part(part(document, "metadata"), "labels")

        def work(db: Transaction) -> bool:
            cursor = db.execute(
                "UPDATE run_index SET archived = 1, version = ? WHERE born = ? AND version = ?",
                (next_number(db), item.born, item.version),
            )
            if cursor.rowcount != 1:
                return False
            db.execute(
                self._archiving(),
                (
                    *(_CLUSTER, row.run, row.name, row.namespace, str(status.get("phase", ""))),
                    *(status.get("startedAt"), status.get("finishedAt")),
                    _without_nul(msgspec.json.encode(document).decode()),
                    part(document, "metadata").get("creationTimestamp"),
                ),
            )
            _forget_labels(db, row.run)
            db.executemany(
                "INSERT INTO argo_archived_workflows_labels (clustername, uid, name, value)"
                " VALUES (?, ?, ?, ?)",
                [(_CLUSTER, row.run, name, str(value)) for name, value in labels.items()],
            )
            return True

        done = await self._database.write(work)
        self.ring()
        return done

    def _archiving(self) -> str:
        """Return the statement that keeps a copy, or puts it in the place of an earlier one."""
        time = self._database.archived_time
        kept = ("name", "namespace", "phase", "startedat", "finishedat", "workflow")
        changed = ", ".join(f"{name} = excluded.{name}" for name in (*kept, "creationtimestamp"))
        return (
            "INSERT INTO argo_archived_workflows (clustername, uid, instanceid,"  # noqa: S608
            f" {', '.join(kept)}, creationtimestamp) VALUES (?, ?, '', ?, ?, ?,"
            f" {time}, {time}, {self._database.archived_json}, {time})"
            f" ON CONFLICT (clustername, uid) DO UPDATE SET {changed}"
        )

    async def archived(self, run: RunId) -> JsonObject:
        """Return the copy of a workflow. Raises NotFound."""
        rows = await self._database.read(
            "SELECT workflow FROM argo_archived_workflows WHERE clustername = ? AND uid = ?",
            (_CLUSTER, run),
        )
        if not rows:
            raise NotFound("not found")
        return parsed(rows[0][0].replace(_NUL_WORD, _NUL))

    async def forget_archived(self, run: RunId) -> None:
        """Remove the copy of a workflow; a live one is entered as one not to be archived."""

        def work(db: Transaction) -> None:
            db.execute(
                "DELETE FROM argo_archived_workflows WHERE clustername = ? AND uid = ?",
                (_CLUSTER, run),
            )
            _forget_labels(db, run)
            retired.forget(db, run)
            db.execute(
                "DELETE FROM run_labels WHERE born ="
                " (SELECT born FROM run_index WHERE run = ? AND live = 0)",
                (run,),
            )
            db.execute("DELETE FROM run_index WHERE run = ? AND live = 0", (run,))

        await self._database.write(work)


def _where(source: _Source, wanted: Filter, before: int) -> tuple[str, list[object]]:
    """Return the tables and conditions of a search, with their values."""
    own = [source.holds] if source.holds else []
    every = [*own, (f"{source.order} < ?", (before,)), *clauses(wanted)]
    text = " AND ".join(text for text, _ in every)
    return f"FROM {source.tables} WHERE {text}", [value for _, values in every for value in values]


def _without_nul(text: str) -> str:
    """Return a JSON text as Argo's archive can hold it.

    Differs: the text `\\\\u0000`, a backslash and what looks like an escape, stays as it is.
    """
    return _NULS.sub(rf"\1{_NUL_WORD}", text) if _NUL in text else text


def _forget_labels(db: Transaction, run: RunId) -> None:
    db.execute(
        "DELETE FROM argo_archived_workflows_labels WHERE clustername = ? AND uid = ?",
        (_CLUSTER, run),
    )


def _lives(row: Sequence[Any]) -> bool:
    """Tell whether what `_JOINED` found has a row of its own."""
    return bool(row[_IS_LIVE]) and row[len(_ENTRY.split(","))] is not None


def _row(found: Sequence[Any]) -> RunRow:
    uid, namespace, name, created_at, done, owner, epoch, runtime, *texts = found
    return RunRow(
        RunId(uid), namespace, name, created_at, bool(done), owner, epoch, runtime, *texts
    )


def _gone(found: tuple[Any, ...]) -> RunChange:
    born, version, run, namespace, name, created_at, document, summary = found
    row = RunRow(RunId(run), namespace, name, created_at, True, "", 0, "", document, summary)
    return RunChange(Listed(row, born, version, False), True)
