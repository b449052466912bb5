"""What keeping objects at work works with: ports, room on this machine, and child workflows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from tiphys.compile.needs import Runtime as Offer
from tiphys.errors import Conflict, NotFound
from tiphys.model.base import JsonObject
from tiphys.ports import Clock, ObjectRef, Objects, RunRow, Runtime


class Waiting(Protocol):
    """Who waits for room: for `slots_needed` jobs at once."""

    slots_needed: int

    def begin_next(self) -> bool:
        """Begin what the room was given for; tell whether more wait."""
        ...


class Room(Protocol):
    """How many jobs run at once, and the line before it; shared with the jobs of workflows."""

    def take(self) -> None:
        """Count a job that runs."""
        ...

    def give(self, number: int = 1) -> None:
        """Count jobs that run no more."""
        ...

    def join(self, who: Waiting) -> None:
        """Stand in the line."""
        ...

    def leave(self, who: Waiting) -> None:
        """Wait no longer."""
        ...

    def fill(self) -> None:
        """Begin what fits."""
        ...


class Turn(Protocol):
    """Who of all processes keeps the objects of a store at work; free when that one dies."""

    async def take(self) -> bool:
        """Tell whether this process is it, now."""
        ...

    async def give_up(self) -> None:
        """Let another process be it."""
        ...


class Children(Protocol):
    """The runs behind Workflow objects; `service.faces` does it."""

    async def find(self, namespace: str, name: str) -> RunRow | None:
        """Return the newest run of that name."""
        ...

    async def submit(self, document: JsonObject) -> RunRow:
        """Run a stored Workflow object under its uid.

        Raises InvalidDocument and Unsupported, and Conflict if another run has its name.
        """
        ...

    def shown(self, row: RunRow) -> JsonObject:
        """Return a run's workflow without its nodes."""
        ...

    async def forget(self, row: RunRow) -> None:
        """Delete a run and all that belongs to it."""
        ...


@dataclass(frozen=True, slots=True)
class ObjectPorts:
    """What the loop works with.

    `runtime` makes a runtime that pods run in, which limits nothing by itself; `offer` says what
    it can do. `place` is the name of the one for pods that do not say where they run. `drive`
    drives a child workflow to its end; None where an engine finds it by itself.
    """

    objects: Objects
    clock: Clock
    runtime: Callable[[str], Runtime]
    offer: Callable[[str], Offer]
    place: str
    room: Room
    turn: Turn
    children: Children
    drive: Callable[[RunRow], Awaitable[object]] | None = None

    async def present(self, ref: ObjectRef) -> JsonObject | None:
        """Return an object, None if it is gone."""
        try:
            return await self.objects.get(ref)
        except NotFound:
            return None

    async def change(
        self, ref: ObjectRef, change: Callable[[JsonObject], JsonObject]
    ) -> JsonObject | None:
        """Make another document of the present one, however often others write between.

        Return it as stored, None if the object is gone.
        """
        while (document := await self.present(ref)) is not None:
            try:
                return await self.objects.replace(change(document))
            except Conflict:
                continue
            except NotFound:
                break
        return None
