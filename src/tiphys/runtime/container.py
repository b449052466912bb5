"""A job as containers of podman or docker, in the image that the template names.

The launcher is the same as everywhere (executor/pod/); what it starts for each container is a small
process that is attached to one at the engine (executor/attached.py), so all that is said of
launchers holds: an engine of ours that dies finds its jobs again, and a container is started once.
Containers are made before the launcher starts, since their environment may hold secrets. They are
removed when their outputs have been copied out.

What containers share: volumes, `/var/run/argo`, and in a pod of several the network and ipc of one
more container that holds them (engines/pause.py).
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from tiphys.errors import NotFound, Permanent, TiphysError
from tiphys.executor import capture, contract, run, stage
from tiphys.executor.config import Missing
from tiphys.executor.ends import PodEnd
from tiphys.executor.fields import resource_of
from tiphys.executor.layout import Layout, Mount
from tiphys.executor.members import containers_of, is_pod, main_container, name_of
from tiphys.executor.transfers import DriverOf
from tiphys.messages import JobFinished, JobLost, JobSpec, JobWaiting
from tiphys.model.containers import Container
from tiphys.model.ids import NodeId, RunId
from tiphys.ports import Clock
from tiphys.runtime.engines.api import Api
from tiphys.runtime.engines.body import context_of, user_of, words_of
from tiphys.runtime.engines.find import Found
from tiphys.runtime.engines.images import EngineImages, NoImage
from tiphys.runtime.engines.layout import ContainerLayout
from tiphys.runtime.engines.outputs import copy_out
from tiphys.runtime.engines.pods import HOLDER, EnginePods, container_name
from tiphys.runtime.entry import Entry
from tiphys.runtime.local import LocalRuntime
from tiphys.runtime.names import PLAIN, Names, is_named
from tiphys.runtime.setup import Setup
from tiphys.runtime.slots import Slots
from tiphys.runtime.starting import NotReady

log = logging.getLogger(__name__)
_ATTACHED: Final = Path(run.__file__).with_name("attached.py")
_PASSED_ON: Final = ("PATH", "HOME", "XDG_RUNTIME_DIR", "CONTAINERS_CONF")
_ROOT_USERS: Final = ("", "0", "root")


@dataclass(frozen=True, slots=True)
class EngineSetup:
    """The engine that was found, in which environment, and the network of jobs ("": the usual)."""

    found: Found
    environ: Mapping[str, str] = field(default_factory=dict)
    network: str = ""


class ContainerRuntime(LocalRuntime):
    """Runs containers at an engine."""

    name = "container"

    def __init__(
        self,
        root: Path,
        drivers: DriverOf,
        clock: Clock,
        *,
        engine: EngineSetup,
        slots: Slots | int | None = None,
        setup: Setup | None = None,
    ) -> None:
        super().__init__(root, drivers, clock, slots=slots, setup=setup)
        self.groups = None  # the engine keeps the limits
        self._shares_network = engine.network == "host"
        if not self._shares_network:
            self._names = Names(PLAIN)
        environ = engine.environ
        self._found = engine.found
        self._environ = {name: environ[name] for name in _PASSED_ON if name in environ}
        self._api = Api(engine.found, environ)
        self._pulled = EngineImages(self._api, clock, environ.get("HOME", ""))
        self._pods = EnginePods(self._api, self._pulled, engine.network)
        self._made: set[NodeId] = set()

    # ----------------------------------------------------------------------------- what it runs

    def layout_of(
        self, job: JobSpec, directory: str, container: Container | None, mounts: tuple[Mount, ...]
    ) -> Layout:
        """Return a layout of what is mounted and of what will be copied out."""
        layout = ContainerLayout(directory, mounts, name_of(job, container))
        layout.owner = _owner_of(job)
        return layout

    def launch(self, member: run.Member) -> run.Launch:
        """Return the command that is attached to the container, which was made before."""
        directory, name = member.layout.directory, member.name
        image = self._pulled.config(member.container.image if member.container else "")
        at = container_name(directory, name)
        python = (sys.executable, "-I", "-S", str(_ATTACHED))
        folder = f"{directory}/ctr/{name}"
        words = (
            *(at, folder, image.stop_signal, member.layout.termination_log),
            *(self._found.command or "-", words_of(member, image)[0]),
        )
        return run.Launch(
            [*python, "run", self._found.socket, *words],
            self._environ,
            "/",
            "r" if member.job.capture_result else "-",
            [*python, "exec", self._found.socket, at],
            f"{folder}/up",
        )

    def _needs_pod(self, job: JobSpec) -> bool:
        """Jobs with a memory limit as well: only the pod launcher can tell why one was killed.

        And jobs with a name, whose address must be known before they start.
        """
        limited = any(resource_of(i, "limits", "memory") is not None for i in containers_of(job))
        return is_pod(job) or limited or is_named(job)

    def _address_of(self, entry: Entry) -> str:
        if self._shares_network:
            return super()._address_of(entry)
        found = contract.read_address(entry.directory)
        return found if found != contract.LOOPBACK else ""

    # ---------------------------------------------------------------------------------- staging

    def _lacks_image(self, _job: JobSpec) -> bool:
        """Every image is looked at first, and the containers are made."""
        return True

    async def _make_images(self, job: JobSpec) -> None:
        """Have all images here. Raises NotReady in the kubelet's words."""
        for container in containers_of(job):
            try:
                await self._pulled.ensure(
                    container.image, container.image_pull_policy, partial(self._say, job)
                )
            except NoImage as exc:
                raise NotReady(str(exc), exc.reason) from exc

    def _say(self, job: JobSpec, text: str) -> None:
        self._reports.put(JobWaiting(job.id, text))

    async def _make_ready(self, entry: Entry) -> None:
        """Make the containers. Raises NotReady in the kubelet's words."""
        job = entry.spec
        await asyncio.to_thread(stage.prepare, job, entry.layout)
        self._made.add(job.id)
        members = [self._member(entry, container, True) for container in containers_of(job)]
        try:
            for member in members:
                self._check(member)
            await self._pods.make(members, entry.is_pod)
        except (NotReady, Missing):
            raise
        except (Permanent, NotFound) as exc:
            raise NotReady(str(exc), "CreateContainerError") from exc
        if is_named(job):
            self._names.learn(entry, self._address_of(entry))
            await self._names.settled(entry)

    def _check(self, member: run.Member) -> None:
        """Refuse what the kubelet refuses. Source: pkg/kubelet/kuberuntime/security_context.go."""
        container = member.container
        if container is None:
            return
        image = self._pulled.config(container.image)
        words = (container.command, container.args, image.defaults.entrypoint, image.defaults.cmd)
        if not any(words):
            raise NotReady("no command specified", "CreateContainerError")
        context = context_of(member, container)
        user = (user_of(context) or image.user).partition(":")[0]
        if context.get("runAsNonRoot") is True and user in _ROOT_USERS:
            raise NotReady("container has runAsNonRoot and image will run as root")

    # ----------------------------------------------------------------------------------- ending

    def _find_again(self, entry: Entry) -> None:
        """Go on with a job that has a directory; it may have containers."""
        if contract.read_report(entry.directory) is None:
            self._made.add(entry.spec.id)
        super()._find_again(entry)

    def _capture(self, entry: Entry, end: int | PodEnd) -> None:
        entry.state = "capturing"
        self._background(self._save(entry, end), partial(self._checked, entry))

    async def _save(self, entry: Entry, end: int | PodEnd) -> None:
        """Copy the outputs out of main, then go on as everywhere."""
        if entry.is_unknown:
            await self._learn(entry, True)
        try:
            await self._copy_out(entry)
        except TiphysError as exc:
            self._finish(entry, capture.capture_failed(entry.spec, exc, self._clock.now()))
            return
        await super()._save(entry, end)

    async def _copy_out(self, entry: Entry) -> None:
        """Copy once: an engine that did it may have died after it had removed the container."""
        job, main = entry.spec, main_container(entry.spec)
        copied = f"{entry.directory}/{contract.COPIED}"
        if main is None or os.path.exists(copied):
            return
        name = container_name(entry.directory, name_of(job, main))
        await self._pods.end(name)
        await copy_out(self._api, name, job, entry.layout)
        contract.write_file(copied, b"")

    def _finish(self, entry: Entry, report: JobFinished | JobLost) -> None:
        """Say the last word when the containers are gone, so that none is ever left behind."""
        if entry.spec.id not in self._made:
            super()._finish(entry, report)
            return
        self._made.discard(entry.spec.id)
        entry.state = "capturing"
        self._background(self._remove(entry, report), partial(self._checked, entry))

    async def _remove(self, entry: Entry, report: JobFinished | JobLost) -> None:
        names = [name_of(entry.spec, item) for item in containers_of(entry.spec)]
        for name in (*names, *((HOLDER,) if entry.is_pod else ())):
            try:
                await self._pods.remove(container_name(entry.directory, name))
            except TiphysError as exc:
                log.warning("container %s of job %s is left: %s", name, entry.spec.id, exc)
        super()._finish(entry, report)

    async def drop(self, run: RunId) -> None:
        """Remove all that remains of a run's jobs, containers of a dead launcher too."""
        await super().drop(run)
        if run:
            await self._pods.remove_all(run)

    async def forget(self, run: RunId, job: NodeId) -> None:
        """Remove all that remains of one job."""
        await super().forget(run, job)
        if run and job:
            await self._pods.remove_all(run, job)

    async def close(self) -> None:
        """Release what the runtime holds; jobs go on running."""
        await super().close()
        await self._api.close()


def _owner_of(job: JobSpec) -> tuple[int, int] | None:
    """Return the user and the group of a pod, if it says so and we may give them something."""
    context = job.template.security_context or {}
    user, group = context.get("runAsUser"), context.get("runAsGroup", 0)
    if os.geteuid() != 0 or not (isinstance(user, int) and isinstance(group, int)):
        return None
    return user, group
