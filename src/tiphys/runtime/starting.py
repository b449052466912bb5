"""The first half of a local job's life: found again or made, staged, launched.

A job goes through the states of `entry.State` in order; each step is one method.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from functools import partial

import msgspec

from tiphys.errors import Permanent, TiphysError
from tiphys.executor import capture, contract, run, stage
from tiphys.executor.config import NOTHING, Missing, Values, fetch
from tiphys.executor.layout import Layout, Mount
from tiphys.executor.materialize import make_volumes
from tiphys.executor.members import MAIN, main_container, mains_of, mirrors, name_of
from tiphys.executor.podplan import plan_pod
from tiphys.executor.volumes import mounts_of
from tiphys.messages import JobSpec, JobWaiting
from tiphys.model.containers import Container
from tiphys.runtime.bell import make_bell
from tiphys.runtime.claims import ensure_claims
from tiphys.runtime.ending import Ending, end_of, started_at
from tiphys.runtime.entry import Entry, is_live, open_launcher, tell_to_end
from tiphys.runtime.names import HOSTS, is_named
from tiphys.runtime.placing import unmet

_encode = msgspec.json.Encoder().encode


class Starting(Ending):
    """Brings jobs to the point where a launcher runs; subclasses say what it runs."""

    slots_needed = 1
    uses_blanks = False
    """Whether jobs of one container begin in directories that were made before."""
    shares_namespaces = False
    """Whether the containers of a pod get ipc and uts namespaces of their own, in common."""

    # ------------------------------------------------------------------ for the subclasses

    def layout_of(
        self, job: JobSpec, directory: str, container: Container | None, mounts: tuple[Mount, ...]
    ) -> Layout:
        """Return where a container's paths are."""
        raise NotImplementedError

    def launch(self, member: run.Member) -> run.Launch:
        """Return what to run. Raises a TiphysError if that is known to be impossible."""
        raise NotImplementedError

    def _lacks_image(self, _job: JobSpec) -> bool:
        """Tell whether the files of one of a job's images have to be made first."""
        return False

    async def _make_images(self, _job: JobSpec) -> None:
        """Make the files of a job's images. Raises a TiphysError."""

    def _find_root(self, entry: Entry) -> None:
        """Bring a root that need not be made, if there is one."""

    async def _make_ready(self, _entry: Entry) -> None:
        """Do what else takes time before a staged job can be launched. Raises a TiphysError."""

    # ------------------------------------------------------------------------------- layouts

    def layout(self, job: JobSpec, directory: str, values: Values = NOTHING) -> Layout:
        """Return where the paths of the job's main container are."""
        main = main_container(job)
        return self.layout_of(job, directory, main, self._mounts(job, directory, main, values))

    def _mounts(
        self, job: JobSpec, directory: str, container: Container | None, values: Values
    ) -> tuple[Mount, ...]:
        if container is None:
            return ()
        made = mounts_of(job, container, directory, self._setup.places, values)
        if is_named(job) and not any(mount.path == HOSTS for mount in made):
            made = (*made, Mount(HOSTS, f"{directory}/{contract.HOSTS}", read_only=True))
        main = main_container(job)
        if not mirrors(container) or main is None:
            return made
        # The artifacts of main are mounts as well, where they do not lie in a volume.
        layout = self.layout(job, directory, values)
        paths = [stage.clean_path(item) for item in job.template.inputs.artifacts if item.path]
        more = (Mount(path, layout.host(path)) for path in paths if layout.mounted(path) is None)
        return (*made, *(item for item in more if os.path.lexists(item.source)))

    def _member(self, entry: Entry, container: Container | None, waits: bool) -> run.Member:
        job, values = entry.spec, entry.values or NOTHING
        if container is main_container(job):
            return run.Member(job, container, entry.layout, values, waits)
        mounts = self._mounts(job, entry.directory, container, values)
        layout = self.layout_of(job, entry.directory, container, mounts)
        return run.Member(job, container, layout, values, waits)

    # --------------------------------------------------------------------- finding jobs again

    def _find_again(self, entry: Entry) -> None:
        """Go on with a job that has a directory; contract.py has the cases."""
        report = contract.read_report(entry.directory)
        if report is not None:
            entry.state = "over"
            self._names.remove(entry)
            self._tell_started(entry, started_at(report))
            self._reports.put(report)
            return
        lock = contract.try_lock(entry.directory)
        if lock is None:
            self._adopt(entry)
            return
        os.close(lock)
        if contract.read_pid(entry.directory) is not None:
            entry.is_pod = os.path.exists(f"{entry.directory}/{contract.BELL}")
        if (end := end_of(entry)) is not None:
            self._capture(entry, end)
        elif contract.read_pid(entry.directory) is not None:
            self._lost(entry)
        else:
            self._enqueue(entry)

    def _adopt(self, entry: Entry) -> None:
        """Watch a launcher that someone else started."""
        self._take()
        entry.state = "running"
        found = open_launcher(entry.directory)
        if found is None:
            self._background(self._wait_for_launcher(entry), partial(self._checked, entry))
        else:
            self._watch_adopted(entry, *found)

    async def _wait_for_launcher(self, entry: Entry) -> None:
        """Wait until a launcher has said who it is, or the lock is free again."""
        while (found := open_launcher(entry.directory)) is None:
            if not is_live(entry.directory):
                # It ended, or whoever was staging has died: look at the directory again.
                self._give()
                self._find_again(entry)
                return
            await self._pause()
        self._watch_adopted(entry, *found)

    def _watch_adopted(self, entry: Entry, pid: int, pidfd: int) -> None:
        self._watch_launcher(entry, pid, pidfd)
        if entry.is_unknown:
            self._background(self._learn(entry, False), partial(self._checked, entry))
        elif entry.is_pod:
            self._listen(entry)
        if not entry.is_pod:
            self._tell_started(entry, self._clock.now())
        if entry.grace is not None:
            tell_to_end(entry.directory, pidfd, entry.grace)

    async def _learn(self, entry: Entry, is_over: bool) -> None:
        """Find out what an adopted job refers to; what is gone meanwhile is done without."""
        job = entry.spec
        try:
            await self._make_images(job)
            values = await fetch(job, self._setup.objects)
        except TiphysError:
            values = NOTHING
        if not entry.is_unknown:
            return
        entry.values = values
        with suppress(TiphysError):
            entry.layout = self.layout(job, entry.directory, values)
        if entry.is_pod and entry.bell is None and not is_over and entry.state == "running":
            self._listen(entry)

    # -------------------------------------------------------------------------------- waiting

    def _enqueue(self, entry: Entry) -> None:
        entry.state = "waiting"
        if problem := unmet(entry.spec.template.node_selector, self._setup.node_labels):
            self._find_no_place(entry, problem)
            return
        self._waiting.append(entry)
        self._fill_slots()
        if entry in self._waiting and entry.spec.deadline_at is not None:
            self._background(self._expire(entry), partial(self._checked, entry))

    def _find_no_place(self, entry: Entry, problem: str) -> None:
        """Keep a job waiting until its deadline.

        Differs: Kubernetes keeps one without a deadline for ever; it fails at once.
        """
        if entry.spec.deadline_at is None:
            text = why_not_ready(entry.spec, problem, "Unschedulable")
            now = self._clock.now()
            self._finish(entry, capture.stopped_early(entry.spec, "Error", text, now))
            return
        self._reports.put(JobWaiting(entry.spec.id, f"Unschedulable: {problem}"))
        self._background(self._expire(entry), partial(self._checked, entry))

    async def _expire(self, entry: Entry) -> None:
        """End a job whose deadline passes while it waits for a slot or a place."""
        await self._clock.sleep_until(entry.spec.deadline_at or 0.0)
        if entry.state == "waiting":
            with suppress(ValueError):
                self._waiting.remove(entry)
            self._begin(entry)

    def _fill_slots(self) -> None:
        if self._waiting:
            self._slots.join(self)
        self._slots.fill()

    def begin_next(self) -> bool:
        """Begin the job that has waited longest; tell whether more wait. Called by the slots."""
        if self._waiting:
            self._begin(self._waiting.popleft())
        return bool(self._waiting)

    # ------------------------------------------------------------------------------- starting

    def _begin(self, entry: Entry) -> None:
        """Lock, stage, launch; in the background only if there is something to wait for."""
        job = entry.spec
        if job.deadline_at is not None and job.deadline_at <= self._clock.now():
            text = "Step exceeded its deadline"
            self._finish(entry, capture.stopped_early(job, "Failed", text, self._clock.now()))
            return
        try:
            lock = contract.try_lock(entry.directory)
        except OSError as exc:
            self._finish(entry, capture.init_failed(job, exc, self._clock.now()))
            return
        if lock is None:
            self._adopt(entry)
            return
        self._take()
        if entry.is_unknown or stage.has_inputs(job):
            entry.state = "staging"
            entry.task = self._background(self._stage(entry), partial(self._staged, entry, lock))
        else:
            self._launch(entry, lock)

    async def _stage(self, entry: Entry) -> None:
        """Fetch configuration, make volumes, place artifacts. Raises a TiphysError."""
        job, setup = entry.spec, self._setup
        await self._make_images(job)
        if entry.is_unknown:
            try:
                values = await fetch(job, setup.objects)
                await ensure_claims(job, setup.places, setup.objects)
                entry.values = values
                await asyncio.to_thread(make_volumes, job, entry.directory, setup.places, values)
            except Permanent as exc:
                raise NotReady(str(exc)) from exc
        entry.layout = self.layout(job, entry.directory, entry.values or NOTHING)
        if stage.has_inputs(job):
            await stage.load_inputs(job, entry.layout, self._drivers)
        await self._make_ready(entry)

    def _staged(self, entry: Entry, lock: int, task: asyncio.Task[None]) -> None:
        """Go on after staging, however it ended; the lock must be closed in every case."""
        if task.cancelled():
            os.close(lock)
            if entry.grace is not None:  # else the runtime was closed: another begins again
                self._give()
                self._deleted(entry)
        elif (problem := task.exception()) is not None:
            os.close(lock)
            self._fail_start(entry, problem)
        else:
            self._launch(entry, lock)

    def _launch(self, entry: Entry, lock: int) -> None:
        try:
            self._find_root(entry)
            stage.prepare(entry.spec, entry.layout)
            if entry.is_pod:
                pid = self._spawn_pod(entry, lock)
            else:
                launch = self.launch(self._member(entry, main_container(entry.spec), False))
                pid = run.spawn(entry.spec, entry.directory, launch, lock)
            entry.is_child = True
            self._watch_launcher(entry, pid, os.pidfd_open(pid))
        except run.CannotStart as exc:
            self._give()
            self._refuse(entry, exc)
        except (OSError, ValueError, TiphysError) as exc:
            self._fail_start(entry, exc)
        else:
            self._launched(entry)
        finally:
            os.close(lock)

    def _spawn_pod(self, entry: Entry, lock: int) -> int:
        job = entry.spec

        def group_of(container: Container) -> str:
            return self.groups.make(container) if self.groups is not None else ""

        plan = plan_pod(
            job, partial(self._member, entry), self.launch, group_of, self.shares_namespaces
        )
        make_bell(entry.directory)
        return run.spawn_pod(entry.directory, _encode(plan), lock)

    def _launched(self, entry: Entry) -> None:
        if not entry.is_pod:
            self._tell_started(entry, self._clock.now())
            self._prepare_next()
            return
        if entry.spec.template.init_containers:
            self._reports.put(JobWaiting(entry.spec.id, "PodInitializing"))
        self._listen(entry)

    def _prepare_next(self) -> None:
        """Make ready what a next job will need; where jobs wait, processors have enough to do."""
        if self.uses_blanks and not self._waiting:
            self._blanks.refill()

    def _fail_start(self, entry: Entry, cause: BaseException) -> None:
        self._give()
        now = self._clock.now()
        if isinstance(cause, (NotReady, Missing)):
            reason = cause.reason if isinstance(cause, NotReady) else ""
            text = why_not_ready(entry.spec, str(cause), reason)
            self._finish(entry, capture.stopped_early(entry.spec, "Error", text, now))
        else:
            self._finish(entry, capture.init_failed(entry.spec, cause, now))
        self._fill_slots()

    def _refuse(self, entry: Entry, cause: run.CannotStart) -> None:
        """Do what the launcher does when it cannot start the command, without a launcher."""
        contract.refuse(entry.directory, str(cause))
        self._capture(entry, contract.CANNOT_START)
        self._fill_slots()


class NotReady(Permanent):
    """What the containers need is not there.

    `reason` is the kubelet's word for it, "" for what follows from the text.
    Differs: Kubernetes would wait for it for ever; the job fails at once.
    """

    def __init__(self, text: str, reason: str = "") -> None:
        self.reason = reason
        super().__init__(text)


def why_not_ready(job: JobSpec, cause: str, reason: str = "") -> str:
    """Return the message of a job whose containers wait for what is not there.

    Source: reference/engine.md 1.14.4, a waiting container of a pod that has failed.
    """
    first = min((name_of(job, container) for container in mains_of(job)), default=MAIN)
    reason = reason or "CreateContainerConfigError"
    if cause.startswith("MountVolume"):
        reason = "ContainerCreating"
    elif cause.startswith("persistentvolumeclaim"):
        reason = "Unschedulable"
    return f"Pod failed before {first} container starts due to {reason}: {cause}"
