"""What the pods of objects wrote: of a Job those it has made, of a Pod its own.

A pod has a log for each time it was begun; they are read one after the other. Values of Secrets
that the pod uses are not in a line.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from tiphys.compile.workloads.pods import job_ids
from tiphys.compile.workloads.reading import name_of, owner_of, part, phase_of, uid_of
from tiphys.compile.workloads.standing import standing
from tiphys.errors import NotFound
from tiphys.model.base import JsonObject
from tiphys.model.ids import NodeId, RunId
from tiphys.ports import Clock, ObjectRef, Objects
from tiphys.service.hiding import Hider
from tiphys.service.logs import Line, lines_of

_LOOK_SECONDS: Final = 0.2
_QUEUE: Final = 1_000
ReadPod = Callable[[RunId, NodeId, str, bool], AsyncIterator[bytes]]
"""Yields what a container of a pod's job wrote; with the flag until the job has ended."""


@dataclass(frozen=True, slots=True)
class PodLogs:
    """Reads the logs of pods that objects have; `read` reads one."""

    objects: Objects
    clock: Clock
    read: ReadPod

    async def pods(self, document: JsonObject) -> list[JsonObject]:
        """Return the pods of an object, oldest first; a Pod is its own."""
        ref = ObjectRef.of(document)
        if (ref.api_version, ref.kind) == ("v1", "Pod"):
            return [document]
        every = await self.objects.list("v1", "Pod", ref.namespace or None)
        return [pod for pod in every if owner_of(pod)[3] == uid_of(document)]

    async def lines(
        self, document: JsonObject, container: str = "", follow: bool = False
    ) -> AsyncIterator[Line]:
        """Yield what the pods wrote; with `follow` until the object is at work no more, or gone.

        Without a container that is what the only one wrote, or the first of several.
        Raises NotFound if a pod that is there has no such container.
        """
        for pod in await self.pods(document):
            _log_of(pod, container)
        if not follow:
            for pod in await self.pods(document):
                async for line in self._of(pod, container, follow=False):
                    yield line
            return
        queue: asyncio.Queue[Line | None] = asyncio.Queue(_QUEUE)
        feeder = asyncio.create_task(self._feed(document, container, queue))
        try:
            while (found := await queue.get()) is not None:
                yield found
            await feeder
        finally:
            feeder.cancel()

    async def _feed(
        self, document: JsonObject, container: str, queue: asyncio.Queue[Line | None]
    ) -> None:
        """Copy the lines of each attempt of each pod as they come."""

        async def copy(pod: JsonObject, job: NodeId) -> None:
            async for line in self._attempt(pod, job, container, follow=True):
                await queue.put(line)

        try:
            async with asyncio.TaskGroup() as group:
                async for pod, job in self._attempts(document):
                    group.create_task(copy(pod, job))
        finally:
            await queue.put(None)

    async def _attempts(self, document: JsonObject) -> AsyncIterator[tuple[JsonObject, NodeId]]:
        """Yield each attempt that has begun, once, until the object is at work no more."""
        known: set[NodeId] = set()
        while True:
            fresh = await self._fresh(document)
            for pod in await self.pods(document if fresh is None else fresh):
                for job in job_ids(pod) if phase_of(pod) != "Pending" else ():
                    if job not in known:
                        known.add(job)
                        yield pod, job
            if fresh is None or not standing(fresh).is_at_work:
                return
            await self.clock.sleep_until(self.clock.now() + _LOOK_SECONDS)

    async def _fresh(self, document: JsonObject) -> JsonObject | None:
        """Return an object as it is now, None if it is gone."""
        try:
            found = await self.objects.get(ObjectRef.of(document))
        except NotFound:
            return None
        return found if uid_of(found) == uid_of(document) else None

    async def _of(self, pod: JsonObject, container: str, follow: bool) -> AsyncIterator[Line]:
        for job in job_ids(pod):
            async for line in self._attempt(pod, job, container, follow):
                yield line

    async def _attempt(
        self, pod: JsonObject, job: NodeId, container: str, follow: bool
    ) -> AsyncIterator[Line]:
        uses: JsonObject = {"metadata": part(pod, "metadata"), "spec": part(pod, "spec")}
        masker = await Hider(self.objects).masker(uses)
        where = _log_of(pod, container)
        async for text in lines_of(self.read(RunId(uid_of(pod)), job, where, follow)):
            yield Line(text if masker is None else masker.mask(text), name_of(pod))


def _log_of(pod: JsonObject, container: str) -> str:
    """Return what a container's log is called in the job's directory.

    The only one is called main there; an init container keeps its name.
    """
    spec = part(pod, "spec")
    names = _names(spec, "containers")
    if container in ("", *names[:1]):
        return "main" if len(names) == 1 else names[0] if names else "main"
    if container in (*names, *_names(spec, "initContainers")):
        return container
    known = ", ".join((*_names(spec, "initContainers"), *names))
    raise NotFound(f'pod "{name_of(pod)}" has no container "{container}"; it has {known}')


def _names(spec: JsonObject, field: str) -> list[str]:
    found = spec.get(field)
    items = found if isinstance(found, list) else []
    return [str(item.get("name")) for item in items if isinstance(item, dict)]
