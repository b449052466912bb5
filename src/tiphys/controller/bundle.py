"""A run made again of its journal, for whoever drives it, looks on, or looks into a defect.

A bundle is what is kept of a run whose engine broke: enough to break it again, anywhere.
The engine is pure, so a bundle is a failing test: `replay` raises what was raised then.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from tiphys.compile.admit import recompile
from tiphys.engine import reviving
from tiphys.engine.run import Run
from tiphys.engine.state import State
from tiphys.messages import (
    Event,
    Input,
    NodeAdded,
    QuestionAsked,
    QuestionSettled,
    RunStarted,
    Step,
)
from tiphys.model.ids import RunId


class Bundle(msgspec.Struct, frozen=True):
    """A run's journal, and the inputs the engine broke on. `trace` is for people."""

    run: RunId
    trace: list[str]
    snapshot: bytes | None
    events: list[Event]
    inputs: list[Input]


def revive(snapshot: bytes | None, events: Sequence[Event]) -> Run:
    """Return the run that a journal tells of. Raises Corrupt."""
    return reviving.revive(snapshot, events, recompile)


def present(state: State, first: Event) -> Iterator[Event]:
    """Yield what somebody who has not seen a run needs to follow it from now on."""
    yield first
    if state.started_at:
        yield RunStarted(state.started_at)
    for id_ in state.live:
        node = state.nodes[id_]
        yield NodeAdded(
            at=node.started_at,
            name=node.name,
            kind=node.kind,
            phase=node.phase,
            owner=node.owner,
            template=node.template,
            display_name=node.display_name,
            stage=node.stage,
        )
    for name, asked in state.questions.items():
        yield QuestionAsked(asked.question, asked.node)
        if asked.held:
            yield QuestionSettled(name, held=True)
    yield from state.gauges.values()


def replay(bundle: Bundle) -> Step:
    """Give a run the inputs its engine broke on."""
    return revive(bundle.snapshot, bundle.events).handle_all(bundle.inputs)


def save(folder: Path, bundle: Bundle) -> Path:
    """Write a bundle below `folder` and return its file."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{bundle.run}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(bundle), indent=1))
    return path


def load(path: Path) -> Bundle:
    """Return a bundle that was saved."""
    return msgspec.json.decode(path.read_bytes(), type=Bundle)


def trace_of(error: BaseException) -> list[str]:
    """Return an error's traceback as lines."""
    return "".join(traceback.format_exception(error)).splitlines()
