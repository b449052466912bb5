"""Commits of the store: SQLite's file, and Postgres on this machine by a Unix socket.

Both wait for the disk. One run commits after the other, as a chain of steps does; many runs commit
at once and share the database's transactions.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.clusters import cluster
from benchmarks.measure import Measured
from tiphys.errors import EngineBug
from tiphys.messages import RunAdmitted, RunStarted
from tiphys.model.ids import NodeId, RunId
from tiphys.ports import Changes, RunRow
from tiphys.store.owners import Owner
from tiphys.store.sql_store import SqlStore
from tiphys.store.sqlite import SqliteStore

COMMITS: Final = 400
AT_ONCE: Final = 16
_NODE: Final = b'{"id":"n","phase":"Running"}' * 20
_SUMMARY: Final = (
    b'{"labels":{"workflows.argoproj.io/phase":"Running"},"status":{"phase":"Running"}}'
)


def store_costs(folder: Path) -> Iterator[Measured]:
    """Yield the milliseconds of a commit in SQLite, and in Postgres against it."""
    owner = Owner(folder, "bench")
    try:
        rates = {"SQLite": _rates(SqliteStore(folder, owner))}
        for runs, spent in rates["SQLite"].items():
            yield _measured("SQLite", runs, spent)
        rates["Postgres"] = _postgres(folder, owner)
        for runs, spent in rates["Postgres"].items():
            yield _measured("Postgres", runs, spent, rates["SQLite"][runs])
    finally:
        owner.close()


def _measured(name: str, runs: int, spent: float, against: float | None = None) -> Measured:
    label = f"{name}, {runs} run{'s' if runs > 1 else ''} at once: per commit"
    return Measured(label, spent, "ms", against, "" if against is None else "SQLite")


def _postgres(folder: Path, owner: Owner) -> dict[int, float]:
    with cluster() as server:
        from tiphys.store.postgres import PostgresStore
        from tiphys.store.postgres_address import parse_address

        return _rates(PostgresStore(parse_address(server.new()), folder, owner))


def _rates(store: SqlStore) -> dict[int, float]:
    """Return the milliseconds for each commit, by how many runs commit at once."""
    try:
        return {runs: asyncio.run(_drive(store, runs)) for runs in (1, AT_ONCE)}
    finally:
        store.close()


async def _drive(store: SqlStore, runs: int) -> float:
    epochs = [await _begun(store, RunId(f"run-{runs}-{number}")) for number in range(runs)]
    begin = time.perf_counter()
    await asyncio.gather(*(_commit(store, run, epoch) for run, epoch in epochs))
    return (time.perf_counter() - begin) / (COMMITS * runs) * 1e3


async def _begun(store: SqlStore, run: RunId) -> tuple[RunId, int]:
    row = RunRow(run, "default", run, 1.0, False, "", 0, "simulated", b"{}", b"{}")
    await store.create(row, RunAdmitted(run=run, created_at=1.0, workflow={"kind": "Workflow"}))
    epoch = await store.claim(run, "bench")
    if epoch is None:
        raise EngineBug(f"run {run} cannot be claimed")
    return run, epoch


async def _commit(store: SqlStore, run: RunId, epoch: int) -> None:
    for number in range(COMMITS):
        nodes = [(NodeId(f"n{number}"), _NODE)]
        changes = Changes([RunStarted(at=1.0)], nodes, _SUMMARY, done=False)
        await store.append(run, 1 + number, epoch, changes)
