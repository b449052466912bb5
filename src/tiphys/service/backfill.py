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
from tiphys.expr.gotime import format_time
from tiphys.expr.gotime_parse import parse_time
from tiphys.expr.values import Time
from tiphys.ports import RunRow
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
    """What was submitted, for how many due times, between which (as texts)."""

    name: str
    start: str
    end: str
    count: int
    rows: Sequence[RunRow]


async def backfill(
    crons: CronWorkflows, submitter: Submitter, namespace: str, asked: Asked
) -> Backfilled:
    """Submit what a backfill needs; without due times nothing is submitted.

    Raises UserError, NotFound, and what submitting raises.
    """
    if not asked.start:
        raise UserError("start date should not be empty")
    now = submitter.clock.now()
    start = parse_time(asked.layout, asked.start)
    end = parse_time(asked.layout, asked.end) if asked.end else Time(int(now) * _SECOND)
    name = asked.name or "".join(secrets.choice(_LETTERS) for _ in range(5))
    cron = await crons.get(namespace, asked.cron)
    times = backfill_times(cron, start.ns // _SECOND, end.ns // _SECOND, start.zone)
    wanted = Backfill(name, asked.argument, asked.parallel, asked.most)
    documents = await stored_documents(crons.objects, namespace)
    options = Overrides(namespace=namespace, runtime=asked.runtime)
    ready = [
        submitter.prepare(monitor, documents, options)
        for monitor in monitors(cron, wanted, times, now)
    ]
    rows = [await submitter.keep(item) for item in ready]
    until = asked.end or format_time(end, _RFC1123)
    return Backfilled(name, asked.start, until, len(times), rows)
