"""A world in which the engine dies at any moment and what it is told gets lost or muddled.

Everything is drawn from a seed. What is real is the shell: `RunLoop`, with a store that fails, a
runtime whose reports go astray, and timers that ring twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import msgspec
from tests.properties.programs import LIMITS, Program

from tiphys.controller import bundle
from tiphys.controller.loop import Ports, RunLoop
from tiphys.engine.run import Run
from tiphys.engine.status import node_status
from tiphys.errors import LostOwnership, Permanent, TiphysError
from tiphys.locks.cache import CacheAnswers
from tiphys.locks.memory import MemoryLocks
from tiphys.locks.router import Router
from tiphys.messages import (
    Answer,
    Input,
    JobReport,
    JobSpec,
    NodeSet,
    Question,
    ResumeRequested,
    RetryRequested,
)
from tiphys.model.ids import NodeId, RunId
from tiphys.runtime.simulated import SimulatedRuntime
from tiphys.service.stored import keep_beside
from tiphys.store.memory import Memory, MemoryStore
from tiphys.store.objects import MemoryObjects
from tiphys.testing.clock import JumpingClock, run
from tiphys.testing.drive import BEGINNING, admitted
from tiphys.testing.store_contract import row_of

MOST_LIVES = 400
PATIENT_LIVES = 60
"""After so many lives nothing goes wrong any more, so that every run comes to an end."""


Requests = Sequence[tuple[float, Input]]
"""What people ask, each with its seconds after the beginning."""


class CrashError(Exception):
    """The engine dies here."""


@dataclass
class Luck:
    """How often what goes wrong; `calm` is a world without faults."""

    rng: Random
    calm: bool = False
    lives: int = 0

    def has(self, probability: float) -> bool:
        if self.calm or self.lives > PATIENT_LIVES:
            return False
        return self.rng.random() < probability


class Life:
    """One engine, from its start to its death."""

    def __init__(self, luck: Luck) -> None:
        self.luck = luck
        self.alive = True

    def may_end(self, probability: float) -> None:
        """Die here, perhaps; certainly if dead already."""
        if not self.alive or self.luck.has(probability):
            self.alive = False
            raise CrashError


class FaultyStore(MemoryStore):
    """Fails before or after it has committed."""

    def __init__(self, memory: Memory, owner: str, life: Life) -> None:
        super().__init__(memory, owner)
        self._life = life

    async def claim(self, run: RunId, owner: str) -> int | None:
        self._life.may_end(0.02)
        epoch = await super().claim(run, owner)
        self._life.may_end(0.02)
        return epoch

    async def append(self, *args: Any, **kwargs: Any) -> int:
        self._life.may_end(0.04)
        if self._life.luck.has(0.03):
            raise Permanent("the disk is full")
        await asyncio.sleep(0)
        self._life.may_end(0.0)
        last = await super().append(*args, **kwargs)
        if self._life.luck.has(0.03):
            raise Permanent("nobody knows whether that was kept")
        self._life.may_end(0.04)
        return last

    async def release(self, run: RunId, epoch: int) -> None:
        if not self._life.alive:
            raise LostOwnership("the dead release nothing")
        await super().release(run, epoch)


class Jobs:
    """The jobs, and what they have said so far. They outlive every engine, or end with theirs."""

    def __init__(self, clock: JumpingClock, program: Program, ephemeral: bool = False) -> None:
        self.runtime = SimulatedRuntime(clock, program.say)
        self.capabilities = replace(self.runtime.capabilities, ephemeral=ephemeral)
        self.said: dict[NodeId, list[JobReport]] = {}
        self.adapter: Adapter | None = None

    async def listen(self) -> None:
        async for report in self.runtime.watch():
            self.said.setdefault(report.job, []).append(report)
            if self.adapter is not None:
                self.adapter.deliver(report)


class Adapter:
    """One engine's way to the jobs. Reports are lost, doubled and swapped; starts may kill."""

    name = "simulated"

    def __init__(self, jobs: Jobs, life: Life) -> None:
        self.capabilities = jobs.capabilities
        self._jobs = jobs
        self._life = life
        self._reports: deque[JobReport] = deque()
        self._some = asyncio.Event()
        self.something_lost = asyncio.Event()
        jobs.adapter = self

    def deliver(self, report: JobReport) -> None:
        if self._life.luck.has(0.03):
            self.something_lost.set()
            return
        place = len(self._reports)
        if self._life.luck.has(0.2):
            place = self._life.luck.rng.randint(0, place)
        for _ in range(2 if self._life.luck.has(0.1) else 1):
            self._reports.insert(place, report)
        self._some.set()

    async def start(self, job: JobSpec) -> None:
        self._life.may_end(0.03)
        known = self._jobs.said.get(job.id)
        if known is None:
            await self._jobs.runtime.start(job)
        else:
            for report in known:
                self.deliver(report)
        self._life.may_end(0.03)

    async def stop(self, job: NodeId, grace: float) -> None:
        self._life.may_end(0.03)
        await self._jobs.runtime.stop(job, grace)
        self._life.may_end(0.03)

    async def present(self, run: RunId) -> list[NodeId]:
        return [*await self._jobs.runtime.present(run)]

    async def watch(self) -> AsyncIterator[JobReport]:
        while True:
            while not self._reports:
                self._some.clear()
                await self._some.wait()
            yield self._reports.popleft()

    async def drop(self, run: RunId) -> None:
        raise NotImplementedError

    async def forget(self, run: RunId, job: NodeId) -> None:
        self._life.may_end(0.03)
        if self._jobs.adapter is not self:
            raise CrashError  # an engine that has lost its run to another is dead in truth
        self._jobs.said.pop(job, None)
        await self._jobs.runtime.forget(run, job)
        self._life.may_end(0.03)

    def logs(self, run: RunId, job: NodeId, follow: bool) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def close(self) -> None:
        return None


class PromptAdapter(Adapter):
    """Its reports can be fetched as well, like those of jobs that are only played."""

    def fetch(self) -> list[JobReport]:
        found = [*self._reports]
        self._reports.clear()
        return found


class Questions:
    """What outlives every engine: locks and caches, and who is asked about them now."""

    def __init__(self, clock: JumpingClock) -> None:
        self.objects = MemoryObjects(clock)
        self.locks = MemoryLocks(self.objects, clock)
        self.kept = Router((self.locks, CacheAnswers(self.objects, clock)))
        self.asker: Asker | None = None

    async def clean_up(self) -> None:
        """Drop what a run holds that is done: its last engine may have died before it could."""
        await self.locks.sweep(_none_lives)

    async def listen(self, run_id: RunId) -> None:
        async for question, answer in self.kept.watch(run_id):
            if self.asker is not None:
                self.asker.deliver(question, answer)


async def _none_lives(_: Sequence[RunId]) -> Collection[RunId]:
    return ()


class Asker:
    """One engine's way to the locks and caches. Answers are lost and doubled; asking may kill."""

    def __init__(self, questions: Questions, life: Life, lost: asyncio.Event) -> None:
        self._kept = questions.kept
        self.kinds = questions.kept.kinds
        self._life = life
        self._lost = lost
        self._answers: asyncio.Queue[tuple[str, Answer]] = asyncio.Queue()
        questions.asker = self

    def deliver(self, question: str, answer: Answer) -> None:
        if self._life.luck.has(0.03):
            self._lost.set()
            return
        for _ in range(2 if self._life.luck.has(0.1) else 1):
            self._answers.put_nowait((question, answer))

    async def ask(self, question: Question) -> None:
        self._life.may_end(0.02)
        await self._kept.ask(question)
        self._life.may_end(0.02)

    async def release(self, run: RunId, question: str) -> None:
        self._life.may_end(0.02)
        await self._kept.release(run, question)
        self._life.may_end(0.02)

    async def held(self, run: RunId) -> Sequence[str]:
        return await self._kept.held(run)

    async def watch(self, run: RunId) -> AsyncIterator[tuple[str, Answer]]:
        while True:
            yield await self._answers.get()


class World:
    """One run, from its admission to its end, however many engines that takes.

    `ephemeral`: each engine has jobs of its own, which nobody finds again.
    """

    def __init__(
        self, program: Program, luck: Luck, requests: Requests = (), ephemeral: bool = False
    ) -> None:
        self.clock = JumpingClock()
        self.memory = Memory()
        self.luck = luck
        self.program = program
        self.requests = requests
        self.ephemeral = ephemeral
        self.jobs = Jobs(self.clock, program)
        self.questions = Questions(self.clock)
        self.zombies: list[asyncio.Future[None]] = []
        self.listeners: list[asyncio.Future[None]] = []
        self.retries = 0

    async def live(self) -> RunId:
        """Drive the run to its end."""
        first = admitted(self.program.text).event
        client = MemoryStore(self.memory, "client")
        await client.create(row_of(first.run, "w"), first)
        await keep_beside(self.questions.objects, "default", [LIMITS])
        self._listen()
        beside = [
            asyncio.ensure_future(self.questions.listen(first.run)),
            asyncio.ensure_future(self._ask(client, first.run)),
        ]
        await self._to_its_end(first.run)
        for _ in range(self.retries):
            await client.reopen(first.run, RetryRequested(at=0.0), b"{}")
            await self._to_its_end(first.run)
        tasks = [*beside, *self.zombies, *self.listeners]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return first.run

    def _listen(self) -> None:
        self.listeners.append(asyncio.ensure_future(self.jobs.listen()))

    async def _to_its_end(self, run_id: RunId) -> None:
        while not self.memory.find(run_id).row.done:
            self.luck.lives += 1
            assert self.luck.lives < MOST_LIVES
            await self._one_life(run_id)

    async def _ask(self, client: MemoryStore, run_id: RunId) -> None:
        """Ask for things at their times; then whenever all waits for a person, to go on."""
        for seconds, item in self.requests:
            await self.clock.sleep_until(BEGINNING + seconds)
            await client.post(run_id, item)
        for _ in range(MOST_LIVES if self.requests else 0):
            await self.clock.idle()
            await client.post(run_id, ResumeRequested(at=0.0))
            nodes = [msgspec.json.decode(data) for data in await client.nodes(run_id)]
            asking = [node["id"] for node in nodes if node["type"] == "Suspend"]
            answer = NodeSet(at=0.0, nodes=tuple(asking), outputs={"o": "1"}, phase="Succeeded")
            await client.post(run_id, answer)

    async def _one_life(self, run_id: RunId) -> None:
        life = Life(self.luck)
        if self.ephemeral:
            self.jobs = Jobs(self.clock, self.program, ephemeral=True)
            self._listen()
        store = FaultyStore(self.memory, f"engine-{self.luck.lives}", life)
        adapter = (PromptAdapter if self.ephemeral else Adapter)(self.jobs, life)
        asker = Asker(self.questions, life, adapter.something_lost)
        loop = RunLoop(run_id, Ports(store, store, asker, self.clock, store.owner), adapter)
        _ring_twice(loop, self.luck)
        living = asyncio.ensure_future(_live(loop, store))
        killing = asyncio.ensure_future(self._kill(life, adapter))
        await asyncio.wait({living, killing}, return_when=asyncio.FIRST_COMPLETED)
        killing.cancel()
        store.close()
        if not living.done() and life.alive:
            self.zombies.append(living)
            return
        living.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await living

    async def _kill(self, life: Life, adapter: Adapter) -> None:
        """End a life at some moment, or soon after a report was lost.

        Some who are thought dead are only slow: they live on beside their successor.
        """
        if self.luck.has(0.5):
            await self.clock.sleep_until(self.clock.now() + self.luck.rng.expovariate(0.5))
        else:
            await adapter.something_lost.wait()
            await self.clock.sleep_until(self.clock.now() + self.luck.rng.random())
        life.alive = self.luck.has(0.3)


async def _live(loop: RunLoop, store: FaultyStore) -> None:
    """Live until the run is done or something kills; what kills is no news here."""
    ear = asyncio.ensure_future(_hear(loop, store))
    try:
        await loop.drive()
    except (CrashError, TiphysError):
        return
    except BaseExceptionGroup as group:
        _only(group, CrashError, TiphysError)
    finally:
        ear.cancel()


async def _hear(loop: RunLoop, store: FaultyStore) -> None:
    while True:
        await store.wait()
        loop.wake()


def _only(group: BaseExceptionGroup[BaseException], *kinds: type[BaseException]) -> None:
    """Raise what of a group is none of these kinds."""
    _, rest = group.split(kinds)
    if rest is not None:
        raise rest


def _ring_twice(loop: RunLoop, luck: Luck) -> None:
    """Have timers ring again, at once or a little later."""
    ring = loop._ring

    def fire(name: str) -> None:
        ring(name)
        if luck.has(0.3):
            ring(name)
        if luck.has(0.3):
            asyncio.get_running_loop().call_later(luck.rng.random(), ring, name)

    loop._ring = fire  # type: ignore[method-assign]


async def _folded(world: World, run_id: RunId) -> Run:
    snapshot, events, _ = await MemoryStore(world.memory, "reader").load(run_id)
    return bundle.revive(snapshot, events)


@dataclass(frozen=True)
class Ending:
    """What a run came to."""

    result: dict[str, Any]
    lives: int
    zombies: int
    unanswered: int


async def _play(world: World) -> Ending:
    from tests.properties.watched import result

    run_id = await world.live()
    found = await _folded(world, run_id)
    assert not await world.jobs.runtime.present(run_id), "a job was left behind"
    await world.questions.clean_up()
    assert not await world.questions.kept.held(run_id), "a lock was left behind"
    if not world.retries:
        assert set(world.jobs.said) <= set(found.state.nodes), "a job without a node"
    await world.jobs.runtime.close()
    stored = world.memory.find(run_id).nodes
    assert stored == {
        key: msgspec.json.encode(node_status(found, node))
        for key, node in found.state.nodes.items()
    }, "the rows do not say what the events say"
    left = await MemoryStore(world.memory, "reader").pending(run_id, 0)
    return Ending(result(found), world.luck.lives, len(world.zombies), len(left))


def ending(
    program: Program,
    seed: int | None,
    requests: Requests = (),
    retries: int = 0,
    ephemeral: bool = False,
) -> Ending:
    """Return how a program ends, retried so often: undisturbed, or with the faults of a seed.

    `ephemeral`: the jobs end with their engine, so that an engine may run ahead of its store.
    """
    return run(_ending(program, seed, requests, retries, ephemeral))


async def _ending(
    program: Program, seed: int | None, requests: Requests, retries: int, ephemeral: bool
) -> Ending:
    world = World(program, Luck(Random(seed), calm=seed is None), requests, ephemeral)
    world.retries = retries
    return await _play(world)
