"""What only looks: list, get, logs, wait, watch, version."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from tiphys.cli.filtering import list_options, test_of
from tiphys.cli.log_query import check_pod, line_of, query_of
from tiphys.cli.options import (
    explain_options,
    get_options,
    logs_options,
    wait_options,
    watch_options,
)
from tiphys.cli.remote.connecting import Remote, with_server
from tiphys.cli.remote.left import say_what_is_left
from tiphys.cli.styling import shown_nodes, tree_style
from tiphys.cli.version import documents, own_fields, own_lines, version_options
from tiphys.cli.writing import write
from tiphys.errors import NotFound, TiphysError

if TYPE_CHECKING:
    from tiphys.cli.remote.moving import Asked
    from tiphys.cli.render.style import Keep

_FIELDS = "metadata,items.metadata,items.spec,items.status"
_VERSION = ("BuildDate", "GitCommit", "GitTreeState", "GitTag", "GoVersion", "Compiler", "Platform")
_NO_NODES = f"{_FIELDS}.phase,items.status.message,items.status.startedAt,items.status.finishedAt"


@click.command(name="list")
@list_options
@with_server
def list_(
    remote: Remote, everywhere: bool, output: str | None, no_headers: bool, **filters: Any
) -> None:
    """List workflows of the server: unfinished ones first, then the newest."""
    from tiphys.cli import printing
    from tiphys.cli.render import ListStyle, sort_workflows
    from tiphys.client.workflows import Workflows

    is_wanted = test_of(filters)
    asked = Workflows(remote.client, "") if everywhere else remote.workflows
    fields = "" if output in {"wide", "json", "yaml"} else _NO_NODES
    listed = asked.list(filters["labels"], fields, filters["fields"], filters["chunk"])
    found = [item for item in listed if is_wanted(item)]
    style = ListStyle(wide=output == "wide", namespaces=everywhere, headers=not no_headers)
    write(printing.several([dict(item) for item in sort_workflows(found)], output, style))


@click.command()
@get_options
@with_server
def get(remote: Remote, names: tuple[str, ...], **options: Any) -> None:
    """Show workflows of the server and their trees; @latest is the newest."""
    from tiphys.cli import printing

    style = tree_style(remote.colour, **options)
    for name in names:
        found = remote.workflows.get(name)
        write(printing.one(found, options["output"], style))
        if options["output"] in {None, "short", "wide"}:
            say_what_is_left(remote, found)


@click.command()
@explain_options
@with_server
def explain(remote: Remote, name: str, node: str, output: str) -> None:
    """Tell why a workflow is as it is; with NODE, the whole story of that node.

    NODE is a name, a display name or an id, also of a step or task that has not begun; @latest is
    the newest workflow. All times are UTC.
    """
    from tiphys.cli.printing import story

    if "/" in name:
        raise click.UsageError("only a home tells what came of due times, without a server")
    write(story(remote.workflows.explain(name, node), output))


@click.command()
@logs_options
@with_server
def logs(remote: Remote, name: str, pod: str | None, **values: Any) -> None:
    """Show what the steps of a workflow wrote; @latest is the newest.

    POD is the name of a pod; a server of Tiphys takes the name or the id of its node as well.
    """
    written = show_logs(remote, name, pod or "", query_of(values))
    if pod is not None and not written:
        check_pod(remote.workflows.get(name), pod)


def show_logs(remote: Remote, name: str, pod: str, query: dict[str, object]) -> bool:
    """Write the lines of a workflow's pods, each behind the pod's name; tell if there were any."""
    any_line = False
    for entry in remote.workflows.logs(name, pod, query):
        any_line = True
        owner, content = str(entry.get("podName") or ""), str(entry.get("content") or "")
        write(line_of(owner, content, remote.colour))
    return any_line


def follow_logs(remote: Remote, name: str) -> None:
    """Write what the pods of a workflow write, until it ends."""
    show_logs(remote, name, "", {"logOptions.container": "main", "logOptions.follow": True})


@click.command()
@wait_options
@with_server
def wait(remote: Remote, names: tuple[str, ...], lenient: bool) -> int:
    """Wait for workflows to end; exit 1 if one of them failed. @latest is the newest."""
    if len(names) == 1:
        return wait_for(remote, names[0], lenient=lenient)
    return _wait_for_all(remote, names, lenient)


def _wait_for_all(remote: Remote, names: tuple[str, ...], lenient: bool) -> int:
    """Wait for several workflows at once, each in a thread that dies with the command."""
    from threading import Thread

    codes: list[int] = []
    errors: list[TiphysError] = []

    def wait_on(name: str) -> None:
        try:
            codes.append(wait_for(remote, name, lenient=lenient))
        except TiphysError as exc:
            errors.append(exc)

    threads = [Thread(target=wait_on, args=(name,), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        raise error
    return max(codes, default=0)


def wait_for(remote: Remote, name: str, quiet: bool = False, lenient: bool = False) -> int:
    """Wait for a workflow; return 1 if it failed or is not there."""
    from tiphys.cli.render.times import go_time, instant

    workflow: dict[str, Any] = {}
    try:
        for change in remote.workflows.changes(name):
            workflow = change
    except NotFound as exc:
        if not lenient:
            sys.stderr.write(f"Error: {exc}\n")
        return 0 if lenient else 1
    status = workflow["status"]
    if not quiet:
        write(f"{name} {status['phase']} at {go_time(instant(status['finishedAt']) or 0.0)}\n")
        say_what_is_left(remote, workflow)
    return 0 if status["phase"] == "Succeeded" else 1


@click.command()
@watch_options
@with_server
def watch(remote: Remote, name: str, status: str, selector: str) -> None:
    """Show a workflow until it ends; @latest is the newest."""
    watch_one(remote, name, shown_nodes(status, selector))


def watch_one(remote: Remote, name: str, keep: Keep | None = None) -> None:
    """Show a workflow until it ends: a live tree on a terminal, lines in a pipe.

    `keep` says which nodes are shown, None for all.
    """
    from tiphys.cli import printing
    from tiphys.cli.moving import TREE_SECONDS
    from tiphys.cli.remote.moving import Asked, asked_every
    from tiphys.cli.render import Style
    from tiphys.cli.render.live import LiveTree
    from tiphys.cli.render.style import keep_all

    workflow: dict[str, Any] = {}
    moves = Asked(remote.workflows)
    if not sys.stdout.isatty():
        say_what_is_left(remote, _write_lines(remote, name, moves, keep or keep_all))
        return
    style = Style(colour=remote.colour, keep=keep or keep_all)
    with asked_every(TREE_SECONDS, moves), LiveTree(time.time, style, notes=moves.notes) as tree:
        for workflow in remote.workflows.changes(name):
            moves.see(workflow)
            tree.update(workflow)
    printing.failures(workflow)
    say_what_is_left(remote, workflow)


def _write_lines(remote: Remote, name: str, moves: Asked, keep: Keep) -> dict[str, Any]:
    """Write a line for each change of a node, and now and then one for each long transfer.

    Return the workflow as it was last.
    """
    from tiphys.cli.moving import LINE_SECONDS
    from tiphys.cli.remote.moving import asked_every
    from tiphys.cli.render.plain import PlainLog
    from tiphys.cli.render.times import clock

    def tell() -> None:
        now = clock(time.time())
        write("".join(f"{now}  {line}\n" for line in moves.lines()))

    log, workflow = PlainLog(keep=keep), dict[str, Any]()
    with asked_every(LINE_SECONDS, moves, tell):
        for workflow in remote.workflows.changes(name):
            moves.see(workflow)
            write("".join(f"{line}\n" for line in log.workflow(workflow, time.time())))
    return workflow


@click.command()
@version_options
@with_server
def version(remote: Remote, short: bool, output: str | None) -> None:
    """Show the versions of this command and of the server."""
    if output is not None:
        sides = {} if short else {"server": remote.client.ask("GET", "version")}
        write(documents(output, client=own_fields(short), **sides))
        return
    write(own_lines(short))
    if short:
        return
    found = remote.client.ask("GET", "version")
    write(f"argo-server: {found.get('version') or ''}\n")
    for name in _VERSION:
        if value := found.get(name[0].lower() + name[1:]):
            write(f"  {name}: {value}\n")
