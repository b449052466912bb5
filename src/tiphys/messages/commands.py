"""Commands: what is wanted of the world, and the step that an input leads to."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from tiphys.messages.events import Event
from tiphys.messages.jobs import JobSpec
from tiphys.messages.questions import Question
from tiphys.messages.words import Message
from tiphys.model.ids import NodeId


class StartJob(Message, frozen=True):
    """Run this job; a job that runs or has ended already is left alone."""

    job: JobSpec


class StopJob(Message, frozen=True):
    """End this job: SIGTERM, then SIGKILL after `grace` seconds."""

    job: NodeId
    grace: float


class DropJobs(Message, frozen=True):
    """Remove all that remains of these jobs, so that others may have their ids."""

    jobs: tuple[NodeId, ...]


class SetTimer(Message, frozen=True):
    """Send TimerFired(`timer`) at `at`; replaces a timer of that name."""

    timer: str
    at: float


class ClearTimer(Message, frozen=True):
    """Forget a timer."""

    timer: str


class Ask(Message, frozen=True):
    """Answer this, now or when it can be; the same question again is the same question."""

    question: Question


class Release(Message, frozen=True):
    """What was granted to a question is not needed any more, or no longer wanted."""

    question: str


Command: TypeAlias = StartJob | StopJob | DropJobs | SetTimer | ClearTimer | Ask | Release


class Step(msgspec.Struct, frozen=True):
    """The engine's answer to one input: what it decided and what it wants done."""

    events: tuple[Event, ...] = ()
    commands: tuple[Command, ...] = ()
