"""Nodes per second: the whole engine with its store on disk, and jobs that take no time.

Nothing runs but the engine, its loop and SQLite; the seconds are those of a clock on the wall.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
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
    """Yield the milliseconds for a thousand nodes of each shape and size."""
    for shape in SHAPES:
        first: float | None = None
        for size in SIZES:
            if shape == "withParam" and size > LOOP_ITEMS:
                continue
            nodes, seconds = asyncio.run(_drive(folder / f"{shape}-{size}", shape, size))
            spent = 1e6 * seconds / nodes
            name = f"persisted, {shape}, {nodes:,} nodes: per node"
            yield Measured(name, spent, "µs", 1e6 / NODES_PER_SECOND, "5,000 nodes/s", 1.0)
            if first is not None:
                grown = f"persisted, {shape}, {nodes:,} nodes: growth"
                yield Measured(grown, spent, "µs", first, f"that at {SIZES[0]:,}", GROWTH_AIM)
            first = first or spent


async def _drive(home: Path, shape: str, size: int) -> tuple[int, float]:
    """Return how many nodes a run made, and the seconds from its beginning to its end."""
    loaded = load([Source("bench.json", msgspec.json.encode(document(shape, size)))])
    with local(Settings(home=home, runtime="simulated"), drives=True) as opened:
        options = Overrides(runtime="simulated")
        row = await opened.submitter.submit(loaded.workflows[0][0], [], options)
        engine = opened.engine()
        began = time.perf_counter()
        await engine.drive(row)
        seconds = time.perf_counter() - began
        found = await opened.store.find("default", row.name)
        if msgspec.json.decode(found.summary)["status"]["phase"] != "Succeeded":
            raise AssertionError(f"the workflow ended otherwise: {found.summary[:300]!r}")
        return len(await opened.store.nodes(row.run)), seconds
