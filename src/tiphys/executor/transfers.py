"""Moving one artifact: where it really is, and how often a bad connection is tried again.

Drivers do not retry; this is the one place that does.
Source: reference/executor.md 1 (EXECUTOR_RETRY_BACKOFF); argo util/retry.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from tiphys.errors import NotFound, Permanent, TiphysError, Transient
from tiphys.executor import archive
from tiphys.executor.meter import Meter, counting
from tiphys.model.artifacts import Artifact, ArtifactLocation
from tiphys.model.locations import complete
from tiphys.ports import ArtifactDriver, Stored

DriverOf = Callable[[Artifact], ArtifactDriver]
"""Finds the driver for an artifact's location. Raises a TiphysError if there is none."""

_ITEMS_AT_ONCE: Final = 8
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Retry:
    """Waits of `first_seconds`, then `factor` times longer each, up to `tries` in all.

    Each is prolonged by a random part of `jitter` times itself; `sleep` and `chance` (0 to 1) are
    handed in by tests.
    """

    tries: int = 5
    first_seconds: float = 1.0
    factor: float = 1.6
    jitter: float = 0.5
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random

    async def run(self, work: Callable[[], Awaitable[_Result]]) -> _Result:
        """Return what `work` returns; only Transient is tried again.

        Raises Transient with Argo's text when the tries run out.
        """
        wait = self.first_seconds
        for left in range(self.tries - 1, -1, -1):
            try:
                return await work()
            except Transient as exc:
                if not left:
                    text = f"timed out waiting for the condition: {exc}"
                    raise Transient(text, exc.retry_after) from exc
            await self.sleep(wait * (1 + self.jitter * self.chance()))
            wait *= self.factor
        raise AssertionError("no tries")


RETRY: Final = Retry()


@dataclass(frozen=True, slots=True)
class Transfers:
    """Moves artifacts. `base` is where those lie that are only keys: a job's archive location."""

    base: ArtifactLocation | None
    drivers: DriverOf
    retry: Retry = RETRY

    async def load(self, artifact: Artifact, to: Path, meter: Meter | None = None) -> None:
        """Fetch an artifact to `to`; a try writes over what a broken one left there.

        That of a loop becomes a directory in which each item's is unpacked.
        """
        where = self.place(artifact)
        if where.items is not None:
            await self._load_items(where.items.artifacts, to, meter)
            return
        driver = self.drivers(where)
        await self._counted(lambda: driver.get(where, to), meter)

    async def _counted(
        self, work: Callable[[], Awaitable[_Result]], meter: Meter | None
    ) -> _Result:
        """Do the work, again if need be; what a broken try has moved does not count."""

        async def once() -> _Result:
            if meter is not None:
                meter.restart()
            return await work()

        with counting(meter):
            return await self.retry.run(once)

    async def _load_items(self, parts: Sequence[Artifact], to: Path, meter: Meter | None) -> None:
        await asyncio.to_thread(to.mkdir, mode=0o755)
        room = asyncio.Semaphore(_ITEMS_AT_ONCE)
        tasks = [asyncio.ensure_future(self._load_item(part, to, room, meter)) for part in parts]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _load_item(
        self, part: Artifact, to: Path, room: asyncio.Semaphore, meter: Meter | None
    ) -> None:
        arrived = to / f"{part.name}.tmp"  # no item is called so: their names are numbers
        async with room:
            try:
                await self.load(part, arrived, meter.part() if meter is not None else None)
                await asyncio.to_thread(archive.unpack, arrived, to / part.name, part.archive)
            except NotFound as exc:
                raise NotFound(f"item {part.name}: {exc}") from exc
            except TiphysError as exc:
                raise Permanent(f"item {part.name}: {exc}") from exc

    async def save(self, source: Path, artifact: Artifact, meter: Meter | None = None) -> Stored:
        """Store a file or tree as an artifact."""
        where = self.place(artifact)
        driver = self.drivers(where)
        return await self._counted(lambda: driver.put(source, where), meter)

    def place(self, artifact: Artifact) -> Artifact:
        """Return an artifact that is only a key as one of the archive location."""
        return complete(artifact, self.base)
