"""Which workflows `list` shows and `delete` is for: their options, and the test they stand for."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, Final

import click

from tiphys.cli.kinds import strings
from tiphys.cli.options import chunk_option, output_option, stacked
from tiphys.cli.selecting import field_selector_option, selector_option
from tiphys.errors import UserError

_AGE = re.compile(r"^(\d+)([smhd])$")
_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Error")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RESUBMITTED: Final = "workflows.argoproj.io/resubmitted-from-workflow"
_FILTERS: Final = ("status", "completed", "resubmitted", "prefix", "labels", "fields", "older")

_everywhere: Final = click.option(
    "-A", "--all-namespaces", "everywhere", is_flag=True, help="Of all namespaces."
)
_filters: Final = stacked(
    strings("--status", default=(), metavar="PHASE,...", help="Only these phases."),
    click.option("--completed", is_flag=True, help="Only those that have ended."),
    click.option("--resubmitted", is_flag=True, help="Only those made by `resubmit`."),
    click.option("--prefix", default="", help="Only names that begin so."),
    selector_option,
    field_selector_option,
    click.option("--older", default="", metavar="AGE", help="Ended before, e.g. 1d."),
)
list_options: Final = stacked(
    _everywhere,
    output_option,
    click.option("--no-headers", is_flag=True, help="Only the rows."),
    _filters,
    click.option("--running", is_flag=True, help="Only those that have not ended."),
    click.option("--since", default="", metavar="AGE", help="Created within, e.g. 3h."),
    chunk_option("--chunk-size"),
)
"""The options of `list`."""
delete_options: Final = stacked(
    click.argument("names", nargs=-1),
    click.option("--all", "every", is_flag=True, help="All workflows of the namespace."),
    _everywhere,
    _filters,
    chunk_option("--query-chunk-size"),
    click.option("--dry-run", is_flag=True, help="Only say what would be deleted."),
    click.option("--force", is_flag=True, help="Delete even if artifacts cannot be deleted."),
)
"""The options of `delete`."""


def is_filtered(names: tuple[str, ...], filters: dict[str, Any]) -> bool:
    """Tell whether `delete` is for more than those named. Raises UsageError if it is for none.

    `--all-namespaces` alone is for all there are, as in Argo.
    """
    found = any(filters[name] for name in ("every", "everywhere", *_FILTERS))
    if not found and not names:
        raise click.UsageError("requires either a workflow or other argument")
    return found


def test_of(filters: dict[str, Any]) -> Callable[[dict[str, Any]], bool]:
    """Return the test for workflows that the options stand for, but for selectors.

    Differs: a phase that there is not is refused; Argo finds nothing. Raises UserError.
    """
    if filters["completed"] and filters.get("running"):
        raise UserError("--completed and --running cannot be used together")
    for text in filter(None, (filters.get("since"), filters["older"])):
        _seconds(text)
    for phase in _phases(filters):
        if phase not in _PHASES:
            raise UserError(f"--status {phase}: the phases are {', '.join(_PHASES)}")
    return lambda workflow: _wanted(workflow, filters)


def _phases(filters: dict[str, Any]) -> list[str]:
    return [part for part in str(filters["status"]).split(",") if part]


def _seconds(text: str) -> float:
    match = _AGE.match(text)
    if match is None:
        raise UserError(
            f"invalid since format '{text}', expected format <duration><unit> (e.g. 3h)"
        )
    return float(int(match[1]) * _SECONDS[match[2]])


def _wanted(workflow: dict[str, Any], filters: dict[str, Any]) -> bool:
    from tiphys.cli.render.times import instant

    metadata, status = workflow["metadata"], workflow.get("status") or {}
    done = status.get("finishedAt") is not None
    phases, since = _phases(filters), filters.get("since")
    created = instant(metadata.get("creationTimestamp")) or 0.0
    ended = instant(status.get("finishedAt")) or 0.0
    tests = (
        not phases or (status.get("phase") or "Pending") in phases,
        not filters["completed"] or done,
        not filters.get("running") or not done,
        not filters["resubmitted"] or _RESUBMITTED in (metadata.get("labels") or {}),
        metadata["name"].startswith(filters["prefix"]),
        not since or created > time.time() - _seconds(since),
        not filters["older"] or (done and ended < time.time() - _seconds(filters["older"])),
    )
    return all(tests)
