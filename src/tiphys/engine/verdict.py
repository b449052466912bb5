"""The workflow as a whole: its root, its hooks, its exit handler and its verdict.

Source: reference/engine.md 2.1, 2.9, 6.2, 6.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from tiphys.engine import asking, daemons, metrics
from tiphys.engine.calls import Place, add_error, invoke
from tiphys.engine.nodes.hooks import bear, fault_among, holds
from tiphys.engine.phases import BAD
from tiphys.engine.resolving import CallError
from tiphys.engine.state import Node
from tiphys.expr.template import LENIENT
from tiphys.messages import ClearTimer, RunDone, SetTimer

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def begin(run: Run) -> None:
    """Set the workflow's deadline when it starts; a workflow that cannot start fails."""
    if run.program.fault:
        run.emit(RunDone(at=run.at, phase=run.program.fault_phase, message=run.program.fault))
        return
    metrics.run_begun(run)
    at = deadline_at(run)
    if at is not None:
        run.command(SetTimer(timer="deadline", at=at))


def deadline_at(run: Run) -> float | None:
    """Return when the workflow's own deadline passes."""
    if run.program.deadline_seconds is None:
        return None
    return int(run.state.started_at) + run.program.deadline_seconds


def react(run: Run) -> None:
    """Do what is next for the workflow, when no node has anything to decide."""
    root = run.state.root
    if root is None:
        place = Place(name=run.state.name, call=("entry",))
        invoke(run, run.program.entry, place, run.globals(), LENIENT)
        return
    if run.program.hooks:
        _hooks(run, root)
    if not root.fulfilled or _open_hooks(run):
        return
    bear(run, root, fault_among(_hook_nodes(run)))
    exit_node = run.state.find(f"{run.state.name}.onExit")
    if run.program.on_exit is not None and exit_node is None and run.state.shutdown != "Terminate":
        _exit(run)
        return
    if exit_node is None or exit_node.fulfilled:
        daemons.end_within(run, None)
        if not run.state.jobs and not asking.is_keeping(run):
            _done(run, root, exit_node)


def _hooks(run: Run, root: Node) -> None:
    for hook in run.program.hooks:
        name = f"{run.state.name}.hooks.{hook.name}"
        if run.state.find(name) is not None:
            continue
        place = Place(name=name, call=("hook", hook.name), parents=(root.id,), hooked=True)
        try:
            if holds(run, hook, run.globals(), name):
                invoke(run, hook.call, place, run.globals(), LENIENT)
        except CallError as exc:
            add_error(run, place, exc.message)


def _open_hooks(run: Run) -> bool:
    return any(node is not None and not node.fulfilled for node in _hook_nodes(run))


def _hook_nodes(run: Run) -> Iterator[Node | None]:
    for hook in run.program.hooks:
        yield run.state.find(f"{run.state.name}.hooks.{hook.name}")


def _exit(run: Run) -> None:
    place = Place(name=f"{run.state.name}.onExit", call=("exit",), hooked=True, on_exit=True)
    call = run.program.on_exit
    if call is not None:
        invoke(run, call, place, run.globals(), LENIENT)


def _done(run: Run, root: Node, exit_node: Node | None) -> None:
    message = ""
    decisive = root
    if root.phase not in BAD and exit_node is not None and exit_node.phase in BAD:
        decisive = exit_node
    if decisive.phase in BAD:
        message = decisive.message
        if decisive is root and run.state.shutdown:
            message = f"Stopped with strategy '{run.state.shutdown}'"
    if run.program.deadline_seconds is not None:
        run.command(ClearTimer(timer="deadline"))
    asking.release_all(run)
    metrics.run_ending(run, root)
    run.emit(RunDone(at=run.at, phase=_verdict(decisive), message=message))


def _verdict(node: Node) -> Literal["Succeeded", "Failed", "Error"]:
    match node.phase:
        case "Failed" | "Error":
            return node.phase
        case _:
            return "Succeeded"
