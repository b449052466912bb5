"""`tiphys wait` and `tiphys watch`."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any

import click

from tiphys.cli.background import Keeper
from tiphys.cli.left import say_what_goes_on
from tiphys.cli.options import wait_options, watch_options
from tiphys.cli.session import Session, is_asynchronous, settings_option, with_session, write
from tiphys.cli.styling import shown_nodes
from tiphys.errors import NotFound

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.cli.render.style import Keep
    from tiphys.ports import RunRow

_POLL_SECONDS = 0.1


async def until_done(session: Session, home: Local, name: str) -> RunRow:
    """Return a workflow's row when it has ended. Raises NotFound."""
    keeper = Keeper(session, home)
    row = await home.store.find(session.namespace, name)
    while not row.done:
        await keeper.look(row)
        await asyncio.sleep(_POLL_SECONDS)
        row = await home.store.find(row.namespace, row.name)
    return row


async def wait_for(
    session: Session, home: Local, names: list[str], quiet: bool = False, lenient: bool = False
) -> int:
    """Wait for workflows; return 1 if one failed or is not there."""
    codes = await asyncio.gather(
        *(_wait_one(session, home, name, quiet, lenient) for name in names)
    )
    return max(codes, default=0)


async def _wait_one(session: Session, home: Local, name: str, quiet: bool, lenient: bool) -> int:
    from tiphys.cli.render.times import go_time, instant

    try:
        row = await until_done(session, home, name)
    except NotFound as exc:
        if lenient:
            return 0
        sys.stderr.write(f"Error: {exc}\n")
        return 1
    workflow = await home.viewer.whole(row)
    status: dict[str, Any] = workflow["status"]  # type: ignore[assignment]  # always an object
    if not quiet:
        ended = instant(status.get("finishedAt")) or 0.0
        write(f"{name} {status['phase']} at {go_time(ended)}\n")
        await say_what_goes_on(home, row)
    return 0 if status["phase"] == "Succeeded" else 1


@click.command()
@wait_options
@settings_option
@with_session
@is_asynchronous
async def wait(session: Session, names: tuple[str, ...], lenient: bool) -> int:
    """Wait for workflows to end; exit 1 if one of them failed. @latest is the newest."""
    from tiphys.app import local

    with local(session.settings) as home:
        return await wait_for(session, home, list(names), lenient=lenient)


async def watch_one(session: Session, home: Local, name: str, keep: Keep | None = None) -> None:
    """Show a workflow until it ends: a live tree on a terminal, lines in a pipe.

    `keep` says which nodes are shown, None for all.
    Differs: Argo clears the terminal and prints all of `get`, every second, also in a pipe.
    """
    from tiphys.cli import printing
    from tiphys.cli.moving import Notes, lines
    from tiphys.cli.render import Style
    from tiphys.cli.render.live import LiveTree
    from tiphys.cli.render.plain import PlainLog
    from tiphys.cli.render.style import keep_all

    style = Style(colour=session.colour, keep=keep or keep_all)
    row = await home.store.find(session.namespace, name)
    moves = home.moves(row)
    if not sys.stdout.isatty():
        log = PlainLog(keep=style.keep)
        async with lines(moves):
            async for workflow in _changes(session, home, row):
                moves.see(_nodes(workflow))
                for line in log.workflow(workflow, time.time()):
                    write(f"{line}\n")
        await say_what_goes_on(home, row)
        return
    with LiveTree(time.time, style, notes=Notes(moves)) as tree:
        async for workflow in _changes(session, home, row):
            moves.see(_nodes(workflow))
            tree.update(workflow)
    printing.failures(await home.viewer.whole(await home.store.find(row.namespace, row.name)))
    await say_what_goes_on(home, row)


def _nodes(workflow: dict[str, Any]) -> Iterable[dict[str, Any]]:
    return (workflow["status"].get("nodes") or {}).values()


async def _changes(session: Session, home: Local, row: RunRow) -> AsyncIterator[dict[str, Any]]:
    """Yield a workflow at each of its commits, until it ends."""
    keeper = Keeper(session, home)
    seen = -1
    while True:
        version = await home.store.version(row.run)
        if version != seen:
            seen = version
            fresh = await home.store.find(row.namespace, row.name)
            yield await home.viewer.whole(fresh)
            if fresh.done:
                return
        await keeper.look(await home.store.find(row.namespace, row.name))
        await asyncio.sleep(_POLL_SECONDS)


@click.command()
@watch_options
@settings_option
@with_session
@is_asynchronous
async def watch(session: Session, name: str, status: str, selector: str) -> None:
    """Show a workflow until it ends; @latest is the newest."""
    from tiphys.app import local

    keep = shown_nodes(status, selector)
    with local(session.settings) as home:
        await watch_one(session, home, name, keep)
