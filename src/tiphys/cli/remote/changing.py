"""What acts on workflows of a server: stop, terminate, suspend, resume, node set, retry, delete."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from tiphys.cli.filtering import delete_options, is_filtered, test_of
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
from tiphys.cli.remote.connecting import Remote, with_server
from tiphys.cli.remote.left import say_what_goes_on
from tiphys.cli.writing import write
from tiphys.client.workflows import Workflows, is_live
from tiphys.errors import NotFound

if TYPE_CHECKING:
    from tiphys.client.http import JsonObject

_HEADS: Final = (
    "metadata,items.metadata.name,items.metadata.namespace,items.metadata.labels,"
    "items.metadata.creationTimestamp,items.status.phase,items.status.finishedAt"
)
"""What of a listed workflow filters look at."""


def named(remote: Remote, names: tuple[str, ...], labels: str, fields: str) -> list[str]:
    """Return the workflows that selectors match, then those named; each once."""
    found = []
    if labels or fields:
        found = [*filter(is_live, remote.workflows.list(labels, _HEADS, fields))]
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
        if not dry_run:
            say_what_goes_on(remote, remote.namespace, shown)


@click.command()
@stop_options
@with_server
def stop(remote: Remote, names: tuple[str, ...], dry_run: bool, **said: str) -> None:
    """End workflows; their exit handlers run. @latest is the newest."""
    labels, fields = said["labels"], said["fields"]
    need(names or labels or fields, "requires either selector or workflow")
    body: JsonObject = {"nodeFieldSelector": said["selector"], "message": said["message"]}
    _end(remote, named(remote, names, labels, fields), "stop", body, dry_run)


@click.command()
@terminate_options
@with_server
def terminate(
    remote: Remote, names: tuple[str, ...], labels: str, fields: str, dry_run: bool
) -> None:
    """End workflows at once, without exit handlers; @latest is the newest."""
    need(names or labels or fields, "requires either selector or workflow")
    _end(remote, named(remote, names, labels, fields), "terminate", {}, dry_run)


@click.command()
@click.argument("names", nargs=-1)
@with_server
def suspend(remote: Remote, names: tuple[str, ...]) -> None:
    """Start no new steps; what runs goes on. @latest is the newest."""
    for name in names:
        with failing("suspend", name):
            found = remote.workflows.act(name, "suspend")
        write(f"workflow {_metadata(found)['name']} suspended\n")


@click.command()
@resume_options
@with_server
def resume(remote: Remote, names: tuple[str, ...], selector: str) -> None:
    """Let suspended workflows go on; @latest is the newest."""
    need(names, "requires either node field selector or workflow")
    for name in names:
        with failing("resume", name):
            found = remote.workflows.get(name)
            remote.workflows.act(name, "resume", {"nodeFieldSelector": selector})
        write(resumed(str(_metadata(found)["name"]), _ended_as(found)))


def _ended_as(workflow: JsonObject) -> str:
    """Return the phase of a workflow that has ended, "" for another."""
    status = workflow.get("status")
    if not isinstance(status, dict) or not status.get("finishedAt"):
        return ""
    return str(status.get("phase") or "")


node = node_group()


@node.command(name="set")
@node_set_options
@with_server
def node_set(remote: Remote, name: str, selector: str, **given: Any) -> None:
    """Set the outputs, the message or the phase of suspend nodes; @latest is the newest."""
    values = output_values(given["parameters"])
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
def delete(
    remote: Remote, names: tuple[str, ...], dry_run: bool, force: bool, **filters: Any
) -> None:
    """Forget workflows of the server and all that belongs to them. @latest is the newest."""
    filtered, is_wanted = is_filtered(names, filters), test_of(filters)
    found = [(remote.namespace, name) for name in names]
    if filtered:
        place = "" if filters["everywhere"] else remote.namespace
        asked = filters["labels"], _HEADS, filters["fields"], filters["chunk"]
        for item in Workflows(remote.client, place).list(*asked):
            if is_wanted(item) and is_live(item):
                own = _metadata(item)
                found.append((str(own.get("namespace") or place), str(own.get("name"))))
    for namespace, name in dict.fromkeys(found):
        _delete(Workflows(remote.client, namespace), name, dry_run, force)
        if not dry_run and not name.startswith("@"):  # whose name nobody knows any more
            say_what_goes_on(remote, namespace, name)
    if not found:
        write("No resources found\n")


def _delete(workflows: Workflows, name: str, dry_run: bool, force: bool) -> None:
    try:
        if dry_run:
            if not is_live(workflows.get(name)):
                raise NotFound(name)
        else:
            workflows.delete(name, force)
    except NotFound:
        write(f"Workflow '{name}' not found\n")
    else:
        write(f"Workflow '{name}' deleted{' (dry-run)' if dry_run else ''}\n")
