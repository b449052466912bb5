"""Runs the Pods of a store: each is a job of the runtime, its status what the runtime reports.

A pod's job is known by the pod's uid and the number of the attempt, so a pod that has been begun
is adopted, never begun twice. Pods wait in the same line as the jobs of workflows; the pods of a
gang get room all at once. Deleted pods are kept by a finalizer until nothing runs of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Final

from tiphys.compile.workloads.faces import held, released
from tiphys.compile.workloads.pods import (
    PodFault,
    begins_again_at,
    finished,
    job_id,
    job_of,
    refused,
    started,
)
from tiphys.compile.workloads.reading import (
    ENDED,
    FINALIZER,
    count,
    is_going,
    name_of,
    part,
    phase_of,
    text,
    uid_of,
)
from tiphys.compile.workloads.volcano_plugins import GROUP, PODGROUP_API
from tiphys.controller.object_ports import ObjectPorts
from tiphys.errors import Permanent, WorldError
from tiphys.messages import JobFinished, JobLost, JobReport, JobStarted
from tiphys.model.base import JsonObject
from tiphys.model.ids import NodeId, RunId
from tiphys.model.makers import placed, runtime_of
from tiphys.ports import ObjectRef, Runtime

_log = logging.getLogger(__name__)
_GRACE_SECONDS: Final = 30
_AGAIN_SECONDS: Final = 10.0


class _Gang:
    """Pods that wait for room together; a pod without a group is a gang of its own."""

    def __init__(self, runner: PodRunner, least: int) -> None:
        self.slots_needed = 1
        self.least = least
        self.waiting: deque[ObjectRef] = deque()
        self.begun: set[ObjectRef] = set()
        self._runner = runner

    def count(self) -> None:
        """Find out how many of those who wait must begin at once."""
        missing = self.least - len(self.begun)
        self.slots_needed = max(1, min(missing, len(self.waiting)))

    def begin_next(self) -> bool:
        """Begin as many as were waited for; tell whether more wait."""
        for _ in range(min(self.slots_needed, len(self.waiting))):
            ref = self.waiting.popleft()
            self.begun.add(ref)
            self._runner.admit(ref)
        self.count()
        return bool(self.waiting)


class PodRunner:
    """The pods that this process runs, each in the runtime that it names."""

    def __init__(self, ports: ObjectPorts, group: asyncio.TaskGroup) -> None:
        """Prepare; nothing runs yet. What runtimes report is heard by tasks of `group`."""
        self._ports = ports
        self._group = group
        self._runtimes: dict[str, tuple[Runtime, asyncio.Task[None]]] = {}
        self._gangs: dict[str, _Gang] = {}
        self._jobs: dict[NodeId, ObjectRef] = {}
        self._has_room: set[ObjectRef] = set()
        self._admitted: deque[ObjectRef] = deque()

    async def close(self) -> None:
        """Let go of everything; what runs goes on running."""
        for gang in self._gangs.values():
            self._ports.room.leave(gang)
        self._ports.room.give(len(self._has_room))
        self._has_room.clear()
        self._ports.room.fill()
        for runtime, listening in self._runtimes.values():
            listening.cancel()
            await runtime.close()

    def _runtime(self, pod: JsonObject) -> Runtime:
        """Return the runtime of a pod; it is listened to from when it is first needed."""
        name = runtime_of(pod) or self._ports.place
        if name not in self._runtimes:
            made = self._ports.runtime(name)
            self._runtimes[name] = made, self._group.create_task(self._listen(made))
        return self._runtimes[name][0]

    def admit(self, ref: ObjectRef) -> None:
        """Give room to a pod; it begins when `begin` is called next."""
        self._take(ref)
        self._admitted.append(ref)

    async def look(self, ref: ObjectRef, pod: JsonObject | None) -> float | None:
        """Do what a pod wants; return when to look again although it did not change."""
        if pod is None:
            self._leave(ref)
            self._give(ref)
        elif is_going(pod):
            return await self._end(ref, pod)
        elif phase_of(pod) in ENDED:
            self._leave(ref)
        elif not held(pod):
            await self._ports.change(ref, self._taken_over)
        elif phase_of(pod) == "Pending":
            await self._wait_for_room(ref, pod)
        else:
            return await self._go_on(ref, pod)
        return None

    async def begin(self) -> None:
        """Begin the pods that have room, one right after another: a gang waits for all of it."""
        self._ports.room.fill()
        ready: list[tuple[ObjectRef, JsonObject]] = []
        while self._admitted:
            ref = self._admitted.popleft()
            pod = await self._ports.present(ref)
            if pod is not None and not is_going(pod) and phase_of(pod) == "Pending":
                ready.append((ref, pod))
            elif pod is None:
                self._give(ref)
        for ref, pod in ready:
            await self._start(ref, pod)

    async def _listen(self, runtime: Runtime) -> None:
        """Write what a runtime reports, without end."""
        async for report in runtime.watch():
            await self._report(report)

    def _taken_over(self, pod: JsonObject) -> JsonObject:
        """Return a pod that stays until nothing runs of it, and says where it runs."""
        return placed(_kept(pod), runtime_of(pod) or self._ports.place)

    # ---------------------------------------------------------------------------- beginning

    async def _wait_for_room(self, ref: ObjectRef, pod: JsonObject) -> None:
        if ref in self._has_room:
            return
        gang = await self._gang(ref, pod)
        if ref not in gang.waiting:
            gang.waiting.append(ref)
        gang.count()
        self._ports.room.join(gang)

    async def _gang(self, ref: ObjectRef, pod: JsonObject) -> _Gang:
        name = text(part(pod, "metadata", "annotations"), GROUP)
        key = f"{ref.namespace}/{name}" if name else uid_of(pod)
        if key not in self._gangs:
            where = ObjectRef(PODGROUP_API, "PodGroup", ref.namespace, name)
            group = await self._ports.present(where) if name else None
            least = count(part(group, "spec"), "minMember", 1) if group is not None else 1
            self._gangs[key] = _Gang(self, least)
        return self._gangs[key]

    async def _go_on(self, ref: ObjectRef, pod: JsonObject) -> float | None:
        """Adopt a pod that was begun, or begin its next attempt when its time has come."""
        (await self._gang(ref, pod)).begun.add(ref)
        self._take(ref)
        if job_id(pod) in self._jobs:
            return None
        due = begins_again_at(pod)
        if due is not None and due > self._ports.clock.now():
            return due
        # It may have ended since it was looked at: a job that is over reports nothing more.
        fresh = await self._ports.present(ref)
        if fresh is not None and job_id(fresh) == job_id(pod) and phase_of(fresh) not in ENDED:
            await self._start(ref, fresh)
        return None

    async def _start(self, ref: ObjectRef, pod: JsonObject) -> None:
        try:
            job = job_of(pod, self._ports.offer(runtime_of(pod) or self._ports.place))
            self._jobs[job.id] = ref
            await self._runtime(pod).start(job)
        except (PodFault, Permanent) as exc:
            self._jobs.pop(job_id(pod), None)
            why = str(exc)
            await self._ports.change(ref, lambda it: refused(it, why))
            self._give(ref)

    # ------------------------------------------------------------------------------- ending

    async def _end(self, ref: ObjectRef, pod: JsonObject) -> float | None:
        """Stop a deleted pod; let it go when nothing runs of it. Return when to look again.

        It stays as long as its runtime cannot be asked: something may run of it.
        """
        self._leave(ref)
        if not held(pod):
            return None
        try:
            is_over = await self._stopped(pod)
        except WorldError as exc:
            _log.warning("pod %s/%s cannot be ended: %s", ref.namespace, ref.name, exc)
            return self._ports.clock.now() + _AGAIN_SECONDS
        if is_over:
            self._give(ref)
            await self._ports.change(ref, released)
        return None

    async def _stopped(self, pod: JsonObject) -> bool:
        """Tell whether nothing remains of a pod in its runtime; what runs is told to end."""
        job = job_id(pod)
        if job not in self._jobs:
            await self._runtime(pod).drop(RunId(uid_of(pod)))
            return True
        grace = count(part(pod, "spec"), "terminationGracePeriodSeconds", _GRACE_SECONDS)
        await self._runtime(pod).stop(job, float(grace))
        return False

    async def _report(self, report: JobReport) -> None:
        ref = self._jobs.get(report.job)
        if ref is None:
            return
        if isinstance(report, JobStarted):
            at = report.at
            await self._ports.change(ref, lambda it: started(it, at) if _is(it, report) else it)
        elif isinstance(report, JobFinished | JobLost):
            await self._over(ref, report)

    async def _over(self, ref: ObjectRef, report: JobFinished | JobLost) -> None:
        pod = await self._ports.change(
            ref, lambda it: finished(it, report) if _is(it, report) else it
        )
        self._jobs.pop(report.job, None)
        if pod is None or phase_of(pod) in ENDED or is_going(pod):
            self._give(ref)
        if pod is not None and is_going(pod):
            await self._end(ref, pod)

    # --------------------------------------------------------------------------------- room

    def _take(self, ref: ObjectRef) -> None:
        if ref not in self._has_room:
            self._has_room.add(ref)
            self._ports.room.take()

    def _give(self, ref: ObjectRef) -> None:
        if ref in self._has_room:
            self._has_room.discard(ref)
            self._ports.room.give()
            self._ports.room.fill()

    def _leave(self, ref: ObjectRef) -> None:
        """Wait no longer; a gang without pods is forgotten."""
        for key, gang in [*self._gangs.items()]:
            if ref in gang.waiting:
                gang.waiting.remove(ref)
                gang.count()
            gang.begun.discard(ref)
            if not gang.waiting and not gang.begun:
                self._ports.room.leave(gang)
                del self._gangs[key]


def _is(pod: JsonObject, report: JobReport) -> bool:
    """Tell whether a report is about a pod's present attempt, which has not ended."""
    return job_id(pod) == report.job and phase_of(pod) not in ENDED


def _kept(pod: JsonObject) -> JsonObject:
    """Return a pod that stays until nothing runs of it."""
    if held(pod) or not name_of(pod):
        return pod
    metadata = part(pod, "metadata")
    finalizers = metadata.get("finalizers")
    own = finalizers if isinstance(finalizers, list) else []
    return {**pod, "metadata": {**metadata, "finalizers": [*own, FINALIZER]}}
