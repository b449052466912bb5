"""`archive` against a server: what it keeps of workflows that have ended."""

from __future__ import annotations

from typing import Any

import click

from tiphys.cli import archived
from tiphys.cli.options import group, memoized_option, restart_options
from tiphys.cli.remote.connecting import Remote, with_server
from tiphys.cli.remote.submitting import afterwards, of_one
from tiphys.cli.writing import write
from tiphys.client.archive import Archive
from tiphys.client.http import JsonObject

archive = group("archive", "Look after the workflows in the archive of the server.")


def _archive(remote: Remote) -> Archive:
    return Archive(remote.client, remote.namespace)


def _uid(remote: Remote, identifier: str, as_uid: bool, as_name: bool) -> str:
    """Return the uid of the workflow that is meant. Raises NotFound, UserError."""
    if archived.is_uid(identifier, as_uid, as_name):
        return identifier
    found = _archive(remote).list(fields=f"metadata.name={identifier}")
    return archived.uid_of(identifier, found)


@archive.command(name="list")
@archived.list_options
@with_server
def list_(remote: Remote, output: str, labels: str, chunk: int) -> None:
    """List archived workflows."""
    write(archived.several(_archive(remote).list(labels, chunk=chunk), output))


@archive.command()
@click.argument("name")
@archived.get_output_option
@archived.identity_options
@with_server
def get(remote: Remote, name: str, output: str, as_uid: bool, as_name: bool) -> None:
    """Show an archived workflow, by its name or its uid."""
    archived.check_identity(as_uid, as_name)
    found = _archive(remote).get(_uid(remote, name, as_uid, as_name))
    write(archived.one(found, output))


@archive.command()
@click.argument("names", nargs=-1, required=True)
@archived.identity_options
@with_server
def delete(remote: Remote, names: tuple[str, ...], as_uid: bool, as_name: bool) -> None:
    """Remove workflows from the archive, by their names or uids."""
    archived.check_identity(as_uid, as_name)
    for name in names:
        _archive(remote).delete(_uid(remote, name, as_uid, as_name))
        write(f"Archived workflow '{name}' deleted\n")


@archive.command()
@with_server
def list_label_keys(remote: Remote) -> None:
    """List the labels of archived workflows, of all namespaces."""
    write("".join(f"{key}\n" for key in _archive(remote).label_keys()))


@archive.command()
@archived.key_option
@with_server
def list_label_values(remote: Remote, key: str) -> None:
    """List the values of a label of archived workflows, of all namespaces."""
    write("".join(f"{value}\n" for value in _archive(remote).label_values(key)))


@archive.command()
@archived.again_options
@memoized_option
@with_server
def resubmit(remote: Remote, names: tuple[str, ...], **values: Any) -> int:
    """Run archived workflows anew under another name."""
    return _again(remote, names, "resubmit", {"memoized": values["memoized"]}, values)


@archive.command()
@archived.again_options
@restart_options
@with_server
def retry(remote: Remote, names: tuple[str, ...], **values: Any) -> int:
    """Let archived workflows that are gone come back, and go on from what failed."""
    body: JsonObject = {
        "restartSuccessful": values["restart_successful"],
        "nodeFieldSelector": values["selector"],
    }
    return _again(remote, names, "retry", body, values)


def _again(
    remote: Remote, names: tuple[str, ...], verb: str, body: JsonObject, values: dict[str, Any]
) -> int:
    archived.check_wanted(names, values)
    kept = _archive(remote)
    found = []
    if values["labels"] or values["fields"]:
        listed: list[dict[str, Any]] = [*kept.list(values["labels"], values["fields"])]
        found = [str(item["metadata"]["uid"]) for item in listed]
    found += [_uid(remote, name, values["as_uid"], values["as_name"]) for name in names]
    asked: JsonObject = {**body, "parameters": [*values["parameters"]]}
    made = [kept.act(uid, verb, asked) for uid in dict.fromkeys(found)]
    return afterwards(remote, made, of_one(made, values), archived.one)
