"""An engine and the schedules side by side."""

from __future__ import annotations

import asyncio

from tiphys.controller.cron import CronLoop
from tiphys.controller.engine import Engine


async def serve(engine: Engine, crons: CronLoop, idle_seconds: float) -> None:
    """Drive runs and keep schedules, until there has been nothing of either for a while."""
    async with asyncio.TaskGroup() as group:
        schedules = group.create_task(crons.run())
        await engine.serve(idle_seconds, lambda: crons.has_work)
        schedules.cancel()
