"""Inputs: what happened outside, named in the past tense; the only way into the engine."""

from __future__ import annotations

from typing import Literal, TypeAlias

from tiphys.messages.jobs import JobReport
from tiphys.messages.questions import Answer
from tiphys.messages.words import Labels, Message, Strategy
from tiphys.model.ids import NodeId


class Began(Message, frozen=True):
    """The run was admitted and is now driven for the first time.

    `limited`: the number of workflows at work is limited, so it asks for room before it starts.
    """

    at: float
    limited: bool = False


class JobReported(Message, frozen=True):
    """A runtime said something about a job."""

    at: float
    report: JobReport


class TimerFired(Message, frozen=True):
    """The time of a timer has come; early and repeated ones are ordinary."""

    at: float
    timer: str


class StopRequested(Message, frozen=True):
    """Someone wants the workflow to end: Stop runs exit handlers, Terminate does not."""

    at: float
    strategy: Strategy
    labels: Labels = {}


class SuspendRequested(Message, frozen=True):
    """Someone wants no new nodes to start."""

    at: float
    labels: Labels = {}


class ResumeRequested(Message, frozen=True):
    """Someone wants a suspended workflow and its waiting suspend nodes to go on.

    `by` says who, if that is known; the nodes' messages tell it then.
    """

    at: float
    by: str = ""
    labels: Labels = {}


class RetryRequested(Message, frozen=True, kw_only=True):
    """Someone wants a workflow that has ended to go on from what failed.

    `nodes` are to run again although they succeeded. `parameters` (name, value) are given to the
    workflow anew; loops are expanded again then.
    """

    at: float
    nodes: tuple[NodeId, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    labels: Labels = {}


class NodeSet(Message, frozen=True, kw_only=True):
    """Someone answers suspend nodes: the phase they take, a message, values supplied."""

    at: float
    nodes: tuple[NodeId, ...]
    phase: Literal["", "Succeeded", "Failed", "Error"] = ""
    message: str = ""
    outputs: dict[str, str] = {}
    labels: Labels = {}


class Answered(Message, frozen=True):
    """An answer to a question that was asked; one that is no longer asked is ordinary."""

    at: float
    question: str
    answer: Answer


Input: TypeAlias = (
    Began
    | JobReported
    | TimerFired
    | Answered
    | StopRequested
    | SuspendRequested
    | ResumeRequested
    | RetryRequested
    | NodeSet
)
