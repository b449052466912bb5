"""Nodes per second: the whole engine with its store on disk, and jobs that take no time.

Nothing runs but the engine, its loop and SQLite. The rate is that of a clock on the wall; growth is
told by the processor's time as well, which other work on the machine and its disk disturbs less.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.measure import Measured
from benchmarks.shapes import SHAPES, document
from tiphys.app import local
from tiphys.service.documents import Source, load
from tiphys.service.submit import Overrides
from tiphys.settings import Settings

SIZES: Final = (1_000, 10_000, 100_000)
NODES_PER_SECOND: Final = 5_000
GROWTH_AIM: Final = 1.3
LOOP_ITEMS: Final = 10_000
"""What one `withParam` is measured with; larger ones are larger than a document may be."""


def node_rates(folder: Path) -> Iterator[Measured]:
    """Yield what a node costs in each shape and size."""
    for shape in SHAPES:
        first: NodeCost | None = None
        for size in SIZES:
            if shape == "withParam" and size > LOOP_ITEMS:
                continue
            cost = asyncio.run(_drive(folder / f"{shape}-{size}", shape, size))
            yield from _compared(f"persisted, {shape}, {cost.nodes:,} nodes", cost, first)
            first = first or cost


@dataclass(frozen=True)
class NodeCost:
    """What each of so many nodes cost, in microseconds on the wall and of the processor."""

    nodes: int
    wall: float
    processor: float


def _compared(name: str, cost: NodeCost, first: NodeCost | None) -> Iterator[Measured]:
    rate = 1e6 / NODES_PER_SECOND
    yield Measured(f"{name}: per node", cost.wall, "µs", rate, "5,000 nodes/s", 1.0)
    if first is None:
        yield Measured(f"{name}: processor", cost.processor, "µs")
        return
    smallest = f"that at {SIZES[0]:,}"
    yield Measured(f"{name}: growth", cost.wall, "µs", first.wall, smallest, GROWTH_AIM)
    yield Measured(
        f"{name}: processor", cost.processor, "µs", first.processor, smallest, GROWTH_AIM
    )


async def _drive(home: Path, shape: str, size: int) -> NodeCost:
    """Return what the nodes of a run cost from its beginning to its end."""
    loaded = load([Source("bench.json", msgspec.json.encode(document(shape, size)))])
    with local(Settings(home=home, runtime="simulated"), drives=True) as opened:
        options = Overrides(runtime="simulated")
        row = await opened.submitter.submit(loaded.workflows[0][0], [], options)
        engine = opened.engine()
        began, used = time.perf_counter(), time.process_time()
        await engine.drive(row)
        seconds, busy = time.perf_counter() - began, time.process_time() - used
        found = await opened.store.find("default", row.name)
        if msgspec.json.decode(found.summary)["status"]["phase"] != "Succeeded":
            raise AssertionError(f"the workflow ended otherwise: {found.summary[:300]!r}")
        nodes = len(await opened.store.nodes(row.run))
        return NodeCost(nodes, 1e6 * seconds / nodes, 1e6 * busy / nodes)
