"""Keeps the objects of a store at work: Jobs, Volcano Jobs, Pods and child Workflows.

One process of a home does this at a time; when it ends, or dies, another one takes over and goes
on from the stored objects. Pure rooms decide (`compile/workloads`); here it is carried out, in the
order of `Step`: first the object's new state is written, then pods go and come.
Source: decisions on the local object store; reference/kubernetes.md 18.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from typing import Final

from tiphys.compile.workloads import batch, volcano
from tiphys.compile.workloads.faces import KIND as WORKFLOW
from tiphys.compile.workloads.faces import is_step
from tiphys.compile.workloads.reading import (
    ENDED,
    Step,
    is_going,
    items,
    owner_of,
    part,
    phase_of,
    text,
    uid_of,
)
from tiphys.controller.faces import Faces
from tiphys.controller.failures import reason_of
from tiphys.controller.object_ports import ObjectPorts
from tiphys.controller.pods import PodRunner
from tiphys.errors import (
    Conflict,
    LostOwnership,
    NotFound,
    StoreError,
    Transient,
    WorldError,
)
from tiphys.model.base import API_VERSION, JsonObject
from tiphys.model.makers import placed, runtime_of
from tiphys.ports import ObjectRef

_log = logging.getLogger(__name__)
_JOBS: Final = ((batch.API_VERSION, "Job"), (volcano.API_VERSION, "Job"))
_POD: Final = ("v1", "Pod")
_COMMAND: Final = ("bus.volcano.sh/v1alpha1", "Command")
_WATCHED: Final = (*_JOBS, _POD, _COMMAND, (API_VERSION, WORKFLOW))
_TURN_SECONDS: Final = 0.5
_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 60.0


def _kind(ref: ObjectRef) -> tuple[str, str]:
    return ref.api_version, ref.kind


class _Pods:
    """The Pods of the store, by reference and by the uid of their owner."""

    def __init__(self) -> None:
        self.all: dict[ObjectRef, JsonObject] = {}
        self._owned: dict[str, dict[ObjectRef, None]] = {}

    def put(self, ref: ObjectRef, pod: JsonObject) -> None:
        self.remove(ref)
        self.all[ref] = pod
        self._owned.setdefault(owner_of(pod)[3], {})[ref] = None

    def remove(self, ref: ObjectRef) -> None:
        pod = self.all.pop(ref, None)
        if pod is not None:
            uid = owner_of(pod)[3]
            self._owned[uid].pop(ref, None)
            if not self._owned[uid]:
                del self._owned[uid]

    def of(self, uid: str) -> list[JsonObject]:
        return [self.all[ref] for ref in self._owned.get(uid, ())]


class ObjectLoop:
    """The objects of a store that run."""

    def __init__(self, ports: ObjectPorts) -> None:
        """Prepare; nothing is looked at yet."""
        self._ports = ports
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._pods = _Pods()
        self._wakes: dict[ObjectRef, float] = {}
        self._at_work: set[ObjectRef] = set()
        self._seen = 0
        self._is_loaded = False
        self._is_ours: bool | None = None
        self._faces: Faces | None = None

    @property
    def has_work(self) -> bool:
        """Whether an object is at work in this process, or nobody has looked yet."""
        if self._is_ours is False:
            return False
        faces = self._faces is not None and self._faces.has_work
        pods = (phase_of(pod) not in ENDED or is_going(pod) for pod in self._pods.all.values())
        return not self._is_loaded or bool(self._at_work) or faces or any(pods)

    async def run(self) -> None:
        """Work, without end; after a failure that may pass, begin again from the store."""
        pause = _FIRST_PAUSE_SECONDS
        try:
            while True:
                try:
                    await self._until_ours()
                    await self._serve()
                except* (LostOwnership, Transient) as group:
                    _log.warning("objects are interrupted: %s", reason_of(group))
                except* Exception:  # noqa: BLE001 - whatever it is, the runs beside go on
                    _log.exception("objects are interrupted")
                self._begin_anew()
                await self._ports.clock.sleep_until(self._ports.clock.now() + pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        finally:
            await self._ports.turn.give_up()

    async def _until_ours(self) -> None:
        """Return when no other process keeps the objects of this store at work."""
        while not await self._ports.turn.take():
            self._is_ours = False
            await self._ports.clock.sleep_until(self._ports.clock.now() + _TURN_SECONDS)
        self._is_ours = True

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            runner = PodRunner(self._ports, group)
            self._faces = Faces(self._ports, group)
            try:
                await self._work(runner, self._faces)
            finally:
                await runner.close()

    async def _work(self, runner: PodRunner, faces: Faces) -> None:
        self._seen = await self._ports.objects.changed(-1)
        changed: Iterable[ObjectRef] = await self._everything()
        while True:
            await self._pass(changed, runner, faces)
            self._is_loaded = True
            await self._wait(faces)
            if not await self._ports.turn.take():
                raise LostOwnership("another process keeps the objects at work")
            changed = await self._changes()

    async def _everything(self) -> list[ObjectRef]:
        """Return all objects of interest, Pods first."""
        found = [*self._pods.all]
        for kind in (_POD, *_JOBS, _COMMAND, (API_VERSION, WORKFLOW)):
            found += map(ObjectRef.of, await self._ports.objects.list(*kind, None))
        return found

    async def _changes(self) -> list[ObjectRef]:
        """Return what has changed since the last look, and what is due."""
        now = self._ports.clock.now()
        due = [ref for ref, at in self._wakes.items() if at <= now]
        for ref in due:
            del self._wakes[ref]
        number = await self._ports.objects.changed(-1)
        changed = await self._ports.objects.since(self._seen)
        self._seen = number
        found = await self._everything() if changed is None else changed
        return [*due, *(ref for ref in found if _kind(ref) in _WATCHED)]

    async def _wait(self, faces: Faces) -> None:
        """Return when an object has changed, or when something is due."""
        times = [*self._wakes.values()]
        if (look := faces.next_look) is not None:
            times.append(look)
        clock = self._ports.clock
        waits: list[asyncio.Future[int] | asyncio.Future[None]] = [
            asyncio.ensure_future(self._ports.objects.changed(self._seen))
        ]
        if times:
            waits.append(asyncio.ensure_future(clock.sleep_until(min(times))))
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for item in done:
                item.result()
        finally:
            for item in waits:
                item.cancel()

    # ------------------------------------------------------------------------------- a pass

    async def _pass(self, changed: Iterable[ObjectRef], runner: PodRunner, faces: Faces) -> None:
        """Bring everything in step that a change, or the time, may concern: Jobs before pods."""
        refs = list(dict.fromkeys(changed))
        jobs: dict[ObjectRef, str] = {}
        pods: dict[ObjectRef, None] = {}
        for ref in refs:
            match _kind(ref):
                case kind if kind == _POD:
                    jobs |= dict.fromkeys(await self._look_at_pod(ref), "")
                    pods[ref] = None
                case kind if kind == _COMMAND:
                    jobs |= await self._commanded(ref)
                case kind if kind in _JOBS:
                    jobs.setdefault(ref, "")
                case _:
                    await self._guarded(ref, faces.look(ref))
        for ref, command in jobs.items():
            await self._guarded(ref, self._sync(ref, command, pods))
        for ref in pods:
            await self._guarded(ref, self._run_pod(ref, runner))
        await runner.begin()
        await faces.poll()

    async def _guarded(self, ref: ObjectRef, work: Awaitable[None]) -> None:
        """The boundary of one object: what goes wrong with it does not touch the others."""
        try:
            await work
        except (WorldError, StoreError, LostOwnership):
            raise
        except Exception:  # noqa: BLE001 - the boundary of one object
            self._at_work.discard(ref)
            _log.exception("%s %s/%s cannot be kept at work", ref.kind, ref.namespace, ref.name)

    async def _look_at_pod(self, ref: ObjectRef) -> list[ObjectRef]:
        """Learn what became of a pod; return the Job that it belongs to."""
        before, pod = self._pods.all.get(ref), await self._ports.present(ref)
        if pod is None or is_step(pod):
            self._pods.remove(ref)
        else:
            self._pods.put(ref, pod)
        owners = [owner_of(item) for item in (before, pod) if item is not None]
        return [
            ObjectRef(version, kind, ref.namespace, name)
            for version, kind, name, _ in owners
            if (version, kind) in _JOBS
        ]

    async def _run_pod(self, ref: ObjectRef, runner: PodRunner) -> None:
        wake_at = await runner.look(ref, self._pods.all.get(ref))
        if wake_at is not None:
            self._wakes[ref] = wake_at

    async def _commanded(self, ref: ObjectRef) -> dict[ObjectRef, str]:
        """Take a Command to a Volcano Job; return the Job and the action."""
        document = await self._ports.present(ref)
        if document is None:
            return {}
        await self._remove(ref)
        target = part(document, "target")
        job = ObjectRef(volcano.API_VERSION, "Job", ref.namespace, text(target, "name"))
        return {job: text(document, "action")}

    async def _sync(self, ref: ObjectRef, command: str, pods: dict[ObjectRef, None]) -> None:
        """Bring one Job in step; the pods it makes are added to `pods`."""
        job = await self._ports.present(ref)
        self._wakes.pop(ref, None)
        self._at_work.discard(ref)
        if job is None or is_going(job):
            return
        own, now = self._pods.of(uid_of(job)), self._ports.clock.now()
        if ref.api_version == volcano.API_VERSION:
            step = volcano.decide(job, own, now, command)
        else:
            step = batch.decide(job, own, now)
        if step.expired:
            await self._remove(ref)
            return
        if not step.is_over:
            self._at_work.add(ref)
        try:
            await self._ports.objects.replace(step.document)
        except (Conflict, NotFound):
            return  # somebody changed it meanwhile: that is a change to look at
        await self._carry_out(ref, step, pods)

    async def _carry_out(self, ref: ObjectRef, step: Step, pods: dict[ObjectRef, None]) -> None:
        for name in step.delete:
            await self._remove(ObjectRef(*_POD, ref.namespace, name))
        for document in step.create:
            try:
                made = await self._ports.objects.create(self._placed(document, step.document))
            except Conflict:
                await self._check_owner(document)
                continue
            if _kind(where := ObjectRef.of(made)) == _POD:
                self._pods.put(where, made)
                pods[where] = None
        if step.wake_at is not None:
            self._wakes[ref] = step.wake_at

    def _placed(self, document: JsonObject, job: JsonObject) -> JsonObject:
        """Return a pod that says where it runs: where its Job does, else where pods run now."""
        if _kind(ObjectRef.of(document)) != _POD:
            return document
        return placed(document, runtime_of(job) or self._ports.place)

    async def _check_owner(self, document: JsonObject) -> None:
        """Say it if an object that a Job needs has a name that somebody else's has."""
        where = ObjectRef.of(document)
        present = await self._ports.present(where)
        wanted = items(part(document, "metadata"), "ownerReferences")
        if present is not None and owner_of(present)[3] != wanted[0]["uid"]:
            _log.warning("%s %s/%s is in the way", where.kind, where.namespace, where.name)

    async def _remove(self, ref: ObjectRef) -> None:
        try:
            await self._ports.objects.delete(ref)
        except NotFound:
            return
