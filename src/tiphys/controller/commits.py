"""What one run decided on its way to the journal, and on to those who watch.

Nobody is told of anything before it is stored. Nothing is decided here, and nothing is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from tiphys.controller import bundle
from tiphys.engine.run import Run
from tiphys.engine.status import document_of, extras, node_status, summary
from tiphys.messages import Event, RunAdmitted
from tiphys.model.base import Json
from tiphys.model.ids import NodeId, RunId
from tiphys.ports import Changes, Journal, Observer, Update

_SNAPSHOT_EVERY: Final = 20_000
"""Events between snapshots, at least; see `_snapshot`."""


class Commits:
    """The journal of one run, under the `epoch` of its owner.

    `unstored` are the events of turns that no commit holds yet.
    """

    def __init__(
        self,
        run: RunId,
        journal: Journal,
        observers: Sequence[Observer],
        watched: Callable[[Update], None] | None,
    ) -> None:
        """Prepare; `load` comes first."""
        self._id = run
        self._journal = journal
        self._observers = observers
        self._watched = watched
        self.epoch = 0
        self.unstored: list[Event] = []
        self._taken = 0
        self._seq = 0
        self._last_snapshot = 0
        self._workflow: dict[str, Json] = {}
        self._rare: dict[str, Json] = {}
        self._used = -1
        self._left_out: dict[NodeId, bool] = {}

    @property
    def waits(self) -> int:
        """How many events are not stored yet."""
        return len(self.unstored)

    @property
    def is_behind(self) -> bool:
        """Whether the journal lacks events, or rows of nodes that a commit in passing left out."""
        return bool(self.unstored or self._left_out)

    async def load(self) -> Run:
        """Return the run as it is stored. What is not is forgotten."""
        snapshot, events, self._seq = await self._journal.load(self._id)
        self.unstored = []
        self._left_out.clear()
        run = bundle.revive(snapshot, events)
        first = events[0]
        if isinstance(first, RunAdmitted) and isinstance(first.workflow, dict):
            self._workflow = first.workflow
        self._last_snapshot = 0 if snapshot is None else self._seq - (len(events) - 1)
        if not run.state.started_at:  # what was copied from an earlier run has no rows yet
            run.changed = dict.fromkeys(run.state.nodes, True)
        else:  # what lives may have none: the last commit may have been one in passing
            run.changed = dict(run.state.live)
        self._tell([*bundle.present(run.state, first)])
        return run

    async def anew(self) -> Run:
        """Return the run as it is stored, with what is not stored yet."""
        unstored = self.unstored
        run = await self.load()
        if unstored:
            run.fold(unstored)
            run.changed = dict.fromkeys(run.state.nodes, True)
            self.unstored = unstored
        return run

    def add(self, events: Sequence[Event], taken: int = 0) -> None:
        """Keep what was decided; `taken` is the number of the last request it answers."""
        self.unstored += events
        self._taken = max(self._taken, taken)

    async def write(self, run: Run, *, in_passing: bool = False) -> None:
        """Store all that was decided in one commit, and tell those who watch.

        A commit `in_passing` leaves out the rows of nodes that have not ended: of a run that
        hurries on they are untrue in a moment, and would be written twice.
        """
        if not (self.unstored or (self._left_out and not in_passing)):
            return
        events = self.unstored
        rows = self._rows(run, only_ended=in_passing)
        changing, rare = summary(run), self._extras(run)
        changes = Changes(
            events=events,
            nodes=rows,
            gone=tuple(run.gone),
            summary=msgspec.json.encode(changing),
            done=run.state.done,
            extras=None if rare is None else msgspec.json.encode(rare),
            taken=self._taken,
        )
        self._seq = await self._journal.append(self._id, self._seq, self.epoch, changes)
        self.unstored = []
        if events:
            self._tell(events)
        run.gone.clear()
        await self._snapshot(run)
        if self._watched is not None:
            document = document_of(self._workflow, changing, self._rare)
            self._watched(Update(document, [row for _, row in rows], run.state.done))

    def _rows(self, run: Run, only_ended: bool) -> list[tuple[NodeId, bytes]]:
        """Return the rows that changed, and take down which of them are left out."""
        nodes, left_out = run.state.nodes, self._left_out
        if only_ended:
            left_out.update((key, True) for key in run.changed if not nodes[key].fulfilled)
            chosen = [key for key in run.changed if nodes[key].fulfilled]
            for key in chosen:
                left_out.pop(key, None)
        else:
            chosen = [*left_out, *(key for key in run.changed if key not in left_out)]
            left_out.clear()
        run.changed.clear()
        return [(key, msgspec.json.encode(node_status(run, nodes[key]))) for key in chosen]

    async def _snapshot(self, run: Run) -> None:
        """Keep a shortcut whenever the journal has doubled, so that all of them cost O(events)."""
        if self._seq - self._last_snapshot < max(_SNAPSHOT_EVERY, self._last_snapshot):
            return
        self._last_snapshot = self._seq
        state = msgspec.msgpack.encode(run.state)
        await self._journal.snapshot(self._id, self._seq, self.epoch, state)

    def _tell(self, events: Sequence[Event]) -> None:
        for observer in self._observers:
            observer.committed(self._id, events)

    def _extras(self, run: Run) -> dict[str, Json] | None:
        """Return the large parts of the status if a template was used for the first time."""
        if len(run.state.used) == self._used:
            return None
        self._used = len(run.state.used)
        self._rare = extras(run)
        return self._rare
