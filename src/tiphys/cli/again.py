"""`tiphys retry` and `tiphys resubmit`: workflows that have ended, once more."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from tiphys.cli.options import need, resubmit_options, retry_options
from tiphys.cli.selecting import selected
from tiphys.cli.session import (
    Session,
    is_asynchronous,
    runtime_option,
    settings_option,
    with_session,
    write,
)
from tiphys.errors import UserError

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.ports import RunRow


_PATIENCE_SECONDS = 10.0
"""How long an engine may take to apply a retry before the old tree is shown all the same."""


@click.command()
@retry_options
@settings_option
@with_session
@is_asynchronous
async def retry(
    session: Session,
    names: tuple[str, ...],
    parameters: tuple[str, ...],
    selector: str,
    restart_successful: bool,
    **after: Any,
) -> int:
    """Go on with workflows that failed: what succeeded is kept. @latest is the newest.

    With -p loops are expanded anew.
    """
    from tiphys.app import local
    from tiphys.service.again import RetryOptions
    from tiphys.service.submit import parse_parameters

    _check(after)
    labels, fields = after["labels"], after["fields"]
    need(names or labels or fields, "requires either node field selector or workflow")
    options = RetryOptions(restart_successful, selector, parse_parameters(parameters))
    with local(session.settings) as home:
        rows = await selected(session, home, names, labels, fields)
        for row in rows:
            await home.repeater.retry(row, options)
        return await afterwards(session, home, rows, after)


@click.command()
@resubmit_options
@settings_option
@runtime_option
@with_session
@is_asynchronous
async def resubmit(
    session: Session,
    names: tuple[str, ...],
    parameters: tuple[str, ...],
    memoized: bool,
    **after: Any,
) -> int:
    """Run workflows anew under another name; @latest is the newest.

    With --memoized what a failed workflow did well is taken over.
    """
    from tiphys.app import local
    from tiphys.service.again import ResubmitOptions
    from tiphys.service.submit import parse_parameters

    _check(after)
    options = ResubmitOptions(memoized, parse_parameters(parameters))
    with local(session.settings) as home:
        rows = []
        for row in await selected(session, home, names, after["labels"], after["fields"]):
            runtime = session.settings.runtime
            wanted = row if runtime == "auto" else dataclasses.replace(row, runtime=runtime)
            rows.append(await home.repeater.resubmit(wanted, options))
        return await afterwards(session, home, rows, after)


def _check(after: dict[str, Any]) -> None:
    if after["waits"] and after["watches"]:
        raise UserError("--wait cannot be combined with --watch")


async def afterwards(
    session: Session,
    home: Local,
    rows: Sequence[RunRow],
    after: dict[str, Any],
    shown: Callable[[dict[str, Any], str | None], str] | None = None,
) -> int:
    """Show the workflows, by `shown` if that is given; of a single one what becomes of it."""
    from tiphys.cli import printing
    from tiphys.cli.background import ensure_engine
    from tiphys.cli.logs import follow_logs
    from tiphys.cli.render import Style
    from tiphys.cli.wait import wait_for, watch_one

    output = after["output"]
    if rows:
        ensure_engine(session)
        await asyncio.gather(*(home.operator.settled(row, _PATIENCE_SECONDS) for row in rows))
    for row in rows:
        fresh = await home.store.find(row.namespace, row.name)
        workflow = await home.viewer.whole(fresh)
        style = Style(colour=session.colour)
        write(shown(workflow, output) if shown else printing.one(workflow, output, style))
    if len(rows) != 1:
        return 0
    if after["logs"]:
        await follow_logs(session, home, rows[0])
    if after["watches"]:
        await watch_one(session, home, rows[0].name)
    if after["waits"]:
        return await wait_for(session, home, [rows[0].name], quiet=output is not None)
    return 0
