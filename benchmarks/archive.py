"""Lists of a large archive: 10^5 workflows that have ended, asked for as clients ask.

A server is started over the filled home (SQLite) or database (Postgres), and each question is asked
`TIMES` times in turn over one connection, so what is measured is all of an answer: the query,
reading documents, JSON, HTTP. The first few of each are not counted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import aiohttp

from benchmarks.archived_rows import APART_SECONDS, BEGAN, COUNT, RARE, fill
from benchmarks.clusters import cluster
from benchmarks.measure import CommandError, Measured
from benchmarks.serving import served
from tiphys.ports_database import Database
from tiphys.store.owners import Owner
from tiphys.store.sqlite import SqliteDatabase

TIMES: Final = 300
FIRST: Final = 10
PAGE: Final = 50
AIM_MS: Final = 50.0
_API: Final = "/api/v1/archived-workflows"
_PHASE: Final = "workflows.argoproj.io/phase"
_MIDDLE: Final = COUNT // 2


def _day(number: int) -> str:
    at = time.gmtime(BEGAN + number * APART_SECONDS)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", at)


_QUESTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "first page": {},
    "first page, with how many remain": {
        "listOptions.fieldSelector": "ext.showRemainingItemCount=true"
    },
    "page in the middle": {"listOptions.continue": str(_MIDDLE)},
    "a namespace": {"namespace": "research"},
    "label, one in eight": {"listOptions.labelSelector": "team=maps"},
    "label, one in a thousand": {"listOptions.labelSelector": RARE},
    "label, nobody has it": {"listOptions.labelSelector": "team=nobody"},
    "two labels": {"listOptions.labelSelector": "team=maps,app in (report,backup)"},
    "label, all but": {"listOptions.labelSelector": "team notin (maps,mail)"},
    "phase Failed": {"listOptions.labelSelector": f"{_PHASE}=Failed"},
    "phase Error, in a namespace": {
        "listOptions.labelSelector": f"{_PHASE}=Error",
        "namespace": "research",
    },
    "name prefix": {"namePrefix": "train-"},
    "name prefix, of nobody": {"namePrefix": "zzz-"},
    "name has a part": {
        "listOptions.fieldSelector": "metadata.name=model-0a",
        "nameFilter": "Contains",
    },
    "name has a part, nobody's": {
        "listOptions.fieldSelector": "metadata.name=nobody",
        "nameFilter": "Contains",
    },
    "begun in the last day": {"listOptions.fieldSelector": f"spec.startedAt>{_day(COUNT - 1_440)}"},
    "begun in one hour long ago": {
        "listOptions.fieldSelector": f"spec.startedAt>{_day(1_000)},spec.startedAt<{_day(1_060)}"
    },
    "long ago, with label and phase": {
        "listOptions.fieldSelector": f"spec.startedAt<{_day(3_000)}",
        "listOptions.labelSelector": f"team=maps,{_PHASE}=Failed",
    },
}


def archive_costs(folder: Path) -> Iterator[Measured]:
    """Yield the p50 and p99 of each question, in SQLite and in Postgres."""
    home = folder / "archive"
    home.mkdir()
    yield from _costs("SQLite", home, SqliteDatabase(home), ())
    yield from _postgres(folder / "elsewhere")


def _postgres(home: Path) -> Iterator[Measured]:
    with cluster() as server:
        from tiphys.store.postgres import PostgresDatabase
        from tiphys.store.postgres_address import parse_address

        home.mkdir()
        url = server.new()
        with closing(Owner(home, "bench")) as owner:
            database = PostgresDatabase(parse_address(url), home, owner)
            yield from _costs("Postgres", home, database, ("--database", url), lambda: _settle(url))


def _settle(url: str) -> None:
    """Do at once what Postgres does by itself in the minutes after so many rows have come."""
    from tests.postgres import run

    for statement in ("VACUUM ANALYZE", "CHECKPOINT"):
        run(url, statement)


def _costs(
    name: str,
    home: Path,
    database: Database,
    words: tuple[str, ...],
    settle: Callable[[], None] | None = None,
) -> Iterator[Measured]:
    try:
        began = time.perf_counter()
        size = asyncio.run(fill(database))
        yield Measured(f"{name}: {COUNT:,} entered", time.perf_counter() - began)
        yield Measured(f"{name}: a document, in the mean", size / COUNT / 1e3, "kB")
    finally:
        database.close()
    if settle is not None:
        settle()
    with served(home, *words) as (_process, address):
        for question, path in _paths().items():
            spent = asyncio.run(_ask(address, path))
            half, worst = (spent[int(len(spent) * part)] * 1e3 for part in (0.5, 0.99))
            yield Measured(f"{name}: {question}, p50", half, "ms")
            yield Measured(f"{name}: {question}, p99", worst, "ms", aim=AIM_MS)


def _paths() -> dict[str, str]:
    """Return what is asked for, by what it is called."""
    lists = {
        question: f"{_API}?{urlencode({'listOptions.limit': str(PAGE), **query})}"
        for question, query in _QUESTIONS.items()
    }
    values = urlencode({"listOptions.labelSelector": "team"})
    return {
        **lists,
        "names of labels": f"{_API}-label-keys",
        "names of labels, in a namespace": f"{_API}-label-keys?namespace=research",
        "values of a label": f"{_API}-label-values?{values}",
    }


async def _ask(address: str, path: str) -> list[float]:
    """Return the seconds that each answer took, sorted."""
    spent = []
    async with aiohttp.ClientSession(address) as session:
        for _ in range(FIRST + TIMES):
            began = time.perf_counter()
            async with session.get(path) as answer:
                text = await answer.read()
            spent.append(time.perf_counter() - began)
            if answer.status != 200:
                raise CommandError(f"{path}: {text[:200]!r}")
    return sorted(spent[FIRST:])
