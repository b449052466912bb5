"""Every schedule of a small case of locks: all interleavings, with a crash at each point.

A case is two or three workflows, each with blocks of locks that it takes one inside the other, or
one after the other. Each workflow acts in small steps, as the engine's shell does: it writes down
what it decided, then sends it, then hears of the answer. A crash loses what was not sent and not
heard. All states that can be reached are visited once each; in each of them no limit is exceeded,
and where nothing more can happen, nobody waits for a lock that is free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from tiphys.locks import queue
from tiphys.locks.book import Book, Key, News, names_of
from tiphys.messages import Granted, Lock, LocksWanted
from tiphys.model.ids import RunId

Verb = Literal["decide", "send", "hear", "crash"]
Stage = Literal["new", "asked", "held", "done"]
Action = tuple[int, Verb]


@dataclass(frozen=True, slots=True)
class Block:
    """Locks wanted at once. `inside` is the index of a block that is held meanwhile, if any."""

    locks: tuple[str, ...]
    inside: int | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """A workflow: its blocks, in the order they are asked for, and its rank."""

    blocks: tuple[Block, ...]
    priority: int = 0
    created_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Case:
    """Workflows, and the limits of locks; a lock without one is a mutex."""

    flows: tuple[Flow, ...]
    limits: tuple[tuple[str, int], ...] = ()
    crashes: int = 1

    def wanted(self, flow: int, block: int) -> LocksWanted:
        """Return the question of a block."""
        spec, limits = self.flows[flow], dict(self.limits)
        one = spec.blocks[block]
        has_inner = any(other.inside == block for other in spec.blocks)
        return LocksWanted(
            question=f"q{block}",
            run=RunId(f"run-{flow}"),
            holder=f"ns/wf-{flow}" if has_inner else f"ns/wf-{flow}/n{block}",
            locks=tuple(
                Lock(name, "semaphore" if name in limits else "mutex") for name in one.locks
            ),
            priority=spec.priority,
            created_at=spec.created_at,
        )


@dataclass(frozen=True, slots=True)
class Actor:
    """What one workflow's journal says of each block, what is to be sent, what is to be heard."""

    stages: tuple[Stage, ...]
    sending: tuple[tuple[bool, int], ...] = ()
    """Asks (True) and releases of blocks."""
    hearing: tuple[int, ...] = ()


@dataclass
class World:
    """A case as it runs, on a book."""

    case: Case
    book: Book
    actors: list[Actor]
    crashes: int = 0
    trace: list[Action] = field(default_factory=list)

    def actions(self) -> Iterator[Action]:
        """Yield everything that can happen next."""
        for number, actor in enumerate(self.actors):
            if actor.sending:
                yield number, "send"
            elif self._next(number) is not None:
                yield number, "decide"
            if actor.hearing:
                yield number, "hear"
            if self.crashes < self.case.crashes and any(s != "done" for s in actor.stages):
                yield number, "crash"

    def act(self, action: Action) -> None:
        """Let one thing happen."""
        self.trace.append(action)
        number, verb = action
        match verb:
            case "decide":
                self._decide(number)
            case "send":
                self._send(number)
            case "hear":
                self._hear(number)
            case "crash":
                self._crash(number)

    def _next(self, number: int) -> tuple[int, Stage] | None:
        """Return which block the workflow takes or gives up next."""
        stages, blocks = self.actors[number].stages, self.case.flows[number].blocks
        for index, (stage, block) in enumerate(zip(stages, blocks, strict=True)):
            if block.inside is None:
                may_begin = index == 0 or stages[index - 1] == "done"
            else:
                may_begin = stages[block.inside] == "held"
            inner = [stages[i] for i, one in enumerate(blocks) if one.inside == index]
            if stage == "new" and may_begin:
                return index, "asked"
            if stage == "held" and all(other == "done" for other in inner):
                return index, "done"
        return None

    def _decide(self, number: int) -> None:
        found = self._next(number)
        if found is not None:
            index, stage = found
            actor = self._moved(number, index, stage)
            self.actors[number] = replace(
                actor, sending=(*actor.sending, (stage == "asked", index))
            )

    def _send(self, number: int) -> None:
        (is_ask, index), *rest = self.actors[number].sending
        self.actors[number] = replace(self.actors[number], sending=tuple(rest))
        wanted = self.case.wanted(number, index)
        if is_ask:
            self._deliver(queue.ask(self.book, wanted, dict(self.case.limits)))
        else:
            self._deliver(queue.release(self.book, Key(wanted.run, wanted.question)))

    def _deliver(self, news: Sequence[News]) -> None:
        for one in news:
            if isinstance(one.answer, Granted):
                number, index = int(one.run.removeprefix("run-")), int(one.question[1:])
                actor = self.actors[number]
                if index not in actor.hearing:
                    heard = tuple(sorted((*actor.hearing, index)))
                    self.actors[number] = replace(actor, hearing=heard)

    def _hear(self, number: int) -> None:
        index, *rest = self.actors[number].hearing
        self.actors[number] = replace(self.actors[number], hearing=tuple(rest))
        if self.actors[number].stages[index] == "asked":
            self.actors[number] = self._moved(number, index, "held")

    def _crash(self, number: int) -> None:
        """Lose what was not written down, then ask again and give up what is not wanted."""
        self.crashes += 1
        stages = self.actors[number].stages
        wanted = [i for i, stage in enumerate(stages) if stage in ("asked", "held")]
        had = [int(name[1:]) for name in self.book.questions(RunId(f"run-{number}"))]
        releases = [(False, index) for index in had if index not in wanted]
        asks = [(True, index) for index in wanted]
        self.actors[number] = Actor(stages, (*releases, *asks))

    def _moved(self, number: int, index: int, stage: Stage) -> Actor:
        actor = self.actors[number]
        stages = (*actor.stages[:index], stage, *actor.stages[index + 1 :])
        return replace(actor, stages=stages)

    # ------------------------------------------------------------------------- claims

    def state(self) -> tuple[object, ...]:
        """Return all that the future depends on."""
        held = []
        for number, flow in enumerate(self.case.flows):
            for index in range(len(flow.blocks)):
                known = self.book.find(Key(RunId(f"run-{number}"), f"q{index}"))
                held.append(None if known is None else known.held)
        return (tuple(self.actors), tuple(held), self.crashes)

    def check(self) -> None:
        """Raise AssertionError if a limit is exceeded, for the book or for who believes to hold."""
        limits = dict(self.case.limits)
        believed: dict[str, int] = {}
        for number, actor in enumerate(self.actors):
            for index, stage in enumerate(actor.stages):
                if stage == "held":
                    for name in names_of(self.case.wanted(number, index)):
                        believed[name] = believed.get(name, 0) + 1
        for name in {name for flow in self.case.flows for b in flow.blocks for name in b.locks}:
            limit = limits.get(name, 1)
            self._claim(self.book.count(name) <= limit, f"too many hold {name}")
            self._claim(believed.get(name, 0) <= self.book.count(name), f"{name} is not held")

    def check_end(self) -> None:
        """Raise AssertionError if somebody waits for ever who could run, or something is held."""
        for number, actor in enumerate(self.actors):
            for index, stage in enumerate(actor.stages):
                if stage == "asked":
                    names = names_of(self.case.wanted(number, index))
                    in_use = any(self._is_full(name) for name in names)
                    self._claim(in_use, f"workflow {number} waits for what is free")
        if self.is_done():
            self._claim(not self.book.runs(), "something is held after the end")

    def is_done(self) -> bool:
        """Tell whether every workflow is through."""
        return all(stage == "done" for actor in self.actors for stage in actor.stages)

    def _claim(self, holds: bool, wrong: str) -> None:
        if not holds:
            raise AssertionError(f"{wrong} after {self.trace}")

    def _is_full(self, name: str) -> bool:
        return self.book.count(name) >= dict(self.case.limits).get(name, 1)


@dataclass(frozen=True, slots=True)
class Explored:
    """How many states there are, how many of them are ends, and an end where not all is done."""

    states: int
    ends: int
    stuck: tuple[Action, ...] | None


def explore(case: Case, new_book: Callable[[], Book]) -> Explored:
    """Visit every state of a case; raise AssertionError with the actions that led to a bad one."""
    seen: set[tuple[object, ...]] = set()
    todo: list[tuple[Action, ...]] = [()]
    ends, stuck = 0, None
    while todo:
        path = todo.pop()
        world = _replay(case, new_book(), path)
        state = world.state()
        if state in seen:
            continue
        seen.add(state)
        world.check()
        actions = list(world.actions())
        if all(verb == "crash" for _, verb in actions):
            world.check_end()
            ends += 1
            stuck = stuck if world.is_done() else path
        todo.extend((*path, action) for action in actions)
    return Explored(len(seen), ends, stuck)


def _replay(case: Case, book: Book, path: Sequence[Action]) -> World:
    new: Stage = "new"
    actors = [Actor((new,) * len(flow.blocks)) for flow in case.flows]
    world = World(case, book, actors)
    for action in path:
        world.act(action)
    return world
