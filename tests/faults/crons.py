"""A world of CronWorkflows in virtual time, in which engines die between any two steps."""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tiphys.compile.triggers.due import next_of, parse_schedules
from tiphys.controller.cron import CronLoop
from tiphys.controller.cron_ports import CronPorts
from tiphys.controller.engine import Engine
from tiphys.controller.loop import Ports
from tiphys.model.base import JsonObject
from tiphys.model.codec import convert, encode
from tiphys.model.cron import CronWorkflow
from tiphys.model.workflow import Workflow
from tiphys.ports import ObjectRef
from tiphys.runtime.simulated import Outcome, SimulatedRuntime
from tiphys.service.cron import CronChildren
from tiphys.service.operations import Operator
from tiphys.service.submit import Submitter
from tiphys.store.memory import Memory, MemoryStore
from tiphys.store.objects import MemoryObjects
from tiphys.testing.answers import answers_in_memory
from tiphys.testing.clock import JumpingClock

REFERENCE = ObjectRef("argoproj.io/v1alpha1", "CronWorkflow", "team", "nightly")
SPEC: JsonObject = {
    "entrypoint": "main",
    "templates": [{"name": "main", "container": {"image": "a", "command": ["true"]}}],
}
Dies = Callable[[int], bool]
"""Whether an engine dies at the step of this number; each call of a port is two steps."""


class Died(BaseException):
    """The engine is gone, in the middle of whatever it did."""


class Mortal:
    """A port whose caller may die just before or just after each call."""

    def __init__(self, target: Any, step: Callable[[], None]) -> None:
        self._target = target
        self._step = step

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)
        if name == "changed":  # waits beside the loop, which does not notice when it dies
            return method

        @functools.wraps(method)
        async def called(*args: Any) -> Any:
            self._step()
            found = await method(*args)
            self._step()
            return found

        return called


@dataclass
class World:
    """One CronWorkflow and the engines that come and go."""

    spec: JsonObject
    dies: Dies = lambda _: False
    engines: int = 1
    sync_seconds: float = 10.0
    seconds: float = 1.0
    phase: Callable[[str], str] = lambda _: "Succeeded"
    clock: JumpingClock = field(default_factory=JumpingClock)
    memory: Memory = field(default_factory=Memory)
    decisions: Counter[int] = field(default_factory=Counter)
    submitted: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    deaths: int = 0

    def __post_init__(self) -> None:
        self.objects = MemoryObjects(self.clock)
        self._runner = MemoryStore(self.memory, "runner")
        self._running: set[asyncio.Task[Any]] = set()
        self._names = 0

    async def create(self, status: JsonObject | None = None, **metadata: Any) -> CronWorkflow:
        """Keep the CronWorkflow and return it as stored."""
        made = convert(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "CronWorkflow",
                "metadata": {"name": "nightly", "namespace": "team", **metadata},
                "spec": {"workflowSpec": SPEC, **self.spec},
                "status": status or {},
            },
            CronWorkflow,
        )
        return convert(await self.objects.create(encode(made)), CronWorkflow)

    async def cron(self) -> CronWorkflow:
        """Return the CronWorkflow as it is."""
        return convert(await self.objects.get(REFERENCE), CronWorkflow)

    async def live(self, until: float) -> None:
        """Let time pass; engines that die are followed by others at once."""
        await asyncio.gather(*(self._generations(until) for _ in range(self.engines)))
        if self._running:
            await asyncio.wait(self._running)

    async def _generations(self, until: float) -> None:
        while self.clock.now() < until:
            self._names += 1
            store = MemoryStore(self.memory, f"engine-{self._names}")
            loop = asyncio.ensure_future(CronLoop(self._ports(store)).run())
            end = asyncio.ensure_future(self.clock.sleep_until(until))
            await asyncio.wait({loop, end}, return_when=asyncio.FIRST_COMPLETED)
            end.cancel()
            loop.cancel()
            await asyncio.wait({loop})
            store.close()
            if not loop.cancelled() and not isinstance(loop.exception(), Died):
                loop.result()

    def _ports(self, store: MemoryStore) -> CronPorts:
        return CronPorts(
            objects=Mortal(self.objects, self._step),
            ledger=Mortal(Recorded(store.ledger, self.decisions), self._step),
            workflows=Mortal(Children(self, store), self._step),
            clock=self.clock,
            owner=store.owner,
            sync_seconds=self.sync_seconds,
        )

    def _step(self) -> None:
        self.steps += 1
        if self.dies(self.steps):
            self.deaths += 1
            raise Died

    def drive(self, name: str) -> None:
        """Let a workflow run."""
        self.submitted[name] += 1
        task = asyncio.ensure_future(self._drive(name))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _drive(self, name: str) -> None:
        failed = self.phase(name) != "Succeeded"
        script = {name: Outcome(seconds=self.seconds, code=int(failed))}
        store = self._runner
        ports = Ports(
            journal=store,
            intake=store,
            answers=answers_in_memory(self.clock),
            clock=self.clock,
            owner="runner",
        )
        engine = Engine(ports, lambda _: SimulatedRuntime(self.clock, script))
        await engine.drive(await store.find("team", name))

    async def due(self, until: float) -> list[int]:
        """Return every due time from now on."""
        schedules = parse_schedules((await self.cron()).spec)
        found = []
        at = next_of(schedules, self.clock.now())
        while at is not None and at < until:
            found.append(at)
            at = next_of(schedules, at)
        return found


class Recorded:
    """A ledger that counts what was decided."""

    def __init__(self, ledger: Any, decisions: Counter[int]) -> None:
        self._ledger = ledger
        self._decisions = decisions

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def decide(self, row: Any, outcome: bytes) -> Any:
        decided = await self._ledger.decide(row, outcome)
        self._decisions[row.at] += 1
        return decided


class Children:
    """The real thing; what is submitted runs, simulated."""

    def __init__(self, world: World, store: MemoryStore) -> None:
        self._world = world
        self._real = CronChildren(
            objects=world.objects,
            queries=store,
            submitter=Submitter(
                store, world.clock, lambda _: SimulatedRuntime.capabilities.features
            ),
            operator=Operator(store, store, world.clock),
            clock=world.clock,
            forget=lambda row: store.delete(row.run),
            ledger=store.ledger,
            runtime="simulated",
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def submit(self, workflow: Workflow) -> Any:
        child = await self._real.submit(workflow)
        self._world.drive(child.name)
        return child
