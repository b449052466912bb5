"""`tiphys submit`: keep a workflow and have it run in the background."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tiphys.cli.options import (
    after_options,
    parameter_file_option,
    parameter_option,
    shown_nodes_options,
    stacked,
    strict_option,
)
from tiphys.cli.session import (
    Session,
    is_asynchronous,
    parse_labels,
    read_parameters,
    runtime_option,
    settings_option,
    with_session,
    write,
)
from tiphys.cli.styling import watched_nodes
from tiphys.errors import UserError
from tiphys.library.files import read_sources

if TYPE_CHECKING:
    from tiphys.app import Choice, Local
    from tiphys.library.submitting import Checked
    from tiphys.ports import RunRow
    from tiphys.service.documents import Loaded
    from tiphys.service.submit import Overrides, Prepared


submit_options = stacked(
    parameter_option,
    parameter_file_option,
    click.option("--name", default="", help="Override metadata.name."),
    click.option("--generate-name", default="", help="Override metadata.generateName."),
    click.option("--entrypoint", default="", help="Override spec.entrypoint."),
    click.option("--serviceaccount", default="", help="Override the service account."),
    click.option("-l", "--labels", default="", metavar="K=V,...", help="Add labels."),
    click.option("--annotations", default="", metavar="K=V,...", help="Add annotations."),
    click.option(
        "-a",
        "--artifact",
        "artifacts",
        multiple=True,
        metavar="NAME=KEY",
        help="Override the key of an argument artifact; can be repeated.",
    ),
    click.option("--priority", type=int, help="Override spec.priority."),
    click.option(
        "--pod-priority-class-name", default="", help="Override spec.podPriorityClassName."
    ),
    strict_option,
)
"""How a workflow is submitted: for `options_of`."""
background_options = stacked(
    click.argument("files", nargs=-1),
    submit_options,
    click.option("--from", "stored", default="", metavar="KIND/NAME", help="Run what is stored."),
    click.option("--scheduled-time", default="", metavar="TIME", help="With --from: its due time."),
    after_options,
    shown_nodes_options,
    click.option("--dry-run", is_flag=True, help="Only show what would be submitted; needs -o."),
    click.option(
        "--server-dry-run", is_flag=True, help="Only show what would be stored; needs -o."
    ),
)
"""The arguments and options of `submit`."""


def options_of(namespace: str, values: dict[str, object]) -> Overrides:
    """Return the submit options a command was given."""
    from tiphys.service.artifact_keys import parse_artifacts
    from tiphys.service.submit import Overrides, parse_pairs

    priority = values["priority"]
    return Overrides(
        namespace=namespace,
        name=str(values["name"]),
        generate_name=str(values["generate_name"]),
        entrypoint=str(values["entrypoint"]),
        parameters=read_parameters(_texts(values["parameters"]), _texts(values["parameter_files"])),
        labels=parse_labels(str(values["labels"])),
        annotations=parse_pairs(str(values["annotations"]), "Annotations"),
        artifacts=parse_artifacts(_texts(values["artifacts"])),
        pod_priority_class_name=str(values["pod_priority_class_name"]),
        service_account=str(values["serviceaccount"]),
        priority=priority if isinstance(priority, int) else None,
    )


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, tuple) else []


async def submit_files(
    session: Session, home: Local, files: tuple[str, ...], values: dict[str, object]
) -> tuple[list[RunRow], Choice]:
    """Submit every workflow of some files; if one of them is refused, none.

    Returns their rows and the runtime they are meant for. Raises UserError if there is nothing to
    submit.
    """
    checked = await check_files(session, home, files, values)
    check_watched(len(checked.prepared), values)
    return await checked.keep(home, session.namespace), checked.choice


async def check_files(
    session: Session, home: Local, files: tuple[str, ...], values: dict[str, object]
) -> Checked:
    """Check every workflow of some files and say what of them means nothing here.

    Raises UserError if there is no workflow, and with all that is wrong.
    """
    from tiphys.library.submitting import check

    strict = bool(values["strict"])
    checked = await check(
        home, lambda: (load_files(files, strict), options_of(session.namespace, values))
    )
    if checked.notes:
        sys.stderr.write(f"no effect on one machine: {', '.join(checked.notes)}\n")
    return checked


async def prepare_stored(
    session: Session, home: Local, identifier: str, time: str, values: dict[str, object]
) -> Prepared:
    """Check the workflow that a stored CronWorkflow or template stands for; nothing is kept."""
    from tiphys.app import choose_runtime
    from tiphys.compile.triggers.children import cron_of
    from tiphys.service.from_stored import from_stored, scheduled
    from tiphys.service.stored import stored_documents

    namespace = session.namespace
    workflow = await from_stored(home.crons, namespace, identifier, home.clock.now())
    if time:
        workflow = scheduled(workflow, time)
    own = "" if session.runtime else await home.store.ledger.runtime(cron_of(workflow))
    runtime = own or choose_runtime(session.settings).name
    options = options_of(namespace, {**values, "priority": None})
    options = dataclasses.replace(options, runtime=runtime)
    documents = await stored_documents(home.objects, namespace)
    return home.submitter.prepare(workflow, documents, options)


def load_files(files: tuple[str, ...], strict: bool) -> Loaded:
    """Return the documents of files. Raises UserError."""
    from tiphys.service.documents import load

    if not files:
        raise UserError("no workflow found in given files; name at least one file, - is stdin")
    return load(read_sources(files), strict)


@click.command()
@background_options
@settings_option
@runtime_option
@with_session
@is_asynchronous
async def submit(
    session: Session,
    files: tuple[str, ...],
    output: str | None,
    **values: object,
) -> int:
    """Run the workflows of FILES in the background.

    FILES are paths, URLs or "-" for standard input. WorkflowTemplates and ConfigMaps that a
    workflow refers to are found in all of them: tiphys submit workflow.yaml templates.yaml
    Without FILES, --from names what is stored: cronwf/NAME, wftmpl/NAME, cwftmpl/NAME.
    """
    from tiphys.app import local
    from tiphys.cli import printing
    from tiphys.cli.background import ensure_engine
    from tiphys.cli.logs import follow_logs
    from tiphys.cli.render import Style
    from tiphys.cli.wait import wait_for, watch_one

    check_combination(output, values)
    keep = watched_nodes(values)
    stored, time = str(values.pop("stored")), str(values.pop("scheduled_time"))
    if stored and files:
        raise click.UsageError("cannot combine --from with file arguments")
    with local(session.settings) as home:
        asked = _Asked(files, stored, time)
        if values["dry_run"] or values["server_dry_run"]:
            prepared = await _prepared(session, home, asked, values)
            _show_only(session, prepared, output, bool(values["server_dry_run"]))
            return 0
        rows = await _kept(session, home, asked, values)
        ensure_engine(session)
        for row in rows:
            workflow = await home.viewer.whole(row)
            write(printing.one(workflow, output, Style(colour=session.colour)))
        names = [row.name for row in rows]
        if values["logs"]:
            for row in rows:
                await follow_logs(session, home, row)
        if values["watches"]:
            await watch_one(session, home, names[0], keep)
        if values["waits"]:
            return await wait_for(session, home, names, quiet=output is not None)
    return 0


@dataclasses.dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be submitted: files, or what is stored, with a due time."""

    files: tuple[str, ...]
    stored: str
    time: str


async def _prepared(
    session: Session, home: Local, asked: _Asked, values: dict[str, object]
) -> Sequence[Prepared]:
    """Check what is to be submitted; nothing is kept."""
    if asked.stored:
        return [await prepare_stored(session, home, asked.stored, asked.time, values)]
    return (await check_files(session, home, asked.files, values)).prepared


async def _kept(
    session: Session, home: Local, asked: _Asked, values: dict[str, object]
) -> list[RunRow]:
    """Submit it and return the rows."""
    if asked.stored:
        return [
            await home.submitter.keep(item)
            for item in await _prepared(session, home, asked, values)
        ]
    return (await submit_files(session, home, asked.files, values))[0]


def check_combination(output: str | None, values: dict[str, object]) -> None:
    """Refuse options that contradict each other, in Argo's words and order."""
    flags = {"--dry-run": values["dry_run"], "--server-dry-run": values["server_dry_run"]}
    if values["waits"] and values["watches"]:
        raise UserError("--wait cannot be combined with --watch")
    for after in ("wait", "watch"):
        for flag, given in flags.items():
            if given and values["waits" if after == "wait" else "watches"]:
                raise UserError(f"--{after} cannot be combined with {flag}")
    for flag, given in flags.items():
        if given and not output:
            raise UserError(f"{flag} should have an output option")
    if all(flags.values()):
        raise UserError("--dry-run cannot be combined with --server-dry-run")


def check_watched(count: int, values: dict[str, object]) -> None:
    """Refuse to watch several workflows, before any of them is made."""
    if count > 1 and values.get("watches"):
        raise UserError("cannot watch more than one workflow")


def _show_only(
    session: Session, prepared: Sequence[Prepared], output: str | None, stored: bool
) -> None:
    """Show checked workflows: as they were asked for, or as they would be stored."""
    from tiphys.cli import printing
    from tiphys.cli.render import Style
    from tiphys.model.codec import encode

    for item in prepared:
        shown = item.first.workflow if stored else encode(item.asked)
        if isinstance(shown, dict):
            write(printing.one(shown, output, Style(colour=session.colour)))
