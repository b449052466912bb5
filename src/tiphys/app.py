"""Wiring: which adapters stand behind the ports. No logic.

`local()` is a home directory on this machine: SQLite, the launcher's runtimes, the local artifact
repository. It is the only module that names them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tiphys import __version__
from tiphys.artifacts.credentials import Credentials
from tiphys.artifacts.registry import Drivers, available
from tiphys.compile.site import Site
from tiphys.controller.artifact_gc import ArtifactGC
from tiphys.controller.collecting import Collector
from tiphys.controller.cron import CronLoop
from tiphys.controller.cron_ports import CronPorts
from tiphys.controller.engine import SOON_SECONDS, Engine
from tiphys.controller.heap import Heap, collect_seldom
from tiphys.controller.loop import Ports
from tiphys.controller.object_ports import ObjectPorts
from tiphys.controller.objects import ObjectLoop
from tiphys.controller.retention import Retention, Yard, claims_of
from tiphys.controller.serving import drive, serve
from tiphys.engine.cleanup import Kept
from tiphys.errors import NotFound, Permanent, UserError
from tiphys.executor.volumes import Places
from tiphys.model.codec import convert
from tiphys.model.ids import NodeId, RunId
from tiphys.model.repositories import ArtifactRepository
from tiphys.model.secret import SecretReader
from tiphys.ports import Answerer, Objects, Observer, RunRow, Runtime, Update
from tiphys.ports_server import Filter, Listed, NameTest, Page
from tiphys.runtime.images import ImageRule
from tiphys.runtime.local import LocalRuntime
from tiphys.runtime.process import ProcessRuntime
from tiphys.runtime.setup import FEATURES, Setup
from tiphys.runtime.slots import Slots, default_slots
from tiphys.service.again import Repeater
from tiphys.service.cron import CronChildren, CronWorkflows
from tiphys.service.explain import Explainer
from tiphys.service.faces import FacedObjects, drop_face
from tiphys.service.hiding import Hider
from tiphys.service.operations import Operator
from tiphys.service.submit import Submitter
from tiphys.service.view import Viewer
from tiphys.settings import Settings
from tiphys.store.owners import Owner
from tiphys.store.secrets import secret_reader
from tiphys.store.sql_store import SqlStore
from tiphys.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from tiphys.controller.engine_metrics import EngineMetrics
    from tiphys.locks.rooms import RoomLimits
    from tiphys.runtime.exchange import HttpOptions
    from tiphys.service.archive import Archive
    from tiphys.service.archived import Archived
    from tiphys.service.create import Creator
    from tiphys.service.logs import Logs
    from tiphys.service.moving import Moves
    from tiphys.service.pod_logs import PodLogs
    from tiphys.service.sync_limits import SyncLimits


_log = logging.getLogger(__name__)
_UNLIMITED = 1 << 30


class SystemClock:
    """The clock on the wall."""

    def now(self) -> float:
        """Return the seconds since the epoch, UTC."""
        return time.time()

    async def sleep_until(self, at: float) -> None:
        """Return when `now()` has reached `at`."""
        await asyncio.sleep(max(0.0, at - time.time()))


@dataclass(frozen=True, slots=True)
class Choice:
    """The runtime that was chosen, and why."""

    name: str
    reason: str


def choose_runtime(settings: Settings) -> Choice:
    """Return the runtime to use: the one asked for, else the most isolated that works here.

    Images that the settings map to files or to this machine are not meant for an engine. The reason
    says what kept a more isolated one from being used.
    Raises UserError if the one asked for cannot be used.
    """
    wanted = settings.runtime
    if wanted in {"process", "simulated"}:
        return Choice(wanted, "as asked")
    if wanted == "container" or (wanted == "auto" and not settings.images):
        from tiphys.runtime.engines.find import find_engine

        found = find_engine(settings.environ)
        if not found.problem:
            reason = f"an engine answers at {found.socket}"
            return Choice("container", "as asked" if wanted == "container" else reason)
        if wanted == "container":
            raise UserError(f"the container runtime cannot be used: {found.problem}")
        return _without_engine(wanted, f"; no containers, because {found.problem}")
    return _without_engine(wanted)


def _without_engine(wanted: str, why_no_engine: str = "") -> Choice:
    from tiphys.runtime import sandbox

    why_not = sandbox.available()
    if why_not is None:
        reason = f"bubblewrap works here{why_no_engine}"
        return Choice("sandbox", "as asked" if wanted == "sandbox" else reason)
    if wanted == "sandbox":
        raise UserError(f"the sandbox runtime cannot be used: {why_not}")
    return Choice("process", f"no isolation, because {why_not}{why_no_engine}")


@dataclass(frozen=True, slots=True)
class Local:
    """A home on this machine, opened."""

    settings: Settings
    store: SqlStore
    owner: Owner | None
    clock: SystemClock
    submitter: Submitter
    operator: Operator
    repeater: Repeater
    viewer: Viewer
    explainer: Explainer
    slots: Slots
    objects: Objects
    crons: CronWorkflows
    secrets: SecretReader
    archive: Archive | None = None
    """Where workflows that have ended are kept when they are deleted, if they are."""

    def engine(self, metrics: EngineMetrics | None = None, also: Sequence[Observer] = ()) -> Engine:
        """Return what drives runs in this process, and sees to those that have ended."""
        if self.owner is None:
            raise Permanent("this home was opened to read only")
        from tiphys.locks.rooms import RoomLimits

        collect_seldom()
        room = RoomLimits(self.settings.parallelism, self.settings.namespace_parallelism)
        ports = Ports(
            journal=self.store,
            intake=self.store,
            answers=_answers(self, self.owner.name, room),
            clock=self.clock,
            owner=self.owner.name,
            limited=bool(room.engine or room.per_namespace),
            bugs=self.settings.home / "bugs",
            observers=(Heap(), *also, *_traces(self.settings.environ)),
        )
        if metrics is not None:
            observers = (*ports.observers, metrics)
            ports = replace(ports, observers=observers, turned=metrics.turned)
        return Engine(ports, self.runtime, self.retention())

    def retention(self) -> Retention:
        """Return what deletes ended runs that have expired, and pods that are not needed."""
        if self.owner is None:
            raise Permanent("this home was opened to read only")
        yard = Yard(
            self.store,
            self.store,
            self.clock,
            self.owner.name,
            self.runtime,
            self.forget,
            self.delete_claims,
            self.collector(),
        )
        return Retention(yard, Kept(**self.settings.retention))

    async def tidy(self) -> bool:
        """Delete what is due; tell whether an engine should stay for what will be soon."""
        retention = self.retention()
        await retention.sweep()
        await self.collector().gc.finish()
        due = await retention.sweep()
        return due is not None and due <= self.clock.now() + SOON_SECONDS

    def collector(self) -> Collector:
        """Return what deletes the artifacts of workflows that say so."""
        ledger = self.store.deletions
        return Collector(self.store, ledger, ArtifactGC(ledger, self.drivers, self.clock))

    def schedules(self, metrics: EngineMetrics | None = None) -> CronLoop:
        """Return what keeps the CronWorkflows of this home in step, in this process."""
        if self.owner is None:
            raise Permanent("this home was opened to read only")
        ports = CronPorts(
            objects=self.objects,
            ledger=self.store.ledger,
            workflows=self.children(),
            clock=self.clock,
            owner=self.owner.name,
        )
        return CronLoop(ports if metrics is None else replace(ports, decided=metrics.decided))

    def children(self) -> CronChildren:
        """Return what makes and keeps the workflows of CronWorkflows; it chooses the runtime."""
        return CronChildren(
            objects=self.objects,
            queries=self.store,
            submitter=self.submitter,
            operator=self.operator,
            clock=self.clock,
            forget=self.forget,
            ledger=self.store.ledger,
            runtime=choose_runtime(self.settings).name,
        )

    async def serve(self) -> None:
        """Drive runs and what works beside them, until there is nothing to do for a while."""
        idle = self.settings.idle_seconds
        runtime = choose_runtime(self.settings).name
        await serve(self.engine(), self.schedules(), self.workloads(runtime), idle)

    async def drive(self, row: RunRow, watched: Callable[[Update], None]) -> bool:
        """Drive one run to its end, with the objects it makes; False if another engine has it."""
        engine = self.engine()
        if row.runtime == "simulated":
            return await engine.drive(row, watched)
        return await drive(engine, self.workloads(row.runtime, engine.drive), row, watched)

    def workloads(
        self, name: str, drive: Callable[[RunRow], Awaitable[object]] | None = None
    ) -> ObjectLoop:
        """Return what keeps the objects of this home at work, in this process.

        `name` is the runtime for their pods. `drive` drives child workflows, where no engine finds
        them by itself.
        """
        from tiphys.compile.needs import Runtime as Offer
        from tiphys.service.faces import Children

        pods = "process" if name == "simulated" else name
        drivers = self.drivers(self.settings.namespace)  # pods of objects have no artifacts
        return ObjectLoop(
            ObjectPorts(
                objects=self.objects,
                clock=self.clock,
                runtime=lambda where: _runtime(self, where, drivers, Slots(_UNLIMITED)),
                offer=lambda where: Offer(where, features(self.settings, where)),
                place=pods,
                room=self.slots,
                turn=self.store.database.turn("objects"),
                children=Children(self.objects, self.store, self.submitter, self.forget, name),
                drive=drive,
            )
        )

    def sync_limits(self) -> SyncLimits:
        """Return what reads and changes the limits of semaphores."""
        from tiphys.locks.limit_rows import SqlLimitRows
        from tiphys.service.sync_limits import SyncLimits

        return SyncLimits(self.objects, SqlLimitRows(self.store.database.write))

    async def fresh(self, row: RunRow) -> RunRow:
        """Return a run's row as it is now; as it was if the run is deleted."""
        with contextlib.suppress(NotFound):
            found = await self.store.find(row.namespace, row.name)
            if found.run == row.run:
                return found
        return row

    async def has_objects_at_work(self) -> bool:
        """Tell whether objects wait for something that only an engine does."""
        from tiphys.service.faces import are_at_work

        return await are_at_work(self.objects)

    async def objects_have_keeper(self) -> bool:
        """Tell whether a process keeps the objects of this home at work."""
        turn = self.store.database.turn("objects")
        is_free = await turn.take()
        if is_free:
            await turn.give_up()
        return not is_free

    async def has_work(self) -> bool:
        """Tell whether an engine has anything to do here, now or at some due time."""
        free = await self.store.claimable()
        return (
            bool(free)
            or await self.store.deletions.next_due() is not None
            or await self.crons.is_waiting(self.clock.now())
            or await self.has_objects_at_work()
        )

    async def forget(self, row: RunRow, force: bool = False) -> None:
        """Delete a run, its job directories and its artifacts; what runs of it is killed.

        Raises Conflict if artifacts that artifactGC names cannot be deleted; with `force` it goes
        without them.
        What is archived keeps its other artifacts. The rows go last: after a crash it can be done
        again.
        """
        kept = self.archive is not None and await self.archive.keep(row)
        collector, runtime = self.collector(), self.runtime(row)
        try:
            if row.done:
                await collector.clear(row, force)
            await self.operator.clear(row, runtime, await self.store.is_driven(row))
        finally:
            await runtime.close()
        if not row.done:
            await collector.clear(row, force)
        await drop_face(self.objects, row)
        if not kept:
            await self._drop_artifacts(row)
        await self.delete_claims(row, claims_of(row))
        await self.store.delete(row.run)

    async def forget_archived(self, item: Listed) -> None:
        """Delete what the archive has of a workflow; of one that is gone also its artifacts."""
        await self.store.catalogue.forget_archived(item.row.run)
        if not item.live:
            await self._drop_artifacts(item.row)

    async def _drop_artifacts(self, row: RunRow) -> None:
        """Delete a workflow's artifacts.

        They lie under its name, as in Argo, so another workflow of that name keeps them.
        """
        folder = self.settings.home / "artifacts" / row.name
        alike = Filter(names=[NameTest("Exact", row.name)])
        listing = await self.store.catalogue.page(alike, Page(2))
        shared = any(item.row.run != row.run for item in listing.items)
        if not shared and folder.parent == self.settings.home / "artifacts":
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def delete_claims(self, row: RunRow, claims: Sequence[str]) -> None:
        """Delete the volumes that a run made from these of its volumeClaimTemplates."""
        from tiphys.runtime.claims import delete_claims

        places = Places(str(self.settings.home / "volumes"), self.settings.host_paths)
        await asyncio.to_thread(delete_claims, places, row.namespace, row.name, claims)

    def creator(self) -> Creator:
        """Return what creates workflows for others; it chooses the runtime."""
        from tiphys.service.create import Creator

        runtime = choose_runtime(self.settings).name
        return Creator(self.submitter, self.objects, self.crons, self.clock, runtime)

    def shelf(self) -> Archive:
        """Return the archive, one that holds nothing if there is none."""
        return self.archive or archive_of(self.store, self.clock, on=False)

    def archived(self) -> Archived:
        """Return what has archived workflows done once more."""
        from tiphys.service.adopting import Adopter
        from tiphys.service.archived import Archived

        runtime = choose_runtime(self.settings).name
        adopter = Adopter(self.submitter, self.store, self.objects, runtime)
        return Archived(self.shelf(), self.repeater, self.creator(), self.store, adopter)

    def runtime(self, row: RunRow) -> Runtime:
        """Return the runtime of one run: the one it was submitted for."""
        if row.runtime == "simulated":
            from tiphys.runtime.simulated import SimulatedRuntime

            return SimulatedRuntime(self.clock)
        return _routed(self, row.runtime, row.namespace)

    def moves(self, row: RunRow) -> Moves:
        """Return what follows the transfers of a run's jobs."""
        from tiphys.service.moving import Moves

        return Moves(self.settings.home / "runs", row.run)

    def logs(self) -> Logs:
        """Return what reads the logs of this home's workflows."""
        from tiphys.service.archived_logs import ArchivedLogs
        from tiphys.service.logs import Logs
        from tiphys.service.outputs import Kept as Outputs

        store = self.store
        archived = ArchivedLogs(Outputs(store, store.deletions))

        def read_archived(row: RunRow, job: NodeId, container: str) -> AsyncIterator[bytes]:
            return archived.pieces(row, job, container, self.drivers(row.namespace))

        reading = store, store, store.catalogue, self.clock, self._read_log
        return Logs(*reading, self.viewer, read_archived)

    async def _read_log(
        self, row: RunRow, job: NodeId, container: str, follow: bool
    ) -> AsyncIterator[bytes]:
        """Yield what a container of a job wrote. Raises NotFound if nothing is left of the job."""
        runtime, is_silent = self.runtime(row), True
        try:
            async for piece in runtime.logs(row.run, job, follow, container):
                is_silent = False
                yield piece
            if is_silent and job not in await runtime.kept(row.run):
                raise NotFound(f"nothing is left of job {job}")
        finally:
            await runtime.close()

    def pod_logs(self) -> PodLogs:
        """Return what reads the logs of the pods of objects."""
        from tiphys.service.pod_logs import PodLogs

        return PodLogs(self.objects, self.clock, self._read_pod)

    async def _read_pod(
        self, run: RunId, job: NodeId, container: str, follow: bool
    ) -> AsyncIterator[bytes]:
        """Yield what a container of a pod wrote; in every local runtime it is a file."""
        drivers = self.drivers(self.settings.namespace)
        runtime = _runtime(self, "process", drivers, Slots(_UNLIMITED))
        try:
            async for piece in runtime.logs(run, job, follow, container):
                yield piece
        finally:
            await runtime.close()

    def certificate(self) -> tuple[Path, Path]:
        """Return the files of a certificate for this home's server, and of its key."""
        from tiphys.auth.certificate import self_signed

        return self_signed(self.settings.home / "server", self.clock.now())

    def drivers(self, namespace: str) -> Drivers:
        """Return what finds drivers; they know the Secrets of a namespace."""
        credentials = Credentials(self.secrets, namespace)
        options: dict[str, Mapping[str, object]] = {
            "local": {"root": self.settings.home / "artifacts"},
            "s3": {"environ": self.settings.environ},
            "plugin": _plugin_options(self.settings),
        }
        return Drivers(options, credentials)


def _answers(home: Local, owner: str, room: RoomLimits) -> Answerer:
    """Return what answers the questions of runs: locks and room, and memoization caches."""
    from tiphys.locks.cache import CacheAnswers
    from tiphys.locks.router import Router
    from tiphys.locks.sql import Shared, SqlLocks

    database = home.store.database
    shared = Shared(database.write, database.read, owner, database.living, home.store.unfinished)
    locks = SqlLocks(shared, home.objects, home.clock, room)
    return Router((locks, CacheAnswers(home.objects, home.clock)))


def _runtime(home: Local, name: str, drivers: Drivers, slots: Slots) -> LocalRuntime:
    """Return the runtime of templates that are containers, and of pods."""
    settings = home.settings
    runs = settings.home / "runs"
    setup = Setup(
        images=[
            ImageRule(
                pattern=item.pattern,
                root=item.root,
                bin=item.bin,
                visible=item.visible,
                entrypoint=item.entrypoint,
                cmd=item.cmd,
            )
            for item in settings.images
        ],
        environ=passed_on(settings.environ),
        objects=home.objects,
        places=Places(str(settings.home / "volumes"), settings.host_paths),
        unpacked=settings.home / "images",
        node_labels=settings.node_labels,
    )
    if name == "container":
        from tiphys.runtime.container import ContainerRuntime, EngineSetup
        from tiphys.runtime.engines.find import find_engine

        environ = settings.environ
        engine = EngineSetup(find_engine(environ), environ, settings.container_network)
        return ContainerRuntime(runs, drivers, home.clock, engine=engine, slots=slots, setup=setup)
    kind: type[LocalRuntime] = ProcessRuntime
    if name == "sandbox":
        from tiphys.runtime.sandbox import SandboxRuntime

        kind = SandboxRuntime
    return kind(runs, drivers, home.clock, slots=slots, setup=setup)


def _routed(home: Local, name: str, namespace: str) -> Runtime:
    """Return the runtime of all templates: containers by `name`, the others in this process."""
    from tiphys.runtime.data import DataRuntime
    from tiphys.runtime.http import HttpRuntime
    from tiphys.runtime.plugin import Plugin, PluginRuntime
    from tiphys.runtime.resource import ResourceRuntime
    from tiphys.runtime.router import RouterRuntime

    runs, clock = home.settings.home / "runs", home.clock
    drivers = home.drivers(namespace)
    plugins = [Plugin(item.address, item.token) for item in home.settings.plugins]
    return RouterRuntime(
        _runtime(home, name, drivers, home.slots),
        {
            "Data": DataRuntime(runs, clock, drivers),
            "HTTP": HttpRuntime(runs, clock, home.objects, _http_options(home.settings)),
            "Plugin": PluginRuntime(runs, clock, plugins),
            "Resource": ResourceRuntime(
                runs, clock, FacedObjects(home.objects, home.store, name), drivers
            ),
        },
    )


def _plugin_options(settings: Settings) -> Mapping[str, object]:
    """Return which artifact plugins there are, and where they listen."""
    known = settings.artifact_drivers
    return {
        "names": {item.name: item.connection_timeout_seconds for item in known},
        "paths": {item.name: item.socket for item in known},
    }


def _http_options(settings: Settings) -> HttpOptions:
    from tiphys.runtime.addresses import METADATA, AddressRules
    from tiphys.runtime.exchange import HttpOptions

    given = settings.http
    return HttpOptions(
        AddressRules(
            allow_hosts=given.allow_hosts,
            deny_hosts=given.deny_hosts,
            allow_addresses=given.allow_addresses,
            deny_addresses=METADATA if given.deny_addresses is None else given.deny_addresses,
        ),
        follow_redirects=given.follow_redirects,
        response_bytes=given.max_response_bytes,
    )


def features(settings: Settings, name: str) -> frozenset[str]:
    """Return what the runtime of that name can do, with all that stands beside it."""
    if name == "simulated":
        from tiphys.runtime.simulated import SimulatedRuntime

        return SimulatedRuntime.capabilities.features
    beside = {"data", "http", "resource", *(("plugin",) if settings.plugins else ())}
    beside |= {"repositories", "artifactGC", *(f"artifacts.{kind}" for kind in available())}
    lacks = set() if settings.host_paths else {"volumes.hostPath"}
    if not settings.artifact_drivers:
        beside.discard("artifacts.plugin")
    beside |= {f"artifacts.plugin.{item.name}" for item in settings.artifact_drivers}
    return (FEATURES - lacks) | beside


def _traces(environ: Mapping[str, str]) -> Iterator[Observer]:
    """Yield what sends traces, if the usual variables say where to."""
    from tiphys.controller import traces

    if not any(environ.get(name) for name in traces.ENDPOINTS):
        return
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    try:
        yield traces.exporting(__version__)
    except ImportError:
        _log.warning("no traces are sent: they need pip install 'tiphys[otel]'")


def passed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the part of the environment that jobs without isolation may see."""
    names = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER", "TZ")
    return {name: environ[name] for name in names if name in environ}


def prepare_home(home: Path) -> None:
    """Make the home directory and its parts, private to the user. Raises UserError."""
    try:
        for part in (home, home / "runs", home / "artifacts"):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = home / f".{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as exc:
        raise UserError(
            f"the home {home} cannot be used: {exc.strerror or exc}; choose another one with "
            "--home or TIPHYS_HOME"
        ) from exc


def _site(settings: Settings) -> Site:
    """Return the rules that hold for every workflow here."""
    given = settings.artifact_repository
    return Site(
        settings.workflow_defaults,
        settings.template_referencing,
        settings.override_allowlist,
        convert(given, ArtifactRepository) if given else None,
    )


@contextlib.contextmanager
def local(settings: Settings, *, drives: bool = False, archives: bool = False) -> Iterator[Local]:
    """Open the home of `settings`; with `drives` this process may own runs.

    With `archives` workflows that have ended are kept in the archive when they are deleted.
    """
    prepare_home(settings.home)
    with contextlib.ExitStack() as stack:
        owner = None
        if drives:
            owner = Owner(settings.home, f"{os.getpid()}-{secrets.token_hex(4)}")
            stack.callback(owner.close)
        store = _store(settings, owner)
        stack.callback(store.close)
        if drives and settings.database:
            from tiphys.service.moving import answering

            store.database.on_question(answering(settings.home / "runs"))
        clock = SystemClock()
        objects = store.objects(clock)
        submitter = Submitter(
            store,
            clock,
            partial(features, settings),
            _site(settings),
            store if settings.estimate_durations else None,
        )
        viewer = Viewer(store, store.deletions, Hider(objects))
        yield Local(
            settings=settings,
            store=store,
            owner=owner,
            clock=clock,
            submitter=submitter,
            operator=Operator(store, store, clock),
            repeater=Repeater(store, store, store, submitter, clock, store.deletions),
            viewer=viewer,
            explainer=Explainer(store, store, viewer),
            slots=Slots(settings.slots or default_slots()),
            objects=objects,
            crons=CronWorkflows(objects),
            secrets=secret_reader(objects.look),
            archive=archive_of(store, clock, on=True) if archives else None,
        )


def _store(settings: Settings, owner: Owner | None) -> SqlStore:
    """Open the store: a file of the home, or the database that the settings name."""
    if not settings.database:
        return SqliteStore(settings.home, owner)
    try:
        from tiphys.store.postgres import PostgresStore
    except ImportError as exc:
        raise UserError("Postgres needs one more package: pip install 'tiphys[postgres]'") from exc
    from tiphys.store.postgres_address import parse_address

    return PostgresStore(parse_address(settings.database), settings.home, owner)


def archive_of(store: SqlStore, clock: SystemClock, on: bool) -> Archive:
    """Return the archive of a home."""
    from tiphys.service.archive import Archive
    from tiphys.service.workflows import Workflows

    return Archive(Workflows(store, store.catalogue), store.catalogue, clock, on)
