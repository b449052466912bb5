"""Retry nodes: attempt after attempt, until one succeeds or the strategy says stop.

The order of the checks is Argo's (reference/engine.md 5.3);
argo workflow/controller/operator.go, processNodeRetries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tiphys.engine import daemons
from tiphys.engine.calls import Place, add_node
from tiphys.engine.clock import human_duration, rfc3339
from tiphys.engine.ending import FAIL_FAST, finish
from tiphys.engine.expressions import is_true
from tiphys.engine.gates import has_failed_fast
from tiphys.engine.phases import BAD
from tiphys.engine.resolving import CallError, resolve_text
from tiphys.engine.state import Node
from tiphys.expr.durations import parse_argo_duration
from tiphys.expr.errors import DurationError
from tiphys.expr.template import LENIENT, MapScope, Text
from tiphys.messages import NodePhaseChanged, RetryScheduled, SetTimer
from tiphys.program import Backoff, Retry

if TYPE_CHECKING:
    from tiphys.engine.run import Run

_MAX_WAIT_SECONDS = (2**63 - 1) / 1e9


@dataclass(frozen=True, slots=True)
class Verdict:
    """The strategy's answer after a failed attempt: try again (at a time), or stop and why."""

    again: bool
    message: str = ""
    error: bool = False
    wait_until: float = 0.0
    wait_seconds: float = 0.0


def react(run: Run, node: Node) -> None:
    """Add the next attempt, schedule it, or finish."""
    frame = node.frame
    if frame is None or frame.open:
        return
    if not frame.attempts:
        _attempt(run, node)
        return
    last = run.node(frame.attempts[-1])
    if last.daemoned:
        daemons.ready(run, node, last.pod_ip)
        return
    if last.phase not in BAD:
        finish(run, node, "Succeeded", outputs=last.outputs)
        return
    if frame.until and run.at < frame.until and not _is_ending(run, node):
        return
    verdict = judge(run, node, last)
    if verdict.wait_until:
        run.emit(
            RetryScheduled(
                node=node.id,
                until=verdict.wait_until,
                message=f"Backoff for {human_duration(verdict.wait_seconds)}",
            )
        )
        run.command(SetTimer(timer=f"retry:{node.id}", at=verdict.wait_until))
    elif verdict.again:
        _attempt(run, node)
    else:
        phase = "Error" if verdict.error else last.phase
        finish(run, node, phase, verdict.message, outputs=last.outputs)


def _is_ending(run: Run, node: Node) -> bool:
    """Return whether there will be no other attempt, whatever the strategy says."""
    is_past = run.state.deadline_passed and not node.on_exit
    return bool(run.state.shutdown) or is_past or _has_failed_fast(run, node)


def _has_failed_fast(run: Run, node: Node) -> bool:
    return node.boundary is not None and has_failed_fast(run, run.node(node.boundary))


def _attempt(run: Run, node: Node) -> None:
    frame = node.frame
    if frame is None:
        return
    boundary = node if node.boundary is None else run.node(node.boundary)
    if node.message:  # the wait before this attempt is over, even if there is no room yet
        run.emit(NodePhaseChanged(at=run.at, node=node.id, phase="Running"))
    is_first = not (frame.attempts or frame.again)  # it takes the place that was found for the node
    if not (is_first or node.keeps_place or run.gates.has_room(run, node, boundary)):
        return
    number = len(frame.attempts)
    place = Place(
        name=f"{node.name}({number})",
        call=node.call,
        owner=node.id,
        boundary=node.boundary,
        parents=(node.id,),
        item=node.item,
        hooked=node.hooked,
        on_exit=node.on_exit,
    )
    values = last_values(number, run.node(frame.attempts[-1]) if number else None)
    try:
        add_node(run, place, run.template(node), node.inputs, number, values)
    except CallError as exc:
        finish(run, node, "Error", exc.message)


def last_values(number: int, last: Node | None) -> dict[str, str | None]:
    """Return the variables of attempt `number` that tell of the one before it, if there is one."""
    values: dict[str, str | None] = {
        "retries": str(number),
        "lastRetry.exitCode": "0",
        "lastRetry.status": "",
        "lastRetry.duration": "0",
        "lastRetry.message": "",
    }
    if last is not None:
        code = last.outputs.exit_code if last.outputs else None
        values["lastRetry.exitCode"] = code if code is not None else "0"
        values["lastRetry.status"] = last.phase
        values["lastRetry.duration"] = whole_seconds(last)
        values["lastRetry.message"] = last.message
    return values


def whole_seconds(node: Node) -> str:
    """Return how long a node took, by its whole-second times."""
    return str(max(0, int(node.finished_at) - int(node.started_at)))


# ----------------------------------------------------------------------------------- judging


def judge(run: Run, node: Node, last: Node) -> Verdict:
    """Return what the strategy says of the last failed attempt."""
    strategy = run.template(node).retry or Retry(None, None, None, None)
    try:
        return _judge(run, node, last, strategy)
    except CallError as exc:
        return Verdict(False, exc.message, error=True)


def _judge(run: Run, node: Node, last: Node, strategy: Retry) -> Verdict:
    state = run.state
    if state.shutdown:
        return Verdict(False, f"Stopped with strategy '{state.shutdown}'")
    if state.deadline_passed and not node.on_exit:
        return Verdict(False, f"retry exceeded workflow deadline {_deadline(run)}")
    if _has_failed_fast(run, node):
        return Verdict(False, FAIL_FAST)
    count = len(node.frame.attempts) if node.frame else 0
    limit = _number(run, node, strategy.limit)
    if strategy.backoff is not None:
        verdict = _back_off(run, node, last, strategy.backoff)
        if verdict is not None and not verdict.wait_until:
            return verdict
        if verdict is not None and limit is not None and count <= limit:
            return verdict
    if not _retryable(run, node, last, strategy):
        return Verdict(False, last.message)
    if limit is not None and count > limit:
        return Verdict(False, "No more retries left")
    if strategy.expression is not None and not _expression(run, node, last, strategy.expression):
        return Verdict(False, "retryStrategy.expression evaluated to false")
    return Verdict(True)


def _deadline(run: Run) -> str:
    at = int(run.state.started_at) + (run.program.deadline_seconds or 0)
    return rfc3339(at).replace("T", " ").replace("Z", " +0000 UTC")


def _text(run: Run, node: Node, text: Text | None) -> str:
    if text is None:
        return ""
    return resolve_text(text, run.own_scope(node), LENIENT, run.context(node.name))


def _number(run: Run, node: Node, text: Text | None) -> int | None:
    if text is None:
        return None
    value = _text(run, node, text)
    try:
        return int(value)
    except ValueError:
        raise CallError(f"value '{value}' cannot be resolved to an int") from None


def _seconds(run: Run, node: Node, text: Text | None) -> float | None:
    value = _text(run, node, text)
    if not value:
        return None
    try:
        return parse_argo_duration(value)
    except DurationError as exc:
        raise CallError(exc.message) from exc


def _back_off(run: Run, node: Node, last: Node, backoff: Backoff) -> Verdict | None:
    """Return the wait, or why there will be none; None when its time has come."""
    longest = _seconds(run, node, backoff.max_duration)
    first = run.node(node.frame.attempts[0]) if node.frame else last
    end = None if longest is None else first.started_at + longest
    if end is not None and run.at > end:
        return Verdict(False, "Max duration limit exceeded")
    base = _seconds(run, node, backoff.duration)
    if base is None:
        raise CallError("no base duration specified for retryStrategy")
    wait = _wait(run, node, backoff, base)
    until = last.finished_at + wait
    if end is not None and until > end:
        return Verdict(False, "Backoff would exceed max duration limit")
    if run.at < until:
        return Verdict(True, wait_until=until, wait_seconds=wait)
    return None


def _wait(run: Run, node: Node, backoff: Backoff, base: float) -> float:
    factor = _number(run, node, backoff.factor)
    count = len(node.frame.attempts) if node.frame else 1
    wait = base
    if factor is not None and factor > 0:
        grown = factor ** min(count - 1, 64) if factor > 1 else 1
        wait = min(base * grown, _MAX_WAIT_SECONDS)
    cap = _seconds(run, node, backoff.cap)
    return wait if cap is None else min(wait, cap)


def _retryable(run: Run, node: Node, last: Node, strategy: Retry) -> bool:
    default = "OnFailure" if strategy.expression is None else "Always"
    policy = _text(run, node, strategy.policy) or default
    match policy:
        case "Always":
            return True
        case "OnFailure":
            return last.phase == "Failed"
        case "OnError":
            return last.phase == "Error"
        case "OnTransientError":
            return is_transient(last.message)
        case _:
            raise CallError(f"{policy} is not a valid RetryPolicy")


_TRANSIENT = (
    "net/http: TLS handshake timeout",
    "i/o timeout",
    "connection timed out",
    "connection reset by peer",
    "connection refused",
    "exceeded quota",
    "the object has been modified",
    "EOF",
)


def is_transient(message: str) -> bool:
    """Return whether a message looks like something that passes by itself.

    Source: argo util/errors/errors.go, IsTransientErr.
    """
    return any(text in message for text in _TRANSIENT)


def _expression(run: Run, node: Node, last: Node, expression: Text) -> bool:
    code = last.outputs.exit_code if last.outputs else None
    frame = node.frame
    names: dict[str, object] = {
        "retries": str(len(frame.attempts) - 1 if frame else 0),
        "lastRetry.exitCode": code if code is not None else "-1",
        "lastRetry.status": str(last.phase),
        "lastRetry.duration": whole_seconds(last),
        "lastRetry.message": last.message,
    }
    text = _text(run, node, expression)
    return is_true(text, MapScope(names), run.context(node.name))
