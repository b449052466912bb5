"""A server under load: watchers, requests, and thousands of workflows, over real connections.

`WATCHERS` streams of every workflow and `REQUESTS` reads a second, while `WORKFLOWS` are handed in
and run. What is lost counts: a workflow whose end a watcher did not hear of, a request that was
refused. Jobs are simulated, so that the server is measured and not the machine's processes.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from benchmarks.measure import CommandError, Measured
from benchmarks.serving import served

WATCHERS: Final = 200
REQUESTS: Final = 50
WORKFLOWS: Final = 5_000
SECONDS: Final = 60
AT_ONCE: Final = 16
PATIENCE_SECONDS: Final = 900
GROWTH_AIM: Final = 1.3
LATENCY_AIM: Final = 1.0
_API: Final = "/api/v1/workflows/default"
_DONE: Final = b'"phase":"Succeeded"'
_NAME: Final = re.compile(rb'"name":"(load-[0-9]+)"')
_READS: Final = (
    f"{_API}?listOptions.limit=20&fields=items.metadata.name,items.status.phase",
    f"{_API}?listOptions.limit=20&listOptions.labelSelector=batch%3D3",
    "/api/v1/info",
    f"{_API}/load-1",
)


@dataclass(slots=True)
class _Told:
    """What the load was told, by whom."""

    ended: list[set[bytes]] = field(default_factory=list)
    accepted: int = 0
    refused: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def load_costs(folder: Path) -> Iterator[Measured]:
    """Yield what a minute of load came to."""
    with served(folder / "served") as (process, address):
        yield from asyncio.run(_measure(process.pid, address))


async def _measure(pid: int, address: str) -> list[Measured]:
    told = _Told()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(address, connector=connector) as session:
        async with _watching(session, told), asyncio.TaskGroup() as group:
            began = time.monotonic()
            reads = group.create_task(_reads(session, told))
            early = group.create_task(_memory(pid, SECONDS / 3))
            await _submits(session, told)
            taken = time.monotonic() - began
            await _all_ended(told)
            ended = time.monotonic() - began
            await reads
            first = await early
        last = await _memory(pid, 0)
    lost = sum(WORKFLOWS - len(known) for known in told.ended)
    if lost or told.refused:
        raise CommandError(f"{lost} ends were not heard of; refused: {told.refused[:3]}")
    told.seconds.sort()
    worst = told.seconds[int(len(told.seconds) * 0.99)]
    rate = len(told.seconds) / SECONDS
    return [
        Measured(f"{told.accepted:,} workflows handed in", taken),
        Measured("the last end heard of by every watcher", ended),
        Measured(f"{rate:.0f} reads/s by the way, p99", worst, "s", LATENCY_AIM, "1 s", 1.0),
        Measured("the server's memory at the end", last, "MB", first, "that at 20 s", GROWTH_AIM),
    ]


@asynccontextmanager
async def _watching(session: aiohttp.ClientSession, told: _Told) -> AsyncIterator[None]:
    """Have all watchers connected before anything happens."""
    ready = [asyncio.Event() for _ in range(WATCHERS)]
    told.ended = [set() for _ in ready]
    tasks = [
        asyncio.create_task(_watch(session, event, known))
        for event, known in zip(ready, told.ended, strict=True)
    ]
    await asyncio.gather(*(event.wait() for event in ready))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _watch(session: aiohttp.ClientSession, ready: asyncio.Event, known: set[bytes]) -> None:
    timeout = aiohttp.ClientTimeout(total=None)
    headers = {"Accept": "text/event-stream"}
    fields = "fields=result.object.metadata.name,result.object.status.phase,result.type"
    url = f"/api/v1/workflow-events/default?{fields}"
    async with session.get(url, headers=headers, timeout=timeout) as answer:
        ready.set()
        async for line in answer.content:
            if _DONE in line and (found := _NAME.search(line)):
                known.add(found[1])


async def _submits(session: aiohttp.ClientSession, told: _Told) -> None:
    """Hand everything in, several at a time, no faster than the load's minute."""
    numbers = iter(range(WORKFLOWS))
    began = time.monotonic()

    async def some() -> None:
        for number in numbers:
            due = began + number * SECONDS / WORKFLOWS
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            body = json.dumps({"workflow": _workflow(number)})
            async with session.post(_API, data=body) as answer:
                text = await answer.text()
                if answer.status == 200:
                    told.accepted += 1
                else:
                    told.refused.append(text)

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


async def _reads(session: aiohttp.ClientSession, told: _Told) -> None:
    """Ask `REQUESTS` times a second, whether or not the answers are there."""
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(SECONDS * REQUESTS):
            await asyncio.sleep(max(0.0, began + number / REQUESTS - time.monotonic()))
            group.create_task(_read(session, told, _READS[number % len(_READS)]))


async def _read(session: aiohttp.ClientSession, told: _Told, path: str) -> None:
    began = time.monotonic()
    async with session.get(path) as answer:
        text = await answer.text()
    told.seconds.append(time.monotonic() - began)
    if answer.status != 200 and "not found" not in text:  # load-1 may not be there yet
        told.refused.append(text)


async def _all_ended(told: _Told) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while min(len(known) for known in told.ended) < WORKFLOWS:
        if time.monotonic() > deadline:
            return
        await asyncio.sleep(0.2)


async def _memory(pid: int, after: float) -> float:
    """Return the megabytes a process holds, after some seconds."""
    await asyncio.sleep(after)
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def _workflow(number: int) -> dict[str, object]:
    """Return a workflow of two steps."""
    step = {"name": "work", "template": "work"}
    work = {"name": "work", "container": {"image": "busybox", "command": ["true"]}}
    main = {"name": "main", "steps": [[step], [{**step, "name": "more"}]]}
    return {
        "metadata": {"name": f"load-{number}", "labels": {"batch": str(number % 10)}},
        "spec": {"entrypoint": "main", "templates": [main, work]},
    }
