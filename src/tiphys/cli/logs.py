"""`tiphys logs`: what the steps of a workflow wrote."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from tiphys.cli.log_query import check_pod, line_of, options_of
from tiphys.cli.options import logs_options
from tiphys.cli.session import Session, is_asynchronous, with_session, write

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.ports import RunRow
    from tiphys.service.logs import LogOptions


@click.command()
@logs_options
@with_session
@is_asynchronous
async def logs(session: Session, name: str, pod: str | None, **values: Any) -> None:
    """Show what the steps of a workflow wrote; @latest is the newest.

    POD is the name of a pod, or the name or the id of its node.
    """
    from tiphys.app import local

    with local(session.settings) as home:
        options = options_of(values, pod or "", home.clock.now())
        row = await home.store.find(session.namespace, name)
        if options.previous:
            sys.stderr.write("no container of a step is started again: nothing is previous\n")
        written = await _show(session, home, row, options)
        if pod is not None and not written:
            check_pod(await home.viewer.whole(row), pod)


async def follow_logs(session: Session, home: Local, row: RunRow) -> None:
    """Show what the steps of a workflow write until it ends."""
    from tiphys.service.logs import LogOptions

    await _show(session, home, row, LogOptions(follow=True))


async def _show(session: Session, home: Local, row: RunRow, options: LogOptions) -> bool:
    """Write lines; tell whether there were any."""
    any_line = False
    async for line in home.logs().lines(row, options):
        any_line = True
        write(line_of(line.pod, line.content, session.colour))
    return any_line
