"""What the jobs of a run are loading and saving right now, for those who look at it.

Read from the job directories, where the engine notes it; nothing of it is in the journal. Where
those are on another machine the process that drives the run is asked.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from tiphys.errors import UserError
from tiphys.executor.meter import Meter
from tiphys.executor.moving import Moving, read_moving
from tiphys.model.base import JsonObject
from tiphys.model.ids import RunId
from tiphys.ports import Queries, RunRow
from tiphys.ports_server import Peers

__all__ = ["Meter", "Moves", "Moving", "Transfer", "Transfers", "TransfersNow"]

_BUSY = ("Pending", "Running")
_ID: Final = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9._]{0,300}\Z")
_MOST_IDS: Final = 1000
_QUESTION: Final = "moving "
_MOST_BYTES: Final = 6_900
"""Of an answer to another process: some forty transfers."""


class Moves:
    """Follows the nodes of one run; only those that are at work are looked at."""

    def __init__(self, runs: Path, run: RunId) -> None:
        """`runs` is where the directories of jobs lie."""
        self._folder = runs / run
        self._busy: dict[str, str] = {}

    def see(self, nodes: Iterable[JsonObject]) -> None:
        """Take note of nodes as they are now."""
        for node in nodes:
            key = str(node["id"])
            if node.get("type") == "Pod" and node.get("phase") in _BUSY:
                self._busy[key] = str(node.get("name"))
            else:
                self._busy.pop(key, None)

    @property
    def busy(self) -> Mapping[str, str]:
        """The names of the nodes that are at work, by their ids."""
        return self._busy

    def now(self) -> dict[str, tuple[str, Moving]]:
        """Return the name and the transfer of each node that has one, by the node's id."""
        found = {}
        for key, name in list(self._busy.items()):  # another thread may see nodes meanwhile
            moving = read_moving(f"{self._folder}/{key}")
            if moving is not None:
                found[key] = (name, moving)
        return found


class Transfer(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An artifact on its way to or from a node; bytes so far and in all (None: not known).

    `node` is the node's name, left out where nodes were asked for by their ids.
    """

    id: str
    artifact: str
    action: str
    moved_bytes: int
    total_bytes: int | None = None
    node: str = ""


class _Told(msgspec.Struct, frozen=True):
    """A transfer as the process that drives its run tells of it, by the node's id."""

    id: str
    moving: Moving


class Transfers(msgspec.Struct, frozen=True):
    """The transfers of a workflow that take long, at one moment."""

    items: tuple[Transfer, ...]


@dataclass(frozen=True, slots=True)
class TransfersNow:
    """Looks at transfers: of jobs that have their directories below `runs`, or asks `peers`."""

    runs: Path
    queries: Queries
    peers: Peers | None = None

    async def of(self, row: RunRow, ids: Sequence[str] = ()) -> Transfers:
        """Return what moves for a run: for the nodes of these ids, else for any.

        With ids nothing but their directories is looked at, whatever the size of the workflow.
        Raises UserError for what cannot be an id.
        """
        if row.done:
            return Transfers(())
        if len(ids) > _MOST_IDS or not all(map(_ID.match, ids)):
            raise UserError(f"nodes are up to {_MOST_IDS} ids of nodes, with commas between")
        moves = Moves(self.runs, row.run)
        if ids:
            moves.see({"id": key, "type": "Pod", "phase": "Running", "name": ""} for key in ids)
        else:
            moves.see([msgspec.json.decode(data) for data in await self.queries.nodes(row.run)])
        found = await asyncio.to_thread(moves.now)
        if not found and moves.busy and row.owner and self.peers is not None:
            said = await self.peers.ask(row.owner, f"{_QUESTION}{row.run}")
            found = {
                told.id: (moves.busy[told.id], told.moving)
                for told in _read(said)
                if told.id in moves.busy
            }
        return Transfers(
            tuple(
                Transfer(key, item.artifact, item.action, item.moved_bytes, item.total_bytes, name)
                for key, (name, item) in found.items()
            )
        )


def answering(runs: Path) -> Callable[[str], str]:
    """Return what answers another process's `TransfersNow`, of jobs with directories below `runs`.

    It looks at the directories alone: what it is asked often, of a large run, costs a `stat` for
    each job that the run has a directory of.
    """

    def answer(question: str) -> str:
        run = question.removeprefix(_QUESTION)
        if run == question or not _ID.match(run):
            return ""
        told: list[bytes] = []
        for job in _jobs(f"{runs}/{run}"):
            moving = read_moving(f"{runs}/{run}/{job}")
            if moving is not None:
                told.append(msgspec.json.encode(_Told(job, moving)))
                if sum(map(len, told)) + len(told) > _MOST_BYTES:
                    told.pop()
                    break
        return f"[{b','.join(told).decode()}]"

    return answer


def _jobs(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _read(answer: str | None) -> Sequence[_Told]:
    try:
        return msgspec.json.decode(answer or "[]", type=list[_Told])
    except msgspec.MsgspecError:  # of another version
        return ()
