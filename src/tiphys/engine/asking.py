"""What a run asks: leave to begin, its locks, what a cache knows; and what follows from answers.

A node that must ask first is added Pending with a `stage`; each answer takes it one stage on, and
with none left its work begins. A question stays in the state until it is answered for good, and
for as long as it holds locks: after a crash it is asked again.

Source: reference/engine.md 8; argo workflow/controller/operator.go, executeTemplate.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tiphys.engine.calls import first_stage
from tiphys.engine.ending import finish
from tiphys.engine.resolving import CallError, resolve_text
from tiphys.engine.scope import Names
from tiphys.engine.state import Node
from tiphys.expr.durations import parse_go_duration
from tiphys.expr.errors import DurationError
from tiphys.expr.template import LENIENT, Text
from tiphys.messages import (
    Ask,
    CacheWanted,
    KeepWanted,
    Lock,
    LocksReleased,
    LocksWanted,
    NodeAdvanced,
    Question,
    QuestionAsked,
    Release,
    RoomWanted,
    RunDone,
)
from tiphys.model.ids import NodeId
from tiphys.program import LockPlan

if TYPE_CHECKING:
    from tiphys.engine.run import Run

ROOM = "room"
LOCK = "lock"
_CACHE_KEY = re.compile(r"^[a-zA-Z0-9][-a-zA-Z0-9]*$")


def ask(run: Run, question: Question, node: NodeId | None = None) -> None:
    """Ask something, unless it is asked already."""
    if question.question not in run.state.questions:
        run.emit(QuestionAsked(question=question, node=node))
        run.command(Ask(question=question))


# ---------------------------------------------------------------------------------- workflow


def ask_for_room(run: Run) -> None:
    """Ask for leave to begin."""
    question = RoomWanted(
        question=ROOM,
        run=run.state.run,
        namespace=run.program.namespace,
        priority=run.program.priority,
        created_at=run.state.created_at,
    )
    ask(run, question)


def ask_for_locks(run: Run) -> None:
    """Ask for the workflow's own locks."""
    try:
        question = _locks(run, LOCK, run.program.locks, run.globals())
    except CallError as exc:
        run.emit(RunDone(at=run.at, phase="Failed", message=exc.message))
        return
    ask(run, question)


def is_waiting(run: Run) -> bool:
    """Return whether the run waits for leave to begin."""
    questions = (run.state.questions.get(name) for name in (ROOM, LOCK))
    return any(asked is not None and not asked.held for asked in questions)


def release_all(run: Run) -> None:
    """Give up whatever the run holds or wants: it is over."""
    for name, asked in [*run.state.questions.items()]:
        if isinstance(asked.question, LocksWanted | RoomWanted):
            _release(run, name)


def is_keeping(run: Run) -> bool:
    """Return whether something is still to be kept in a cache."""
    return any(isinstance(asked.question, KeepWanted) for asked in run.state.questions.values())


# -------------------------------------------------------------------------------------- nodes


def react(run: Run, node: Node) -> None:
    """Ask what the node waits for, once there is room for its work.

    It takes no place while it waits, and holds no lock while it waits for a place: what it waits
    for then comes free by itself. Differs: in Argo one that waits for a lock takes a place under
    its template's parallelism.
    """
    name = f"{node.stage}:{node.id}"
    if name in run.state.questions:
        return
    if not has_room(run, node):
        if node.stage == "cache":
            start_over(run, node)
        return
    if node.stage == "room":
        run.emit(NodeAdvanced(at=run.at, node=node.id, stage="", phase="Running"))
        run.gates.let_on(run, node.id)
        return
    try:
        if node.stage == "lock":
            plans = run.template(node).locks
            question: Question = _locks(run, name, plans, run.own_scope(node), node)
        else:
            question = _cache(run, name, node)
    except CallError as exc:
        finish(run, node, "Error", exc.message)
        return
    ask(run, question, node.id)


def has_room(run: Run, node: Node) -> bool:
    """Return whether a node's work may begin under the parallelism; if not, it is told when."""
    boundary = node if node.boundary is None else run.node(node.boundary)
    return run.gates.has_room(run, node, boundary)


def start_over(run: Run, node: Node) -> None:
    """Give back what a node was granted: its work may not begin now after all."""
    give_back(run, node)
    stage = first_stage(run.template(node))
    if node.stage != stage:
        run.emit(NodeAdvanced(at=run.at, node=node.id, stage=stage, phase="Pending"))


def ended(run: Run, node: Node) -> None:
    """A node ended: keep its outputs if a cache wants them, give its locks back."""
    if node.memo is not None and not node.memo.hit and node.phase == "Succeeded":
        keep = KeepWanted(
            question=f"keep:{node.id}",
            run=run.state.run,
            namespace=run.program.namespace,
            cache=node.memo.cache,
            key=node.memo.key,
            node=_worker(node),
            outputs=node.outputs,
        )
        ask(run, keep, node.id)
    give_back(run, node)


def give_back(run: Run, node: Node) -> None:
    """Release what a node holds or wants: it is fulfilled, if only as a daemon that serves."""
    for stage in ("lock", "cache"):
        if f"{stage}:{node.id}" in run.state.questions:
            _release(run, f"{stage}:{node.id}")


def is_held_back(run: Run, node: Node) -> bool:
    """Return whether something a node lies in waits for locks or room once more, after a retry."""
    while node.owner is not None:
        node = run.node(node.owner)
        if node.stage and not node.fulfilled:
            return True
    return False


def _worker(node: Node) -> NodeId:
    """Return the node that made the outputs: the last attempt of a Retry node."""
    attempts = node.frame.attempts if node.frame is not None else []
    return attempts[-1] if attempts else node.id


def _release(run: Run, name: str) -> None:
    run.emit(LocksReleased(question=name))
    run.command(Release(question=name))


# ---------------------------------------------------------------------------------- questions


def _locks(
    run: Run, name: str, plans: tuple[LockPlan, ...], scope: Names, node: Node | None = None
) -> LocksWanted:
    """Return the question for a block of locks. Raises CallError."""
    owner = f"{run.program.namespace}/{run.state.name}"
    locks = tuple(_lock(run, plan, scope) for plan in plans)
    if len({(lock.key, lock.database) for lock in locks}) < len(locks):
        raise CallError("requested configuration is invalid: duplicate synchronization item found")
    return LocksWanted(
        question=name,
        run=run.state.run,
        holder=owner if node is None else f"{owner}/{node.id}",
        locks=locks,
        priority=run.program.priority,
        created_at=run.state.created_at,
    )


def _lock(run: Run, plan: LockPlan, scope: Names) -> Lock:
    namespace = _text(run, plan.namespace, scope) or run.program.namespace
    name, key = _text(run, plan.name, scope), _text(run, plan.key, scope)
    if plan.kind == "mutex":
        if plan.database:
            return Lock(f"{namespace}/Database/{name}", "mutex", database=f"mtx/{namespace}/{name}")
        return Lock(f"{namespace}/Mutex/{name}", "mutex")
    if plan.database:
        return Lock(f"{namespace}/Database/{key}", "semaphore", database=f"sem/{namespace}/{key}")
    return Lock(f"{namespace}/ConfigMap/{name}/{key}", "semaphore", config=(namespace, name, key))


def _text(run: Run, text: Text | None, scope: Names) -> str:
    return "" if text is None else resolve_text(text, scope, LENIENT, run.context(run.state.name))


def _cache(run: Run, name: str, node: Node) -> CacheWanted:
    """Return the question for a node's cache. Raises CallError."""
    plan = run.template(node).memo
    if plan is None:
        raise CallError("there is no cache to ask")
    scope = run.own_scope(node)
    key = _text(run, plan.key, scope)
    if not _CACHE_KEY.match(key):
        raise CallError(f"invalid cache key: {key}")
    age = _text(run, plan.max_age, scope)
    try:
        seconds = parse_go_duration(age) / 1e9 if age else None
    except DurationError as exc:
        raise CallError(f"invalid maxAge: {exc.message}") from exc
    return CacheWanted(
        question=name,
        run=run.state.run,
        namespace=run.program.namespace,
        cache=_text(run, plan.cache, scope),
        key=key,
        max_age_seconds=seconds,
    )
