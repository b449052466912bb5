"""Bringing a run to its end in this process, whoever else may have it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from tiphys.errors import LostOwnership, Permanent, WorldError

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.ports import RunRow, Update

_POLL_SECONDS = 0.1


async def to_the_end(home: Local, row: RunRow, show: Callable[[Update], None]) -> None:
    """Bring a run to its end; while another engine has it, look on.

    Raises Permanent if that is not possible here and now.
    """
    try:
        while not await _is_mine(home, row, show) and not await _look_on(home, row, show):
            pass
    except WorldError as exc:
        text = f"{exc}; workflow {row.name} is kept, `tiphys wait {row.name}` goes on with it"
        raise Permanent(text) from exc


async def _is_mine(home: Local, row: RunRow, show: Callable[[Update], None]) -> bool:
    """Drive a run; False if another engine has it or takes it over."""
    try:
        return await home.drive(row, show)
    except BaseExceptionGroup as group:
        error = first_of(group)
    if isinstance(error, LostOwnership):
        return False
    raise error


async def _look_on(home: Local, row: RunRow, show: Callable[[Update], None]) -> bool:
    """Show a run that another engine drives; False if that engine has let it go."""
    from tiphys.ports import Update

    seen = -1
    while True:
        fresh = await home.store.find(row.namespace, row.name)
        version = await home.store.version(row.run)
        if version != seen:
            seen = version
            nodes = await home.store.nodes(row.run)
            show(Update(home.viewer.bare(fresh), nodes, fresh.done))
        if fresh.done or not await home.store.is_driven(fresh):
            return fresh.done
        await asyncio.sleep(_POLL_SECONDS)


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first single exception of a group."""
    inner = group.exceptions[0]
    return first_of(inner) if isinstance(inner, BaseExceptionGroup) else inner
