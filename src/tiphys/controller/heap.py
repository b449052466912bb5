"""How seldom the collector of cycles goes through what an engine keeps.

Runs are large and hold no cycles; what else an engine keeps is small. So young objects are looked
at in large lots, and what a look at all objects has left is set aside until a run is done: without
that a run is gone through again whenever it has grown by a quarter. What nobody refers to goes at
once all the same; only cycles that came to be in the meantime wait.

Nothing else may be put here: this is the whole process's, not a run's.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from typing import Final

from tiphys.messages import Event, RunDone
from tiphys.model.ids import RunId

_YOUNG_OBJECTS: Final = 50_000
_ALL: Final = 2


def collect_seldom() -> None:
    """Set the process's collector so; again to no further effect."""
    gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])
    if _set_aside not in gc.callbacks:
        gc.callbacks.append(_set_aside)


def _set_aside(phase: str, info: Mapping[str, int]) -> None:
    if phase == "stop" and info["generation"] == _ALL:
        gc.freeze()


class Heap:
    """An observer that takes back what was set aside when a run is done."""

    def committed(self, run: RunId, events: Sequence[Event]) -> None:  # noqa: ARG002 - any run
        """Take note of a commit's events: the end of a run is the last of its events."""
        if events and isinstance(events[-1], RunDone):
            gc.unfreeze()
