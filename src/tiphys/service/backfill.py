"""Backfill a CronWorkflow: submit the workflows that run it for due times of the past.

Source: Argo cmd/argo/commands/cron/backfill.go; reference/cli.md 13.3.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tiphys.compile.triggers.backfill import Backfill, backfill_times, monitors
from tiphys.errors import UserError
from tiphys.expr.errors import LanguageError
from tiphys.expr.gotime import format_time
from tiphys.expr.gotime_parse import parse_time
from tiphys.expr.values import Time
from tiphys.model.cron import CronWorkflow
from tiphys.model.workflow import Workflow
from tiphys.service.cron import CronWorkflows
from tiphys.service.stored import stored_documents
from tiphys.service.submit import Overrides, Submitter

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_RFC1123: Final = "Mon, 02 Jan 2006 15:04:05 MST"
_SECOND: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A backfill as a person asks for it; `layout` is Go's, for `start` and `end`."""

    cron: str
    start: str
    end: str = ""
    layout: str = _RFC1123
    name: str = ""
    parallel: bool = False
    argument: str = "cronScheduleTime"
    most: int = 1000
    runtime: str = "process"


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What is submitted, for how many due times, between which (as texts)."""

    name: str
    start: str
    end: str
    count: int
    workflows: Sequence[Workflow]


def planned(cron: CronWorkflow, asked: Asked, now: float) -> Backfilled:
    """Return the workflows that a backfill takes; without due times there are none.

    Raises UserError.
    """
    start, end = _period(asked, now)
    name = asked.name or "".join(secrets.choice(_LETTERS) for _ in range(5))
    times = backfill_times(cron, start.ns // _SECOND, end.ns // _SECOND, start.zone)
    wanted = Backfill(name, asked.argument, asked.parallel, asked.most)
    until = asked.end or format_time(end, _RFC1123)
    return Backfilled(name, asked.start, until, len(times), monitors(cron, wanted, times, now))


def _period(asked: Asked, now: float) -> tuple[Time, Time]:
    if not asked.start:
        raise UserError("start date should not be empty")
    start = _time(asked.layout, asked.start)
    end = _time(asked.layout, asked.end) if asked.end else Time(int(now) * _SECOND)
    return start, end


def _time(layout: str, text: str) -> Time:
    try:
        return parse_time(layout, text)
    except LanguageError as exc:
        raise UserError(f"{exc.message}; --format says how times are written, in Go's way") from exc


async def backfill(
    crons: CronWorkflows, submitter: Submitter, namespace: str, asked: Asked
) -> tuple[Backfilled, Sequence[str]]:
    """Submit what a backfill needs and return it with the names; if one is refused, none is kept.

    Raises UserError, NotFound, and what submitting raises.
    """
    now = submitter.clock.now()
    _period(asked, now)
    done = planned(await crons.get(namespace, asked.cron), asked, now)
    documents = await stored_documents(crons.objects, namespace)
    options = Overrides(namespace=namespace, runtime=asked.runtime)
    ready = [submitter.prepare(item, documents, options) for item in done.workflows]
    return done, [(await submitter.keep(item)).name for item in ready]
