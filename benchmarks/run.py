"""Print the costs: `python -m benchmarks.run [--steps N] [--only WORD]`.

Ratios count, not seconds: each is to the same work done without Tiphys on the same machine.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import workloads
from benchmarks.bare import equal
from benchmarks.engine import engine_costs
from benchmarks.language import language_costs
from benchmarks.locks import lock_costs
from benchmarks.measure import CommandError, Measured, run, seconds, synced, tiphys
from benchmarks.store import store_costs
from benchmarks.throughput import node_rates

STEPS = 1_000
FAN_OUT_AIM = 1.5
BWRAP_AIM = 1.3
HELLO_AIM = 0.25
VERSION_AIM = 0.1


def main(argv: list[str] | None = None) -> int:
    """Measure section after section; one that cannot be measured does not stop the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of a workload")
    parser.add_argument("--only", default="", help="sections whose name contains this")
    options = parser.parse_args(argv)
    incomplete = False
    sections = {
        name: section for name, section in _sections(options.steps).items() if options.only in name
    }
    if not sections:
        parser.error(f"no section is called {options.only}")
    for name, section in sections.items():
        print(f"-- {name}", flush=True)
        incomplete |= not _show(section)
    return 1 if incomplete else 0


def _sections(steps: int) -> dict[str, Callable[[Path], Iterator[Measured]]]:
    return {
        "start-up": startup,
        "fan-out": lambda folder: workload(folder, steps, is_chain=False),
        "chain": lambda folder: workload(folder, steps, is_chain=True),
        "runtimes": _runtimes,
        "engine": lambda _folder: engine_costs(),
        "nodes": node_rates,
        "store": store_costs,
        "language": lambda _folder: language_costs(),
        "artifacts": _artifacts,
        "locks": lock_costs,
        "archive": _archive,
        "load": _load,
    }


def _archive(folder: Path) -> Iterator[Measured]:
    from benchmarks.archive import archive_costs

    return archive_costs(folder)


def _load(folder: Path) -> Iterator[Measured]:
    from benchmarks.load import load_costs

    return load_costs(folder)


def _runtimes(folder: Path) -> Iterator[Measured]:
    from benchmarks.runtimes import runtime_costs

    return runtime_costs(folder)


def _artifacts(folder: Path) -> Iterator[Measured]:
    try:
        from benchmarks.artifacts import artifact_costs
    except ImportError as exc:  # pytest, which starts the server
        raise CommandError(str(exc)) from exc
    return artifact_costs(folder)


def _show(section: Callable[[Path], Iterator[Measured]]) -> bool:
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        try:
            for measured in section(Path(name)):
                print(f"   {measured}", flush=True)
        except (CommandError, NotImplementedError) as error:
            print(f"   not measured: {error}", flush=True)
            return False
    return True


def startup(folder: Path) -> Iterator[Measured]:
    """Yield what a user waits for when nothing is to be done."""
    yield Measured("tiphys version", seconds(tiphys("version"), 5), aim=VERSION_AIM)
    hello = run(workloads.hello(folder), folder / "home", "process")
    yield Measured("tiphys run hello", seconds(hello, 5), aim=HELLO_AIM)


def workload(folder: Path, steps: int, is_chain: bool) -> Iterator[Measured]:
    """Yield the cost of many steps in each runtime, and of the same without Tiphys."""
    shape = "chain" if is_chain else "fan-out"
    file = workloads.makefile(folder, steps, is_chain)
    by_make = seconds(["make", "-j2", "-f", str(file)], 2)
    yield Measured(f"{steps:,} x true, {shape}, make -j2", by_make)
    bare = None
    if shutil.which("bwrap"):
        alone = workloads.loop(steps, equal(folder / "bare", ["true"]))
        bare = seconds(alone)
        yield Measured(f"{steps:,} x true, bwrap in a loop", bare)
    write = workloads.chain if is_chain else workloads.fan_out
    flow = write(folder, steps)
    aim = None if is_chain else FAN_OUT_AIM
    spent = seconds(run(flow, folder / "process", "process"))
    yield Measured(f"{steps:,} steps, {shape}, process", spent, "s", by_make, "make -j2", aim)
    if bare is None:
        return
    spent = seconds(run(flow, folder / "sandbox", "sandbox"))
    yield Measured(f"{steps:,} steps, {shape}, sandbox", spent, "s", bare, "bare bwrap", BWRAP_AIM)
    yield Measured(f"{steps:,} steps, {shape}, sandbox", spent, "s", by_make, "make -j2")
    if is_chain:  # a decision is on the disk before it is acted on: nothing can be faster
        floor = bare + synced(folder / "synced", steps)
        yield Measured(f"{steps:,} x bwrap and a write to the disk", floor, "s", bare, "bare bwrap")


if __name__ == "__main__":
    sys.exit(main())
