"""The cost of the engine alone: no processes, no disk, a virtual clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.measure import Measured

SIZES = (1_000, 10_000, 100_000)
GROWTH_AIM = 1.5


@dataclass(frozen=True)
class EngineCost:
    """What a workflow of so many tasks cost the engine."""

    tasks: int
    seconds_per_input: float
    bytes_per_node: float


def engine_cost(tasks: int) -> EngineCost:
    """Run a workflow of `tasks` independent tasks through the engine and measure.

    To be filled when `tiphys.testing.simulate` exists: admit the workflow, time every
    `Run.handle` from `Began` to the end, and take `tracemalloc`'s difference over the nodes.
    """
    raise NotImplementedError(f"no simulated world yet, so {tasks} tasks cannot be measured")


def engine_costs() -> Iterator[Measured]:
    """Yield cost per input and memory per node for each size, as ratio to the smallest."""
    first: EngineCost | None = None
    for size in SIZES:
        cost = engine_cost(size)
        base = first.seconds_per_input * 1e6 if first else None
        yield Measured(
            f"engine, {size:,} tasks: cost per input",
            cost.seconds_per_input * 1e6,
            "µs",
            base,
            f"that at {SIZES[0]:,}",
            GROWTH_AIM if first else None,
        )
        yield Measured(
            f"engine, {size:,} tasks: memory per node", cost.bytes_per_node / 1024, "KiB"
        )
        first = first or cost
