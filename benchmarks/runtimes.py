"""From ready to running: how long a job of each runtime takes until its main process runs.

Measured from the call of `Runtime.start`, which is what the loop does when a node is ready, to what
the main process itself says of the time. The bare tool starts the same program in turns with it, so
that what else the machine does meets both. The median counts, and processor time is told as well.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.bare import equal, job_of, least
from benchmarks.measure import CommandError, Measured
from tiphys.artifacts.registry import Drivers
from tiphys.messages import JobFinished, JobSpec
from tiphys.model.ids import RunId
from tiphys.runtime.local import LocalRuntime
from tiphys.runtime.process import ProcessRuntime
from tiphys.runtime.sandbox import SandboxRuntime, available
from tiphys.testing.runtime_contract import SystemClock

PODS: Final = 100
CONTAINERS: Final = 10
AIM: Final = 1.3
_UNCOUNTED: Final = 2
"""The first ones make what is kept for the others."""
_RUN: Final = RunId("bench")
_DATE: Final = ("date", "+%s.%N")
_UPTIME: Final = ("cat", "/proc/uptime")
"""What busybox has; it counts hundredths of a second."""


@dataclass(frozen=True)
class Rival:
    """A runtime, and the commands that start the same program without it; the first one counts.

    `program` prints the time of `clock`, in seconds, as the first word.
    """

    runtime: LocalRuntime
    bare: Mapping[str, Sequence[str]]
    program: Sequence[str] = _DATE
    clock: Callable[[], float] = time.time
    image: str = "busybox"
    environ: Mapping[str, str] | None = None


def runtime_costs(folder: Path) -> Iterator[Measured]:
    """Yield what each runtime takes from ready to running, and for the whole pod."""
    drivers, clock = Drivers({"local": {"root": folder / "artifacts"}}), SystemClock()
    process = ProcessRuntime(folder / "process", drivers, clock)
    yield from _compared("process", Rival(process, {"bare process": _DATE}), PODS)
    if (problem := available()) is not None:
        raise CommandError(problem)
    sandbox = SandboxRuntime(folder / "sandbox", drivers, clock)
    bare = {"bare bwrap": equal(folder / "bare", _DATE), "the least bwrap": least(_DATE)}
    yield from _compared("sandbox", Rival(sandbox, bare), PODS)
    yield from _compared("container", _podman(folder, drivers), CONTAINERS)


def _podman(folder: Path, drivers: Drivers) -> Rival:
    """Return podman with an image made of busybox. Raises CommandError if there is none here."""
    try:
        from tests.contract.container_engine import IMAGE, client, engine, environ
    except ImportError as exc:  # pytest
        raise CommandError(str(exc)) from exc
    from tiphys.runtime.container import ContainerRuntime, EngineSetup

    found = engine()
    if isinstance(found, str):
        raise CommandError(f"no container engine: {found}")
    setup = EngineSetup(found, environ())
    made = ContainerRuntime(folder / "container", drivers, SystemClock(), engine=setup)
    words = (*client(found), "run", "--rm", IMAGE, *_UPTIME)
    return Rival(made, {"podman run": words}, _UPTIME, _since_boot, IMAGE, environ())


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _compared(name: str, rival: Rival, count: int) -> Iterator[Measured]:
    ours, *others = asyncio.run(_in_turns(rival, count))
    for (baseline, _), bare, aim in zip(rival.bare.items(), others, (AIM, None), strict=False):
        ratios = (
            ("ready to running", ours.start, bare.start),
            ("the whole pod", ours.whole, bare.whole),
        )
        for what, mine, yours in ratios:
            goal = aim if what == "ready to running" else None
            yield Measured(f"{name}: {what}", 1e3 * mine, "ms", 1e3 * yours, baseline, goal)
        if name == "process":  # bubblewrap and podman leave processes that nobody counts
            busy = f"{name}: processor time"
            yield Measured(busy, 1e3 * ours.busy, "ms", 1e3 * bare.busy, baseline)


@dataclass(frozen=True)
class _Cost:
    """Seconds: until the program ran and until it had ended (medians), and of the processor."""

    start: float
    whole: float
    busy: float


async def _in_turns(rival: Rival, count: int) -> list[_Cost]:
    """Return what the runtime and each bare tool cost, started in turns."""
    samples: list[list[_Cost]] = [[] for _ in range(1 + len(rival.bare))]
    try:
        for number in range(-_UNCOUNTED, count):
            turn = [await _by_runtime(rival, number + _UNCOUNTED)]
            turn += [_bare(rival, words) for words in rival.bare.values()]
            if number >= 0:
                for known, cost in zip(samples, turn, strict=True):
                    known.append(cost)
    finally:
        await rival.runtime.close()
    return [_middle(known) for known in samples]


def _middle(samples: list[_Cost]) -> _Cost:
    return _Cost(
        statistics.median(item.start for item in samples),
        statistics.median(item.whole for item in samples),
        statistics.fmean(item.busy for item in samples),
    )


async def _by_runtime(rival: Rival, number: int) -> _Cost:
    job, busy = job_of(rival.image, rival.program, number), _busy()
    began, at = time.perf_counter(), rival.clock()
    await rival.runtime.start(job)
    done = await _finished(rival.runtime, job)
    whole = time.perf_counter() - began
    if done.phase != "Succeeded":
        raise CommandError(f"a job of {rival.runtime.name} failed: {done.message}")
    said = b"".join([part async for part in rival.runtime.logs(_RUN, job.id, False)])
    return _Cost(float(said.split()[0]) - at, whole, _busy() - busy)


async def _finished(runtime: LocalRuntime, job: JobSpec) -> JobFinished:
    async for report in runtime.watch():
        if isinstance(report, JobFinished) and report.job == job.id:
            return report
    raise CommandError(f"nothing was heard of a job of {runtime.name}")


def _bare(rival: Rival, words: Sequence[str]) -> _Cost:
    busy, began, at = _busy(), time.perf_counter(), rival.clock()
    done = subprocess.run(words, capture_output=True, env=rival.environ, check=False)
    whole = time.perf_counter() - began
    if done.returncode:
        raise CommandError(f"{words[0]}: {done.stderr.decode(errors='replace')[-200:]}")
    return _Cost(float(done.stdout.split()[0]) - at, whole, _busy() - busy)


def _busy() -> float:
    """Return the processor's seconds for this process and those it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(item.ru_utime + item.ru_stime for item in used)
