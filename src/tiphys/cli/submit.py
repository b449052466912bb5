"""`tiphys submit`: keep a workflow and have it run in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tiphys.cli.session import (
    Session,
    is_asynchronous,
    parse_labels,
    read_parameters,
    read_sources,
    with_session,
    write,
)
from tiphys.errors import UserError

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.ports import RunRow
    from tiphys.service.submit import Overrides


def submit_options(command: click.decorators.FC) -> click.decorators.FC:
    """Add the options that say how a workflow is submitted."""
    for option in reversed(
        (
            click.option("-p", "--parameter", "parameters", multiple=True, metavar="NAME=VALUE"),
            click.option("-f", "--parameter-file", "files_", multiple=True, metavar="FILE"),
            click.option("--name", default="", help="Override metadata.name."),
            click.option("--generate-name", default="", help="Override metadata.generateName."),
            click.option("--entrypoint", default="", help="Override spec.entrypoint."),
            click.option("--serviceaccount", default="", help="Override the service account."),
            click.option("-l", "--labels", default="", metavar="K=V,..."),
            click.option("--priority", type=int),
            click.option("--strict/--no-strict", default=True, help="Unknown fields are errors."),
        )
    ):
        command = option(command)
    return command


def options_of(session: Session, runtime: str, values: dict[str, object]) -> Overrides:
    """Return the submit options a command was given."""
    from tiphys.service.submit import Overrides

    priority = values["priority"]
    return Overrides(
        namespace=session.namespace,
        name=str(values["name"]),
        generate_name=str(values["generate_name"]),
        entrypoint=str(values["entrypoint"]),
        parameters=read_parameters(_texts(values["parameters"]), _texts(values["files_"])),
        labels=parse_labels(str(values["labels"])),
        service_account=str(values["serviceaccount"]),
        priority=priority if isinstance(priority, int) else None,
        runtime=runtime,
    )


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, tuple) else []


async def submit_files(
    home: Local, files: tuple[str, ...], options: Overrides, strict: bool
) -> list[RunRow]:
    """Submit every workflow of some files. Raises UserError if there is none.

    Files with one template document that could run by itself and no workflow run that template.
    """
    from tiphys.service.documents import load
    from tiphys.service.submit import from_template

    if not files:
        raise UserError("no workflow found in given files; name at least one file, - is stdin")
    loaded = load(read_sources(files), strict)
    workflows = list(loaded.workflows)
    if not workflows:
        ready = [item for item in loaded.templates if item[0].spec.entrypoint]
        workflows = [(from_template(ready[0][0]), ready[0][1])] if len(ready) == 1 else []
    if not workflows:
        kinds = sorted({item.kind for _, item in [*loaded.templates, *loaded.others]})
        said = f"; there is only {', '.join(kinds)}" if kinds else ""
        raise UserError(f"{files[0]}: no workflow found in given files{said}")
    return [
        await home.submitter.submit(workflow, loaded.beside(), options, origin)
        for workflow, origin in workflows
    ]


@click.command()
@click.argument("files", nargs=-1)
@submit_options
@click.option("-o", "--output", type=click.Choice(["name", "json", "yaml", "wide"]))
@click.option("-w", "--wait", "waits", is_flag=True, help="Wait for the end; exit 1 if it failed.")
@click.option("--watch", "watches", is_flag=True, help="Watch until the end.")
@with_session
@is_asynchronous
async def submit(
    session: Session,
    files: tuple[str, ...],
    output: str | None,
    waits: bool,
    watches: bool,
    **values: object,
) -> int:
    """Run the workflows of FILES in the background."""
    from tiphys.app import choose_runtime, local
    from tiphys.cli import printing
    from tiphys.cli.background import ensure_engine
    from tiphys.cli.render import Style
    from tiphys.cli.wait import wait_for, watch_one

    if waits and watches:
        raise UserError("--wait cannot be combined with --watch")
    choice = choose_runtime(session.settings)
    with local(session.settings) as home:
        options = options_of(session, choice.name, values)
        rows = await submit_files(home, files, options, bool(values["strict"]))
        ensure_engine(session)
        for row in rows:
            workflow = await home.viewer.whole(row)
            write(printing.one(workflow, output, Style(colour=session.colour)))
        names = [row.name for row in rows]
        if watches:
            if len(names) > 1:
                raise UserError("cannot watch more than one workflow")
            await watch_one(session, home, names[0])
        if waits:
            return await wait_for(session, home, names, quiet=output is not None)
    return 0
