"""`tiphys list`."""

from __future__ import annotations

import re
import time
from typing import Any

import click

from tiphys.cli.selecting import matcher, selector_option
from tiphys.cli.session import Session, is_asynchronous, with_session, write
from tiphys.errors import UserError

_AGE = re.compile(r"^(\d+)([smhd])$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@click.command(name="list")
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Of all namespaces.")
@click.option("-o", "--output", type=click.Choice(["name", "json", "yaml", "wide"]))
@click.option("--no-headers", is_flag=True, help="Only the rows.")
@click.option("--status", default="", metavar="PHASE,...", help="Only these phases.")
@click.option("--completed", is_flag=True, help="Only those that have ended.")
@click.option("--running", is_flag=True, help="Only those that have not.")
@click.option("--prefix", default="", help="Only names that begin so.")
@click.option("--since", default="", metavar="AGE", help="Created within, e.g. 3h.")
@selector_option
@click.option("--older", default="", metavar="AGE", help="Ended before, e.g. 1d.")
@with_session
@is_asynchronous
async def list_(
    session: Session, everywhere: bool, output: str | None, no_headers: bool, **filters: Any
) -> None:
    """List workflows: unfinished ones first, then the newest."""
    from tiphys.app import local
    from tiphys.cli import printing
    from tiphys.cli.render import ListStyle, sort_workflows

    if filters["completed"] and filters["running"]:
        raise UserError("--completed and --running cannot be used together")
    for text in filter(None, (filters["since"], filters["older"])):
        _seconds(text)
    filters["matches"] = matcher(filters["labels"])
    with local(session.settings) as home:
        rows = await home.store.list(None if everywhere else session.namespace)
        wide = output in {"wide", "json", "yaml"}
        found = []
        for row in rows:
            with_nodes = wide or not row.done  # what still runs may wait for a person
            workflow = await home.viewer.whole(row) if with_nodes else home.viewer.bare(row)
            if _wanted(workflow, filters):
                found.append(workflow)
    style = ListStyle(wide=output == "wide", namespaces=everywhere, headers=not no_headers)
    write(printing.several([dict(item) for item in sort_workflows(found)], output, style))


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
        filters["matches"](workflow["metadata"].get("labels") or {}),
        not filters["completed"] or done,
        not filters["running"] or not done,
        workflow["metadata"]["name"].startswith(filters["prefix"]),
        not filters["since"] or created > time.time() - _seconds(filters["since"]),
        not filters["older"] or (done and ended < time.time() - _seconds(filters["older"])),
    )
    return all(tests)
