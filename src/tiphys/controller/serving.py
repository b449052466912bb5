"""An engine and what works beside it: schedules, and the objects that run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tiphys.controller.cron import CronLoop
from tiphys.controller.engine import Engine
from tiphys.controller.objects import ObjectLoop
from tiphys.ports import RunRow, Update


async def serve(engine: Engine, crons: CronLoop, objects: ObjectLoop, idle_seconds: float) -> None:
    """Do it all, until there has been nothing to do for a while."""
    async with asyncio.TaskGroup() as group:
        beside = [group.create_task(crons.run()), group.create_task(objects.run())]
        await engine.serve(idle_seconds, lambda: crons.has_work or objects.has_work)
        for task in beside:
            task.cancel()


async def drive(
    engine: Engine, objects: ObjectLoop, row: RunRow, watched: Callable[[Update], None]
) -> bool:
    """Drive one run to its end, and the objects that it makes; see `Engine.drive`."""
    async with asyncio.TaskGroup() as group:
        beside = group.create_task(objects.run())
        mine = await engine.drive(row, watched)
        beside.cancel()
    return mine
