"""What acts on workflows of a server: stop, terminate, suspend, resume, node set, retry, delete."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from tiphys.cli.options import (
    delete_options,
    group,
    need,
    node_set_options,
    resume_options,
    resumed,
    stop_options,
    terminate_options,
)
from tiphys.cli.remote.connecting import Remote, with_server
from tiphys.cli.writing import write
from tiphys.errors import NotFound

if TYPE_CHECKING:
    from tiphys.client.http import JsonObject


def named(remote: Remote, names: tuple[str, ...], labels: str) -> list[str]:
    """Return the workflows with matching labels, then those named; each once."""
    found = remote.workflows.list(labels, "metadata,items.metadata.name") if labels else []
    every = [str(_metadata(item).get("name")) for item in found]
    return list(dict.fromkeys([*every, *names]))


def _metadata(workflow: JsonObject) -> JsonObject:
    found = workflow.get("metadata")
    return found if isinstance(found, dict) else {}


def _end(
    remote: Remote, names: list[str], verb: str, body: JsonObject, dry_run: bool = False
) -> None:
    said = {"stop": "stopped", "terminate": "terminated"}[verb]
    for name in names:
        shown = name if dry_run else str(_metadata(remote.workflows.act(name, verb, body))["name"])
        write(f"workflow {shown} {said}{' (dry-run)' if dry_run else ''}\n")


@click.command()
@stop_options
@with_server
def stop(remote: Remote, names: tuple[str, ...], labels: str, dry_run: bool, **said: str) -> None:
    """End workflows; their exit handlers run. @latest is the newest."""
    need(names or labels, "requires either selector or workflow")
    body: JsonObject = {"nodeFieldSelector": said["selector"], "message": said["message"]}
    _end(remote, named(remote, names, labels), "stop", body, dry_run)


@click.command()
@terminate_options
@with_server
def terminate(remote: Remote, names: tuple[str, ...], labels: str, dry_run: bool) -> None:
    """End workflows at once, without exit handlers; @latest is the newest."""
    need(names or labels, "requires either selector or workflow")
    _end(remote, named(remote, names, labels), "terminate", {}, dry_run)


@click.command()
@click.argument("names", nargs=-1)
@with_server
def suspend(remote: Remote, names: tuple[str, ...]) -> None:
    """Start no new steps; what runs goes on. @latest is the newest."""
    for name in names:
        write(f"workflow {_metadata(remote.workflows.act(name, 'suspend'))['name']} suspended\n")


@click.command()
@resume_options
@with_server
def resume(remote: Remote, names: tuple[str, ...], selector: str) -> None:
    """Let suspended workflows go on; @latest is the newest."""
    need(names, "requires either node field selector or workflow")
    for name in names:
        found = remote.workflows.get(name)
        remote.workflows.act(name, "resume", {"nodeFieldSelector": selector})
        write(resumed(str(_metadata(found)["name"]), _ended_as(found)))


def _ended_as(workflow: JsonObject) -> str:
    """Return the phase of a workflow that has ended, "" for another."""
    status = workflow.get("status")
    if not isinstance(status, dict) or not status.get("finishedAt"):
        return ""
    return str(status.get("phase") or "")


node = group("node", "Answer the suspend nodes of a workflow.")


@node.command(name="set")
@node_set_options
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
@delete_options
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
