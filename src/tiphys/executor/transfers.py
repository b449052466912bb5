"""Moving one artifact: where it really is, and how often a bad connection is tried again.

Drivers do not retry; this is the one place that does.
Source: reference/executor.md 1 (EXECUTOR_RETRY_BACKOFF); argo util/retry.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from tiphys.errors import Transient
from tiphys.messages import JobSpec
from tiphys.model.artifacts import Artifact
from tiphys.model.locations import complete
from tiphys.ports import ArtifactDriver, Stored

DriverOf = Callable[[Artifact], ArtifactDriver]
"""Finds the driver for an artifact's location. Raises a TiphysError if there is none."""

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
    """Moves the artifacts of one job."""

    job: JobSpec
    drivers: DriverOf
    retry: Retry = RETRY

    async def load(self, artifact: Artifact, to: Path) -> None:
        """Fetch an artifact to `to`; a try writes over what a broken one left there."""
        where = self.place(artifact)
        driver = self.drivers(where)
        await self.retry.run(lambda: driver.get(where, to))

    async def save(self, source: Path, artifact: Artifact) -> Stored:
        """Store a file or tree as an artifact."""
        where = self.place(artifact)
        driver = self.drivers(where)
        return await self.retry.run(lambda: driver.put(source, where))

    def place(self, artifact: Artifact) -> Artifact:
        """Return an artifact that is only a key as one of the job's archive location."""
        return complete(artifact, self.job.template.archive_location)
