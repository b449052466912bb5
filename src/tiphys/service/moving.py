"""What the jobs of a run are loading and saving right now, for those who look at it.

Read from the job directories, where the engine notes it; nothing of it is in the journal.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tiphys.executor.meter import Meter
from tiphys.executor.moving import Moving, read_moving
from tiphys.model.base import JsonObject
from tiphys.model.ids import RunId

__all__ = ["Meter", "Moves", "Moving"]  # clients may not import the executor

_BUSY = ("Pending", "Running")


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

    def now(self) -> dict[str, tuple[str, Moving]]:
        """Return the name and the transfer of each node that has one, by the node's id."""
        found = {}
        for key, name in list(self._busy.items()):  # another thread may see nodes meanwhile
            moving = read_moving(f"{self._folder}/{key}")
            if moving is not None:
                found[key] = (name, moving)
        return found
