"""Journal, intake and queries in memory: for simulations, and for tests of what drives runs.

Everything is kept encoded, so that nothing is shared by reference with those who wrote it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec

from tiphys.errors import Conflict, LostOwnership, NotFound
from tiphys.messages import Event, Input
from tiphys.model.ids import NodeId, RunId
from tiphys.ports import Changes, DueRow, EndedRow, RunRow
from tiphys.store.ledger import MemoryLedger
from tiphys.store.memory_catalogue import MemoryCatalogue, MemoryTokens, Shelf

_EVENTS = msgspec.msgpack.Decoder(list[Event])
_INPUT = msgspec.msgpack.Decoder(Input)
_ENCODER = msgspec.msgpack.Encoder()


@dataclass(slots=True)
class _Stored:
    row: RunRow
    seq: int
    commits: list[tuple[int, bytes]]
    """Each commit's last sequence number, and its events."""
    requests: dict[int, bytes] = field(default_factory=dict)
    nodes: dict[NodeId, bytes] = field(default_factory=dict)
    snapshot: tuple[int, bytes] | None = None


class Memory:
    """What is stored: what a home directory is to SQLite. Lost with the process."""

    def __init__(self) -> None:
        self.runs: dict[RunId, _Stored] = {}
        self.retired: dict[RunId, _Stored] = {}
        self.owners: dict[str, MemoryStore] = {}
        self.requests = 0
        self.due: dict[tuple[str, int], DueRow] = {}
        self.cron_runtimes: dict[str, str] = {}
        self.shelf = Shelf(forget=lambda run: self.retired.pop(run, None))
        self.tokens = MemoryTokens()

    def find(self, run: RunId) -> _Stored:
        """Return a run. Raises NotFound."""
        if run not in self.runs:
            raise NotFound(f"there is no run {run}")
        return self.runs[run]

    def any(self, run: RunId) -> _Stored:
        """Return a run, live or retired. Raises NotFound."""
        return self.retired[run] if run in self.retired else self.find(run)

    def owned(self, run: RunId, epoch: int) -> _Stored:
        """Return a run that is driven under this epoch. Raises LostOwnership."""
        stored = self.runs.get(run)
        if stored is None or stored.row.epoch != epoch:
            raise LostOwnership(f"run {run} has another owner")
        return stored


class MemoryStore:
    """One owner's way to a memory; several may share one, as processes share a database."""

    def __init__(self, memory: Memory | None = None, owner: str = "me") -> None:
        """Begin to live as `owner`; closed stores are dead owners."""
        self._memory = Memory() if memory is None else memory
        self.owner = owner
        self._woken = asyncio.Event()
        self._memory.owners[owner] = self
        self.ledger = MemoryLedger(self._memory.due, self._memory.cron_runtimes, self._is_alive)
        self.catalogue = MemoryCatalogue(self._memory.shelf)
        self.tokens = self._memory.tokens

    def close(self) -> None:
        """Die: what this owner drives may be claimed by others."""
        if self._memory.owners.get(self.owner) is self:
            del self._memory.owners[self.owner]

    # ------------------------------------------------------------------------------ journal

    async def create(self, row: RunRow, first: Event, *more: Event) -> None:
        """Add a run with its first events, unowned. Raises Conflict if its name is taken."""
        self._check_free(row)
        fresh = replace(row, done=False, owner="", epoch=0)
        commits = [(1, _ENCODER.encode([first]))]
        if more:
            commits.append((1 + len(more), _ENCODER.encode([*more])))
        self._memory.runs[row.run] = _Stored(fresh, 1 + len(more), commits)
        self._memory.shelf.put(fresh)

    async def adopt(
        self, row: RunRow, events: Sequence[Event], nodes: Sequence[tuple[NodeId, bytes]]
    ) -> None:
        """Keep the journal of a run that only the archive knows, as that of a retired one."""
        if row.run in self._memory.runs or row.run in self._memory.retired:
            return
        first, rest = events[:1], events[1:]
        commits = [(1, _ENCODER.encode([*first]))]
        if rest:
            commits.append((len(events), _ENCODER.encode([*rest])))
        kept = replace(row, done=True, owner="", epoch=0)
        stored = _Stored(kept, len(events), commits, nodes=dict(nodes))
        self._memory.retired[row.run] = stored

    def _check_free(self, row: RunRow) -> None:
        """Raise Conflict if a run's name is taken."""
        name = (row.namespace, row.name)
        if any((item.row.namespace, item.row.name) == name for item in self._memory.runs.values()):
            raise Conflict(f'workflows.argoproj.io "{row.name}" already exists')

    async def claim(self, run: RunId, owner: str) -> int | None:
        """Become the owner and return the new epoch; None if a living owner has it."""
        stored = self._memory.runs.get(run)
        if stored is None or (stored.row.owner != owner and self._is_alive(stored.row.owner)):
            return None
        stored.row = replace(stored.row, owner=owner, epoch=stored.row.epoch + 1)
        return stored.row.epoch

    def _is_alive(self, owner: str) -> bool:
        return owner in self._memory.owners

    async def release(self, run: RunId, epoch: int) -> None:
        """Give the run up, so that another may claim it."""
        stored = self._memory.runs.get(run)
        if stored is not None and stored.row.epoch == epoch:
            stored.row = replace(stored.row, owner="")

    async def load(self, run: RunId) -> tuple[bytes | None, Sequence[Event], int]:
        """Return the latest snapshot, the events after it and the last sequence number.

        The first event is always among them.
        """
        stored = self._memory.any(run)
        after, state = stored.snapshot or (0, None)
        wanted = [data for last, data in stored.commits if last > after or last == 1]
        return state, [event for data in wanted for event in _EVENTS.decode(data)], stored.seq

    async def history(self, run: RunId) -> Sequence[Event]:
        """Return all events of a run, whatever snapshots there are. Raises NotFound."""
        stored = self._memory.find(run)
        return [event for _, data in stored.commits for event in _EVENTS.decode(data)]

    async def append(self, run: RunId, after: int, epoch: int, changes: Changes) -> int:
        """Commit in one transaction and return the new last sequence number."""
        stored = self._memory.owned(run, epoch)
        if stored.seq != after:
            raise LostOwnership(f"run {run} has another owner")
        data = _ENCODER.encode(list(changes.events))
        stored.seq = after + len(changes.events)
        if changes.events:
            stored.commits.append((stored.seq, data))
        extras = stored.row.extras if changes.extras is None else changes.extras
        stored.row = replace(stored.row, summary=changes.summary, extras=extras, done=changes.done)
        for key in changes.gone:
            stored.nodes.pop(key, None)
        stored.nodes.update(changes.nodes)
        self._memory.shelf.put(stored.row)
        for number in [number for number in stored.requests if number <= changes.taken]:
            del stored.requests[number]
        return stored.seq

    async def snapshot(self, run: RunId, at: int, epoch: int, state: bytes) -> None:
        """Keep a shortcut through the events up to `at`."""
        self._memory.owned(run, epoch).snapshot = (at, state)

    async def claimable(self) -> Sequence[RunRow]:
        """Return the unfinished runs that nobody alive drives."""
        found = (stored.row for stored in self._memory.runs.values() if not stored.row.done)
        free = [row for row in found if not self._is_alive(row.owner)]
        return sorted(free, key=lambda row: row.created_at)

    # ------------------------------------------------------------------------------- intake

    async def post(self, run: RunId, item: Input) -> int:
        """Keep a request for the run's owner and wake it; return the request's number."""
        stored = self._memory.find(run)
        self._memory.requests += 1
        stored.requests[self._memory.requests] = _ENCODER.encode(item)
        if self._is_alive(stored.row.owner):
            self._memory.owners[stored.row.owner].wake()
        return self._memory.requests

    async def reopen(self, run: RunId, item: Input, summary: bytes) -> int:
        """Keep a request for a run that has ended, its summary, and let it be claimed again."""
        stored = self._memory.any(run)
        if not stored.row.done:
            raise Conflict(f"run {run} has not ended")
        if run in self._memory.retired:
            self._check_free(stored.row)
            self._memory.runs[run] = self._memory.retired.pop(run)
        stored.row = replace(stored.row, done=False, owner="", summary=summary)
        self._memory.shelf.put(stored.row)
        return await self.post(run, item)

    async def pending(self, run: RunId, after: int) -> Sequence[tuple[int, Input]]:
        """Return the requests with a higher number that no commit has answered."""
        stored = self._memory.runs.get(run)
        found = sorted(stored.requests.items()) if stored is not None else []
        return [(number, _INPUT.decode(data)) for number, data in found if number > after]

    async def wait(self) -> None:
        """Return when a request may have come for any run of this owner."""
        await self._woken.wait()
        self._woken.clear()

    def wake(self) -> None:
        """Let `wait` return."""
        self._woken.set()

    # ------------------------------------------------------------------------------ queries

    async def find(self, namespace: str | None, name: str) -> RunRow:
        """Return the newest run of that name ("@latest": of any). Raises NotFound."""
        for row in await self.list(namespace):
            if name in {"@latest", row.name}:
                return row
        raise NotFound(f'workflows.argoproj.io "{name}" not found')

    async def list(self, namespace: str | None) -> Sequence[RunRow]:
        """Return all runs, newest first."""
        rows = (stored.row for stored in self._memory.runs.values())
        wanted = [row for row in rows if namespace is None or row.namespace == namespace]
        return sorted(wanted, key=lambda row: row.created_at, reverse=True)

    async def ended(self, after: str = "", most: int = 0) -> Sequence[EndedRow]:
        """Return the runs that have ended, by their uids."""
        return (await self.ended_of(sorted(run for run in self._memory.runs if run > after)))[
            : most or None
        ]

    async def ended_of(self, runs: Sequence[RunId]) -> Sequence[EndedRow]:
        """Return those of some runs that have ended."""
        rows = (self._memory.runs[run].row for run in runs if run in self._memory.runs)
        return [
            EndedRow(row.run, row.namespace, row.name, row.created_at, row.summary)
            for row in rows
            if row.done
        ]

    async def last_success(self, namespace: str, label: str, value: str) -> RunRow | None:
        """Return the newest run with that label that succeeded, None if there is none."""
        for row in await self.list(namespace):
            if row.done:
                labels = msgspec.json.decode(row.document)["metadata"].get("labels", {})
                status = msgspec.json.decode(row.summary).get("status", {})
                if labels.get(label) == value and status.get("phase") == "Succeeded":
                    return row
        return None

    async def nodes(self, run: RunId) -> Sequence[bytes]:
        """Return the node rows of a run, each the JSON of one NodeStatus."""
        stored = self._memory.runs.get(run) or self._memory.retired.get(run)
        return [*stored.nodes.values()] if stored is not None else []

    async def version(self, run: RunId) -> int:
        """Return a number that grows with every commit of the run. Raises NotFound."""
        return self._memory.find(run).seq

    async def delete(self, run: RunId) -> None:
        """Forget a run and all its rows; of one that is archived the journal stays."""
        stored = self._memory.runs.pop(run, None)
        if self._memory.shelf.drop(run) and stored is not None:
            stored.requests.clear()
            stored.row = replace(stored.row, owner="")
            self._memory.retired[run] = stored

    async def retired(self, run: RunId) -> RunRow:
        """Return the row of a deleted run whose journal the archive keeps. Raises NotFound."""
        if run not in self._memory.retired:
            raise NotFound(f"nothing is kept of the run {run}")
        return self._memory.retired[run].row
