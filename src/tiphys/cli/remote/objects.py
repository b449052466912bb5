"""`objects` against a server of ours: what it keeps and runs besides workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiphys.cli.log_query import line_of
from tiphys.cli.objects import (
    delete_options,
    deleted,
    get_options,
    listed,
    logs_options,
    ls_options,
    named,
    names_of,
    need_one_way,
    one,
    shown,
    types_of,
)
from tiphys.cli.options import group
from tiphys.cli.remote.connecting import Remote, with_server
from tiphys.cli.writing import write
from tiphys.client.objects import Objects

if TYPE_CHECKING:
    from tiphys.client.http import JsonObject

objects = group("objects", "Look after Jobs, Pods and other objects of the server.")


@objects.command("ls")
@ls_options
@with_server
def ls(
    remote: Remote, types: tuple[str, ...], everywhere: bool, output: str | None, **chosen: str
) -> None:
    """List objects: those of TYPES, or all but what Jobs have made.

    TYPES are as kubectl names them: job, vcjob, pod, pvc. For example: tiphys objects ls pods
    """
    place = Objects(remote.client, "" if everywhere else remote.namespace)
    write(listed(place.list(types_of(types), **chosen), output, everywhere))


@objects.command("get")
@get_options
@with_server
def get(remote: Remote, words: tuple[str, ...], output: str | None) -> None:
    """Show objects, with the pods of each. For example: tiphys objects get job/train"""
    place = Objects(remote.client, remote.namespace)
    for kind, name in named(words):
        found = place.get(kind, name)
        write(shown(found, _pods(place, found), output, remote.colour))


def _pods(place: Objects, document: JsonObject) -> list[JsonObject]:
    metadata = document.get("metadata")
    uid = metadata.get("uid") if isinstance(metadata, dict) else ""
    return place.list(["pod"], owner=str(uid)) if uid and document["kind"] != "Pod" else []


@objects.command("logs")
@logs_options
@with_server
def logs(remote: Remote, words: tuple[str, ...], container: str, follow: bool) -> None:
    """Show what the pods of an object wrote. For example: tiphys objects logs job/train -f"""
    for pod, content in Objects(remote.client, remote.namespace).logs(
        *one(words), container, follow
    ):
        write(line_of(pod, content, remote.colour))


@objects.command("delete")
@delete_options
@with_server
def delete(remote: Remote, words: tuple[str, ...], workflow: str, dry_run: bool) -> None:
    """Delete objects; what runs of them is ended, within the grace period of its pods.

    For example: tiphys objects delete job/train, or --workflow NAME for all that one made.
    """
    need_one_way(words, workflow)
    place = Objects(remote.client, remote.namespace)
    chosen = named(words) if words else []
    if workflow:
        made = place.list(workflow=workflow)
        chosen = [one([name]) for name in names_of(made).split()]
    for kind, name in chosen:
        found = place.get(kind, name) if dry_run else place.delete(kind, name)
        write(deleted(found, dry_run))
    if workflow and not chosen:
        write("No resources found\n")
