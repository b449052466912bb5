"""Which workflows `list` shows: its options, and the test that they stand for."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import click

from tiphys.cli.options import output_option, stacked
from tiphys.cli.selecting import matcher, selector_option
from tiphys.errors import UserError

_AGE = re.compile(r"^(\d+)([smhd])$")
_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Error")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


list_options = stacked(
    click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Of all namespaces."),
    output_option,
    click.option("--no-headers", is_flag=True, help="Only the rows."),
    click.option("--status", default="", metavar="PHASE,...", help="Only these phases."),
    click.option("--completed", is_flag=True, help="Only those that have ended."),
    click.option("--running", is_flag=True, help="Only those that have not."),
    click.option("--prefix", default="", help="Only names that begin so."),
    click.option("--since", default="", metavar="AGE", help="Created within, e.g. 3h."),
    selector_option,
    click.option("--older", default="", metavar="AGE", help="Ended before, e.g. 1d."),
)
"""The options of `list`."""


def test_of(filters: dict[str, Any]) -> Callable[[dict[str, Any]], bool]:
    """Return the test for workflows that the options stand for. Raises UserError."""
    if filters["completed"] and filters["running"]:
        raise UserError("--completed and --running cannot be used together")
    for text in filter(None, (filters["since"], filters["older"])):
        _seconds(text)
    for phase in filter(None, filters["status"].split(",")):
        if phase not in _PHASES:
            raise UserError(f"--status {phase}: the phases are {', '.join(_PHASES)}")
    matches = matcher(filters["labels"]) if filters["labels"] else None
    return lambda workflow: _wanted(workflow, {**filters, "matches": matches})


def _seconds(text: str) -> float:
    match = _AGE.match(text)
    if match is None:
        raise UserError(
            f"invalid since format '{text}', expected format <duration><unit> (e.g. 3h)"
        )
    return float(int(match[1]) * _SECONDS[match[2]])


def _wanted(workflow: dict[str, Any], filters: dict[str, Any]) -> bool:
    from tiphys.cli.render.times import instant

    status = workflow.get("status") or {}
    done = status.get("finishedAt") is not None
    phases = [part for part in filters["status"].split(",") if part]
    created = instant(workflow["metadata"].get("creationTimestamp")) or 0.0
    ended = instant(status.get("finishedAt")) or 0.0
    tests = (
        not phases or (status.get("phase") or "Pending") in phases,
        filters["matches"] is None or filters["matches"](workflow["metadata"].get("labels") or {}),
        not filters["completed"] or done,
        not filters["running"] or not done,
        workflow["metadata"]["name"].startswith(filters["prefix"]),
        not filters["since"] or created > time.time() - _seconds(filters["since"]),
        not filters["older"] or (done and ended < time.time() - _seconds(filters["older"])),
    )
    return all(tests)
