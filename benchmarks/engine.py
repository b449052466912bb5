"""The cost of the engine alone: no processes, no disk, a virtual clock."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.measure import Measured
from benchmarks.shapes import SHAPES, document
from tiphys.compile.admit import Admitted, admit
from tiphys.controller.heap import collect_seldom
from tiphys.messages import Input
from tiphys.model.codec import convert
from tiphys.model.workflow import Workflow
from tiphys.runtime.simulated import Outcome
from tiphys.testing.drive import BEGINNING, Driver

SIZES = (1_000, 10_000, 100_000)
GROWTH_AIM = 1.3
MEMORY_AIM = 3.0
LOOP_ITEMS = 10_000
ROUNDS = 3
"""How often a workflow is driven; the best time counts."""


@dataclass(frozen=True)
class EngineCost:
    """What a workflow of so many tasks cost the engine."""

    tasks: int
    seconds_per_input: float
    bytes_per_node: float


def engine_cost(tasks: int, shape: str = "fan-out", memory: bool = True) -> EngineCost:
    """Run a workflow of a shape and a size through the engine.

    Each job is two inputs: it starts, it ends.
    """
    admitted = _admitted(tasks, shape)
    spent = min(_seconds(admitted, tasks) for _ in range(ROUNDS))
    return EngineCost(tasks, spent, _bytes(admitted) if memory else 0.0)


def _admitted(tasks: int, shape: str) -> Admitted:
    return admit(convert(document(shape, tasks), Workflow), [], BEGINNING)


def _driven(admitted: Admitted) -> tuple[Driver, float]:
    """Drive a run to its end; return it and the processor seconds that the engine alone took."""
    driver = Driver(admitted, lambda _: Outcome(seconds=1.0))
    spent = 0.0
    item: Input | None = driver.first()
    while item is not None:
        began = time.thread_time()
        step = driver.run.handle(item)
        spent += time.thread_time() - began
        driver.run.changed.clear()
        driver.inputs += 1
        driver.world.obey(step.commands)
        item = driver.world.next()
    if driver.run.state.phase != "Succeeded":
        raise AssertionError(f"the workflow ended {driver.run.state.phase}")
    return driver, spent


def _seconds(admitted: Admitted, tasks: int) -> float:
    gc.collect()
    gc.freeze()
    driver, spent = _driven(admitted)
    gc.unfreeze()
    if len(driver.run.state.nodes) < 0.9 * tasks:
        raise AssertionError("not every task ran")
    return spent / driver.inputs


def _bytes(admitted: Admitted) -> float:
    """Return what a finished run holds for each of its nodes."""
    gc.collect()
    tracemalloc.start()
    driver, _ = _driven(admitted)
    driver.world.jobs.clear()
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / len(driver.run.state.nodes)


def engine_costs() -> Iterator[Measured]:
    """Yield cost per input and memory per node for each size, as ratio to the smallest.

    The collector of cycles is set as an engine sets it.
    """
    collect_seldom()
    for shape in SHAPES:
        first: EngineCost | None = None
        for size in SIZES:
            if shape == "withParam" and size > LOOP_ITEMS:
                continue
            cost = engine_cost(size, shape)
            base = first.seconds_per_input * 1e6 if first else None
            yield Measured(
                f"engine, {shape}, {size:,} tasks: cost per input",
                cost.seconds_per_input * 1e6,
                "µs",
                base,
                f"that at {SIZES[0]:,}",
                GROWTH_AIM if first else None,
            )
            yield Measured(
                f"engine, {shape}, {size:,} tasks: memory per node",
                cost.bytes_per_node / 1024,
                "KiB",
                aim=MEMORY_AIM,
            )
            first = first or cost
