"""Waiting for one object to change, however many are waited for: one watch for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tiphys.ports import ObjectRef, Objects


class Watch:
    """Sets the events of those who care for an object when it changed; idle without them."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._events: dict[ObjectRef, set[asyncio.Event]] = {}
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def changes_of(self, ref: ObjectRef) -> AsyncIterator[asyncio.Event]:
        """Give an event that is set by every change from now on.

        Clear it, look at the object, then wait: no change is missed.
        """
        event = asyncio.Event()
        self._events.setdefault(ref, set()).add(event)
        try:
            if self._task is None or self._task.done():
                number = await self._objects.changed(-1)
                if self._task is None or self._task.done():
                    self._task = asyncio.get_running_loop().create_task(self._run(number))
            yield event
        finally:
            self._events[ref].discard(event)
            if not self._events[ref]:
                del self._events[ref]
            if not self._events and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _run(self, number: int) -> None:
        try:
            while True:
                last = await self._objects.changed(number)
                changed = await self._objects.since(number)
                for ref in [*self._events] if changed is None else changed:
                    for event in self._events.get(ref, ()):
                        event.set()
                number = last
        finally:
            # Whoever waits looks for itself, finds what is wrong with the store, and says it.
            for events in self._events.values():
                for event in events:
                    event.set()
