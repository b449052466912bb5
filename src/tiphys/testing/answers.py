"""What answers the questions of runs in a simulated world: locks and caches in memory."""

from __future__ import annotations

from tiphys.locks.cache import CacheAnswers
from tiphys.locks.memory import MemoryLocks
from tiphys.locks.rooms import RoomLimits
from tiphys.locks.router import Router
from tiphys.ports import Clock, Objects
from tiphys.store.objects import MemoryObjects


def answers_in_memory(
    clock: Clock, objects: Objects | None = None, room: RoomLimits | None = None
) -> Router:
    """Return an answerer for every kind of question; limits and caches are kept in `objects`."""
    kept = MemoryObjects(clock) if objects is None else objects
    return Router((MemoryLocks(kept, clock, room), CacheAnswers(kept, clock)))
