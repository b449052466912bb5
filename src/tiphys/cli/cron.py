"""`tiphys cron`: CronWorkflows of a home. Their workflows are made by its background engine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from tiphys.cli.kinds import OneOf
from tiphys.cli.options import OUTPUT, group, kept_options, output_option, stacked, strict_option
from tiphys.cli.session import (
    Session,
    is_asynchronous,
    runtime_option,
    settings_option,
    with_session,
    write,
)
from tiphys.cli.submit import options_of, submit_options
from tiphys.errors import TiphysError, UserError
from tiphys.library.files import read_sources

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.model.codec import Document
    from tiphys.model.cron import CronWorkflow
    from tiphys.service.backfill import Asked, Backfilled


_ABOUT = """Start workflows by the clock: manage CronWorkflows.

A background engine starts their workflows when they are due. After the machine was restarted,
any `cron create`, `cron resume` or `submit` starts it again.
"""
cron = group("cron", _ABOUT)


def documents(files: tuple[str, ...], strict: bool) -> list[tuple[CronWorkflow, Document]]:
    """Return the CronWorkflows of files. Raises UserError if there is none."""
    from tiphys.service.documents import load

    found = load(read_sources(files), strict).crons
    if not found:
        raise UserError("No CronWorkflows found in given files")
    return found


def shown(document: CronWorkflow, output: str | None, colour: bool) -> str:
    """Return one CronWorkflow as it is asked for."""
    from tiphys.cli import printing
    from tiphys.cli.render import Style
    from tiphys.cli.render.crons import Cron, render_cron
    from tiphys.compile.triggers.due import next_run
    from tiphys.model.codec import encode

    plain, now = dict(encode(document)), time.time()
    if output in {"name", "json", "yaml"}:
        return printing.one(plain, output, Style())
    return render_cron(Cron(plain, next_run(document, now)), now, Style(colour=colour))


schedule_option = click.option(
    "--schedule", default="", help="Override the schedules with this one."
)


@cron.command()
@click.argument("files", nargs=-1)
@submit_options
@schedule_option
@click.option("-o", "--output", type=OUTPUT, expose_value=False, help="Has no effect, as in Argo.")
@settings_option
@runtime_option
@with_session
@is_asynchronous
async def create(session: Session, files: tuple[str, ...], schedule: str, **values: Any) -> None:
    """Keep the CronWorkflows of FILES, and start their workflows when they are due."""
    from tiphys.app import local
    from tiphys.cli.background import ensure_engine
    from tiphys.service.cron import overridden

    found = documents(files, bool(values["strict"]))
    options = options_of(session.namespace, values)
    with local(session.settings) as home:
        for document, origin in found:
            wanted = overridden(document, options, schedule)
            try:
                made = await home.crons.create(wanted, session.namespace, (), origin)
            except TiphysError as exc:
                raise UserError(f"failed to create cron workflow: {exc}") from exc
            await _place(session, home, made)
            write(shown(made, None, session.colour))
        ensure_engine(session)


async def _place(session: Session, home: Local, made: CronWorkflow) -> None:
    """Keep where the workflows of a CronWorkflow run, if `--runtime` says so."""
    if session.runtime:
        runtime = "" if session.runtime == "auto" else session.runtime
        await home.store.ledger.set_runtime(made.metadata.uid, runtime)


UPDATE = (
    "Put the CronWorkflows of FILES in the place of those of the same name.\n\n"
    "As in Argo the other options have no effect, but for `--runtime`."
)


@cron.command(help=UPDATE)
@click.argument("files", nargs=-1)
@submit_options
@click.option("-o", "--output", type=OUTPUT, expose_value=False, help="Has no effect, as in Argo.")
@settings_option
@runtime_option
@with_session
@is_asynchronous
async def update(session: Session, files: tuple[str, ...], **values: Any) -> None:
    """Say what UPDATE says."""
    from tiphys.app import local
    from tiphys.cli.background import ensure_engine
    from tiphys.errors import NotFound

    found = documents(files, bool(values["strict"]))
    with local(session.settings) as home:
        for document, origin in found:
            name = document.metadata.name
            try:
                made = await home.crons.update(document, session.namespace, (), origin)
            except NotFound as exc:
                text = f'failed to get existing cron workflow "{name}" to update: {exc}'
                raise UserError(text) from exc
            except TiphysError as exc:
                raise UserError(f"failed to update workflow template: {exc}") from exc
            await _place(session, home, made)
            write(shown(made, None, session.colour))
        ensure_engine(session)


@cron.command()
@click.argument("files", nargs=-1, required=True)
@click.option("-o", "--output", type=OneOf(["pretty", "simple"]), default="pretty")
@strict_option
@click.option("--no-color", is_flag=True, help="No colours.")
@click.pass_context
def lint(context: click.Context, /, **values: Any) -> int:
    """Check CronWorkflows in files and directories; exit 1 if something is wrong."""
    from tiphys.cli.lint import lint as everything

    code = context.invoke(everything, kinds="cronworkflows", offline=True, **values)
    return code if isinstance(code, int) else 0


@cron.command(name="get")
@click.argument("names", nargs=-1, required=True)
@output_option
@with_session
@is_asynchronous
async def get(session: Session, names: tuple[str, ...], output: str | None) -> None:
    """Show CronWorkflows."""
    from tiphys.app import local

    with local(session.settings) as home:
        for name in names:
            found = await home.crons.get(session.namespace, name)
            write(shown(found, output, session.colour))


@cron.command(name="list")
@kept_options
@with_session
@is_asynchronous
async def list_(session: Session, everywhere: bool, selector: str, output: str | None) -> None:
    """List CronWorkflows."""
    from tiphys.app import local
    from tiphys.cli.render.crons import Cron, render_crons
    from tiphys.cli.render.output import documents
    from tiphys.compile.triggers.due import next_run
    from tiphys.expr.labels import parse_labels
    from tiphys.model.codec import encode

    wanted, now = parse_labels(selector), time.time()
    with local(session.settings) as home:
        found = await home.crons.list(None if everywhere else session.namespace)
    kept = [item for item in found if wanted.matches(item.metadata.labels)]
    encoded = [dict(encode(item)) for item in kept]
    text = documents(encoded, output)
    if text is None:
        crons = [Cron(one, next_run(item, now)) for one, item in zip(encoded, kept, strict=True)]
        text = render_crons(crons, now, everywhere)
    write(text)


@cron.command()
@click.argument("names", nargs=-1, required=True)
@with_session
@is_asynchronous
async def suspend(session: Session, names: tuple[str, ...]) -> None:
    """Start no more workflows of CronWorkflows."""
    await _switch(session, names, suspended=True)


@cron.command()
@click.argument("names", nargs=-1, required=True)
@settings_option
@with_session
@is_asynchronous
async def resume(session: Session, names: tuple[str, ...]) -> None:
    """Start workflows of suspended CronWorkflows again."""
    from tiphys.cli.background import ensure_engine

    await _switch(session, names, suspended=False)
    ensure_engine(session)


async def _switch(session: Session, names: tuple[str, ...], suspended: bool) -> None:
    from tiphys.app import local

    with local(session.settings) as home:
        for name in names:
            await home.crons.suspend(session.namespace, name, suspended)
            write(f"CronWorkflow '{name}' {'suspended' if suspended else 'resumed'}\n")


@cron.command()
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of the namespace.")
@with_session
@is_asynchronous
async def delete(session: Session, names: tuple[str, ...], everything: bool) -> None:
    """Remove CronWorkflows and the workflows they made."""
    from tiphys.app import local

    with local(session.settings) as home:
        if everything:
            found = await home.crons.list(session.namespace)
            names = tuple(item.metadata.name for item in found)
        for name in names:
            await _remove(session, home, name)


async def _remove(session: Session, home: Local, name: str) -> None:
    present = await home.crons.get(session.namespace, name)
    await home.crons.delete(session.namespace, name)
    children = home.children()
    for child in await children.children(present):
        await children.delete(child.namespace, child.name)


backfill_options = stacked(
    click.option("--start", default="", help="Due times after this one."),
    click.option("--end", default="", help="Due times up to this one; now, if it is not given."),
    click.option("--format", "layout", default="Mon, 02 Jan 2006 15:04:05 MST", show_default=True),
    click.option("--name", "label", default="", help="The name of the backfill."),
    click.option("--parallel", is_flag=True, help="Let the workflows run at once."),
    click.option("--argname", default="cronScheduleTime", show_default=True),
    click.option("--maxworkflowcount", type=click.IntRange(1), default=1000, show_default=True),
)
"""The options of `backfill`."""


def backfill_asked(name: str, values: dict[str, Any], runtime: str = "") -> Asked:
    """Return the backfill that the options ask for."""
    from tiphys.service.backfill import Asked

    return Asked(
        cron=name,
        start=values["start"],
        end=values["end"],
        layout=values["layout"],
        name=values["label"],
        parallel=values["parallel"],
        argument=values["argname"],
        most=values["maxworkflowcount"],
        runtime=runtime,
    )


@cron.command()
@click.argument("name")
@backfill_options
@settings_option
@runtime_option
@with_session
@is_asynchronous
async def backfill(session: Session, name: str, **values: Any) -> None:
    """Run a CronWorkflow for each of its due times in the past."""
    from tiphys.app import choose_runtime, local
    from tiphys.cli.background import ensure_engine
    from tiphys.service.backfill import backfill

    with local(session.settings) as home:
        present = await home.crons.get(session.namespace, name)
        own = "" if session.runtime else await home.store.ledger.runtime(present.metadata.uid)
        asked = backfill_asked(name, values, own or choose_runtime(session.settings).name)
        done, names = await backfill(home.crons, home.submitter, session.namespace, asked)
        write(backfilled(name, session.namespace, done, names))
        if names:
            ensure_engine(session)


def backfilled(name: str, namespace: str, done: Backfilled, names: Sequence[str]) -> str:
    """Return what is said of a backfill whose workflows have these names."""
    if not names:
        return "There is no suitable scheduling time."
    line = "=" * 50
    lines = [
        f"Created {done.name} Backfill task for Cronworkflow {name} ",
        line,
        "Backfill Period :",
        f"Start Time : {done.start} ",
        f"  End Time : {done.end} ",
        f"Total Backfill Schedule: {done.count} ",
        line,
        "Backfill Workflows: ",
        "   NAMESPACE\t WORKFLOW: ",
        *(f"{n}. {namespace} \t {made} " for n, made in enumerate(names, start=1)),
    ]
    return "".join(f"{item}\n" for item in lines)
