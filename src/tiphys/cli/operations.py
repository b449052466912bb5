"""The verbs that change a workflow: stop, terminate, suspend, resume, node set, delete."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import click

from tiphys.cli.filtering import delete_options, is_filtered, test_of
from tiphys.cli.left import say_what_goes_on
from tiphys.cli.options import (
    failing,
    need,
    node_group,
    node_set_options,
    output_values,
    resume_options,
    resumed,
    stop_options,
    terminate_options,
)
from tiphys.cli.selecting import matching, selected
from tiphys.cli.session import Session, is_asynchronous, settings_option, with_session, write
from tiphys.errors import NotFound, UserError

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.ports import RunRow

_Act = Callable[["Local", "RunRow"], Awaitable[None]]


async def _each(
    session: Session, names: tuple[str, ...], act: _Act, said: str, **selectors: str
) -> None:
    from tiphys.app import local
    from tiphys.cli.background import ensure_engine

    with local(session.settings) as home:
        for row in await selected(session, home, names, **selectors):
            await act(home, row)
            write(f"workflow {row.name} {said}\n")
            await say_what_goes_on(home, row)
        ensure_engine(session)


async def _nothing(_home: Local, _row: RunRow) -> None:
    """Only say what would be done."""


@click.command()
@stop_options
@settings_option
@with_session
@is_asynchronous
async def stop(
    session: Session,
    names: tuple[str, ...],
    selector: str,
    message: str,
    dry_run: bool,
    **selectors: str,
) -> None:
    """End workflows; their exit handlers run. @latest is the newest."""
    from tiphys.service.operations import Answer

    async def act(home: Local, row: RunRow) -> None:
        if selector:
            given = Answer(phase="Failed", message=message, action="Stop")
            await home.operator.set(row, selector, given)
        else:
            await home.operator.stop(row, "Stop")

    need(names or any(selectors.values()), "requires either selector or workflow")
    said = "stopped (dry-run)" if dry_run else "stopped"
    await _each(session, names, _nothing if dry_run else act, said, **selectors)


@click.command()
@terminate_options
@settings_option
@with_session
@is_asynchronous
async def terminate(
    session: Session, names: tuple[str, ...], dry_run: bool, **selectors: str
) -> None:
    """End workflows at once, without exit handlers; @latest is the newest.

    Differs: with a selector Argo ignores names.
    """
    need(names or any(selectors.values()), "requires either selector or workflow")

    async def act(home: Local, row: RunRow) -> None:
        await home.operator.stop(row, "Terminate")

    said = "terminated (dry-run)" if dry_run else "terminated"
    await _each(session, names, _nothing if dry_run else act, said, **selectors)


@click.command()
@click.argument("names", nargs=-1)
@settings_option
@with_session
@is_asynchronous
async def suspend(session: Session, names: tuple[str, ...]) -> None:
    """Start no new steps; what runs goes on. @latest is the newest."""
    from tiphys.app import local
    from tiphys.cli.background import ensure_engine

    with local(session.settings) as home:
        for name in names:
            with failing("suspend", name):
                row = await home.store.find(session.namespace, name)
                await home.operator.suspend(row)
            write(f"workflow {row.name} suspended\n")
        ensure_engine(session)


@click.command()
@resume_options
@settings_option
@with_session
@is_asynchronous
async def resume(session: Session, names: tuple[str, ...], selector: str) -> None:
    """Let suspended workflows go on; @latest is the newest.

    Differs: with a selector and no name Argo does nothing, and says nothing.
    """
    from tiphys.app import local
    from tiphys.cli.background import ensure_engine

    need(names, "requires either node field selector or workflow")
    with local(session.settings) as home:
        for name in names:
            with failing("resume", name):
                row = await home.store.find(session.namespace, name)
                await home.operator.resume(row, selector)
            write(resumed(row.name, _ended_as(home, row)))
        ensure_engine(session)


def _ended_as(home: Local, row: RunRow) -> str:
    """Return the phase of a workflow that has ended, "" for another."""
    status = home.viewer.bare(row).get("status")
    return str(status.get("phase") or "") if row.done and isinstance(status, dict) else ""


node = node_group()


@node.command(name="set")
@node_set_options
@settings_option
@with_session
@is_asynchronous
async def node_set(
    session: Session,
    name: str,
    selector: str,
    parameters: tuple[str, ...],
    message: str,
    phase: str | None,
) -> None:
    """Set the outputs, the message or the phase of suspend nodes; @latest is the newest.

    For example: tiphys node set @latest --node-field-selector displayName=approve -p answer=yes
    """
    from tiphys.app import local
    from tiphys.cli.background import ensure_engine
    from tiphys.service.operations import answer

    with local(session.settings) as home:
        row = await home.store.find(session.namespace, name)
        given = answer(phase or "", message, output_values(parameters))
        await home.operator.set(row, selector, given)
        ensure_engine(session)
    write("workflow values set\n")


@click.command()
@delete_options
@settings_option
@with_session
@is_asynchronous
async def delete(
    session: Session,
    names: tuple[str, ...],
    dry_run: bool,
    force: bool,
    **filters: Any,
) -> None:
    """Forget workflows and all that belongs to them: logs, job directories, artifacts.

    @latest is the newest.
    """
    from tiphys.app import local
    from tiphys.cli.background import ensure_engine

    filtered, is_wanted = is_filtered(names, filters), test_of(filters)
    with local(session.settings) as home:
        rows: list[RunRow] = []
        for name in names:
            try:
                rows.append(await home.store.find(session.namespace, name))
            except NotFound:
                write(f"Workflow '{name}' not found\n")
                continue
            await _delete(home, rows[-1], dry_run, force)
        if filtered:
            place = None if filters["everywhere"] else session.namespace
            listed = await matching(home, place, filters["labels"], filters["fields"])
            known = {row.run for row in rows}
            more = [row for row in listed if row.run not in known]
            for row in more:
                if is_wanted(dict(home.viewer.bare(row))):
                    rows.append(row)
                    await _delete(home, row, dry_run, force)
        if not dry_run and rows and await home.has_objects_at_work():
            ensure_engine(session)  # what their objects have started is still to be stopped
    if not rows and not names:
        write("No resources found\n")


async def _delete(home: Local, row: RunRow, dry_run: bool, force: bool) -> None:
    if dry_run:
        write(f"Workflow '{row.name}' deleted (dry-run)\n")
        return
    try:
        await home.forget(row, force)
    except OSError as exc:
        raise UserError(f"workflow {row.name} cannot be deleted: {exc}") from exc
    write(f"Workflow '{row.name}' deleted\n")
    await say_what_goes_on(home, row)
