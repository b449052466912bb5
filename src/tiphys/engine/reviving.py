"""A run made again from its journal: recovery, and looking into a run that has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from tiphys.engine.run import Run
from tiphys.engine.state import State
from tiphys.errors import Corrupt
from tiphys.messages import Event, RunAdmitted, RunReopened
from tiphys.program import Program

_STATE = msgspec.msgpack.Decoder(State)
Compile = Callable[[RunAdmitted, Mapping[str, str]], Program]
"""Makes a Program of the first event, with the parameters that retries have given since."""


def revive(snapshot: bytes | None, events: Sequence[Event], compiled: Compile) -> Run:
    """Return the run that a journal tells of. Raises Corrupt.

    `events` are the first one and those after the snapshot.
    """
    first = events[0] if events else None
    if not isinstance(first, RunAdmitted):
        raise Corrupt("a journal does not begin with the documents of its run")
    state = _STATE.decode(snapshot) if snapshot is not None else None
    parameters = {} if state is None else dict(state.parameters)
    for event in events:
        if isinstance(event, RunReopened):
            parameters.update(event.parameters)
    run = Run(compiled(first, parameters), first, state)
    run.fold(events)
    return run
