"""What acts on workflows of a server: stop, terminate, suspend, resume, node set, retry, delete."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from tiphys.cli.remote.connecting import Remote, with_server
from tiphys.cli.selecting import selector_option
from tiphys.cli.writing import write
from tiphys.errors import NotFound

if TYPE_CHECKING:
    from tiphys.client.http import JsonObject

_dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Only say which workflows would be ended."
)


def named(remote: Remote, names: tuple[str, ...], labels: str) -> list[str]:
    """Return the workflows with matching labels, then those named; each once."""
    found = remote.workflows.list(labels, "metadata,items.metadata.name") if labels else []
    every = [str(_metadata(item).get("name")) for item in found]
    return list(dict.fromkeys([*every, *names]))


def _metadata(workflow: JsonObject) -> JsonObject:
    found = workflow.get("metadata")
    return found if isinstance(found, dict) else {}


def _need(given: object, text: str) -> None:
    if not given:
        raise click.UsageError(text)


def _end(
    remote: Remote, names: list[str], verb: str, body: JsonObject, dry_run: bool = False
) -> None:
    said = {"stop": "stopped", "terminate": "terminated"}[verb]
    for name in names:
        shown = name if dry_run else str(_metadata(remote.workflows.act(name, verb, body))["name"])
        write(f"workflow {shown} {said}{' (dry-run)' if dry_run else ''}\n")


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--node-field-selector", "selector", default="", help="Fail only these suspend nodes."
)
@click.option("--message", default="", help="The message of the nodes.")
@selector_option
@_dry_run_option
@with_server
def stop(remote: Remote, names: tuple[str, ...], labels: str, dry_run: bool, **said: str) -> None:
    """End workflows; their exit handlers run. @latest is the newest."""
    _need(names or labels, "requires either selector or workflow")
    body: JsonObject = {"nodeFieldSelector": said["selector"], "message": said["message"]}
    _end(remote, named(remote, names, labels), "stop", body, dry_run)


@click.command()
@click.argument("names", nargs=-1)
@selector_option
@_dry_run_option
@with_server
def terminate(remote: Remote, names: tuple[str, ...], labels: str, dry_run: bool) -> None:
    """End workflows at once, without exit handlers; @latest is the newest."""
    _need(names or labels, "requires either selector or workflow")
    _end(remote, named(remote, names, labels), "terminate", {}, dry_run)


@click.command()
@click.argument("names", nargs=-1)
@with_server
def suspend(remote: Remote, names: tuple[str, ...]) -> None:
    """Start no new steps; what runs goes on. @latest is the newest."""
    for name in names:
        write(f"workflow {_metadata(remote.workflows.act(name, 'suspend'))['name']} suspended\n")


@click.command()
@click.argument("names", nargs=-1)
@click.option("--node-field-selector", "selector", default="", help="Only these suspend nodes.")
@with_server
def resume(remote: Remote, names: tuple[str, ...], selector: str) -> None:
    """Let suspended workflows go on; @latest is the newest."""
    _need(names, "requires either node field selector or workflow")
    for name in names:
        found = remote.workflows.act(name, "resume", {"nodeFieldSelector": selector})
        write(f"workflow {_metadata(found)['name']} resumed\n")


@click.group(invoke_without_command=True)
@click.pass_context
def node(context: click.Context) -> None:
    """Answer the suspend nodes of a workflow."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@node.command(name="set")
@click.argument("name")
@click.option(
    "--node-field-selector", "selector", default="", help="Which nodes, e.g. displayName=approve."
)
@click.option(
    "-p",
    "--output-parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set an output parameter; can be repeated.",
)
@click.option("-m", "--message", default="", help="The message of the nodes.")
@click.option(
    "--phase", type=click.Choice(["Succeeded", "Failed", "Error"]), help="End the nodes with it."
)
@with_server
def node_set(remote: Remote, name: str, selector: str, **given: Any) -> None:
    """Set the outputs, the message or the phase of suspend nodes; @latest is the newest."""
    from tiphys.service.submit import parse_parameters

    values = dict(parse_parameters(given["parameters"]))
    body: JsonObject = {
        "nodeFieldSelector": selector,
        "message": given["message"],
        "phase": given["phase"] or "",
        "outputParameters": json.dumps(values) if values else "",
    }
    remote.workflows.act(name, "set", body)
    write("workflow values set\n")


@click.command()
@click.argument("names", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All workflows of the namespace.")
@click.option("--completed", is_flag=True, help="All that have ended.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@click.option("--force", is_flag=True, help="Delete even if artifacts cannot be deleted.")
@with_server
def delete(remote: Remote, names: tuple[str, ...], every: bool, **how: bool) -> None:
    """Forget workflows of the server and all that belongs to them. @latest is the newest."""
    if not names and not every and not how["completed"]:
        raise click.UsageError("requires either a workflow or other argument")
    found = [*names]
    if every or how["completed"]:
        labels = "" if every else "workflows.argoproj.io/completed=true"
        listed = remote.workflows.list(labels, "metadata,items.metadata.name")
        found += [str(_metadata(item).get("name")) for item in listed]
    for name in dict.fromkeys(found):
        _delete(remote, name, how["dry_run"], how["force"])
    if not found:
        write("No resources found\n")


def _delete(remote: Remote, name: str, dry_run: bool, force: bool) -> None:
    try:
        if not dry_run:
            remote.workflows.delete(name, force)
    except NotFound:
        write(f"Workflow '{name}' not found\n")
    else:
        write(f"Workflow '{name}' deleted{' (dry-run)' if dry_run else ''}\n")
