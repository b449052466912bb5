"""Answers to what a run asked, and how a run begins once it has leave to.

Source: reference/engine.md 2.7, 8; argo workflow/controller/operator.go, executeTemplate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiphys.engine import asking, verdict
from tiphys.engine.asking import LOCK, ROOM
from tiphys.engine.deadlocks import never_granted
from tiphys.engine.ending import finish
from tiphys.engine.outputs import export
from tiphys.engine.outstanding import live_timers
from tiphys.engine.rebinding import rebind
from tiphys.engine.state import Asked, Node
from tiphys.messages import (
    Answer,
    Answered,
    Awaited,
    CacheHit,
    CacheMissed,
    CacheWanted,
    Granted,
    LockAwaited,
    LocksWanted,
    Memo,
    NodeAdvanced,
    Phase,
    QuestionSettled,
    Refused,
    RoomWanted,
    RunDone,
    RunStarted,
    Stage,
)

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def begin(run: Run, limited: bool) -> None:
    """Begin the run, once there is room for it and it has its own locks."""
    state = run.state
    if state.started_at or state.done:
        return
    if not run.program.fault:
        if limited and not _holds(run, ROOM):
            asking.ask_for_room(run)
            return
        if run.program.locks and not _holds(run, LOCK):
            asking.ask_for_locks(run)
            return
    rebinds = state.rebind
    run.emit(RunStarted(at=run.at, again=state.reopened))
    verdict.begin(run)
    if state.nodes and not state.done:
        if rebinds:
            rebind(run)
        for timer in live_timers(run):  # what an earlier engine set is gone with it
            run.command(timer)
        run.touch_live()


def _holds(run: Run, question: str) -> bool:
    asked = run.state.questions.get(question)
    return asked is not None and asked.held


def answered(run: Run, item: Answered) -> None:
    """Take an answer; one to a question that is not asked (any more) changes nothing."""
    asked = run.state.questions.get(item.question)
    if asked is None or asked.held:
        return
    node = run.state.nodes.get(asked.node) if asked.node is not None else None
    if isinstance(item.answer, Awaited):
        _wait(run, item.question, asked, item.answer)
    elif isinstance(asked.question, LocksWanted | RoomWanted):
        _locked(run, item.question, node, item.answer)
    else:
        run.emit(QuestionSettled(question=item.question))
        if isinstance(asked.question, CacheWanted) and node is not None:
            _looked_up(run, node, asked.question, item.answer)


def _wait(run: Run, name: str, asked: Asked, answer: Awaited) -> None:
    node = run.state.nodes.get(asked.node) if asked.node is not None else None
    hopeless = never_granted(run, node) if node is not None else ""
    if node is not None and hopeless:
        finish(run, node, "Error", hopeless)
        return
    known = run.state.message if node is None else node.message
    if asked.blocked != answer.blocked or known != answer.message:
        run.emit(
            LockAwaited(
                question=name,
                message=answer.message,
                key=answer.key,
                blocked=answer.blocked,
                node=asked.node,
                at=run.at,
            )
        )


def _locked(run: Run, name: str, node: Node | None, answer: Answer) -> None:
    if isinstance(answer, Granted):
        run.emit(QuestionSettled(question=name, held=True))
        if node is None:
            begin(run, ROOM in run.state.questions)
        else:
            asks = run.template(node).memo is not None and node.frame is None
            stage: Stage = "cache" if asks else ""
            _advance(run, node, stage)
            if node.frame is not None:  # it goes on after a retry, and what is in it with it
                run.touch_live()
    elif isinstance(answer, Refused):
        if node is not None:
            finish(run, node, "Error", answer.message)
        else:
            asking.release_all(run)
            run.emit(RunDone(at=run.at, phase="Failed", message=answer.message))


def _looked_up(run: Run, node: Node, question: CacheWanted, answer: Answer) -> None:
    if isinstance(answer, Refused):
        finish(run, node, "Error", answer.message)
    elif isinstance(answer, CacheHit):
        _advance(run, node, "cache", Memo(True, question.key, question.cache))
        export(run, answer.outputs)
        finish(run, node, "Succeeded", outputs=answer.outputs)
    elif isinstance(answer, CacheMissed):
        _advance(run, node, "", Memo(False, question.key, question.cache))


def _advance(run: Run, node: Node, stage: Stage, memo: Memo | None = None) -> None:
    if not stage and (run.state.suspend or not asking.has_room(run, node)):
        asking.start_over(run, node)
        return
    is_leaf = node.kind in {"Pod", "HTTP", "Plugin"}
    phase: Phase = "Pending" if stage or is_leaf else "Running"
    run.emit(NodeAdvanced(at=run.at, node=node.id, stage=stage, phase=phase, memo=memo))
    if node.kind == "Retry" and not stage:
        run.go_on(node.id)  # its attempt takes the room that was found for it, before any hook
