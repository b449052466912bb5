"""`tiphys objects`: Jobs, Pods and other objects of a home that have no verb of their own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import click

from tiphys.cli.left import say_if_nobody_keeps
from tiphys.cli.log_query import line_of
from tiphys.cli.options import OUTPUT, group, stacked
from tiphys.cli.session import Session, is_asynchronous, settings_option, with_session, write
from tiphys.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiphys.app import Local
    from tiphys.model.base import JsonObject
    from tiphys.service.kept_objects import KeptObjects

_WORDS: Final = "TYPE/NAME..."
_workflow_option: Final = click.option(
    "--workflow", default="", metavar="NAME", help="Only those that this workflow made."
)
output_option: Final = click.option("-o", "--output", type=OUTPUT)
ls_options: Final = stacked(
    click.argument("types", nargs=-1, metavar="[TYPES]..."),
    click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Of all namespaces."),
    click.option("-l", "--selector", "labels", default="", help="Only those with these labels."),
    _workflow_option,
    output_option,
)
get_options: Final = stacked(click.argument("words", nargs=-1, metavar=_WORDS), output_option)
logs_options: Final = stacked(
    click.argument("words", nargs=-1, metavar="TYPE/NAME"),
    click.option("-c", "--container", default="", help="Which one's, if a pod has several."),
    click.option("-f", "--follow", is_flag=True, help="Until it is at work no more."),
)
delete_options: Final = stacked(
    click.argument("words", nargs=-1, metavar=_WORDS),
    _workflow_option,
    click.option("--dry-run", is_flag=True, help="Only say what would be deleted."),
)

_FOR_PEOPLE: Final = (None, "wide")

objects = group("objects", "Look after Jobs, Pods and other objects.")


def named(words: Sequence[str]) -> list[tuple[str, str]]:
    """Return types and names: `job/x pod/y`, or `job x y`. Raises UsageError."""
    if not words:
        raise click.UsageError("name an object: TYPE/NAME, for example job/train")
    if not any("/" in word for word in words):
        if len(words) == 1:
            raise click.UsageError(f"which {words[0]}? For example {words[0]}/NAME")
        return [(words[0], name) for name in words[1:]]
    found = [(kind, name) for kind, _, name in (word.partition("/") for word in words)]
    for word, (kind, name) in zip(words, found, strict=True):
        if not kind or not name or "/" in name:
            raise click.UsageError(f'"{word}" is not TYPE/NAME')
    return found


def one(words: Sequence[str]) -> tuple[str, str]:
    """Return the type and name of the only object. Raises UsageError."""
    found = named(words)
    if len(found) > 1:
        raise click.UsageError("name one object")
    return found[0]


def listed(documents: Sequence[JsonObject], output: str | None, everywhere: bool) -> str:
    """Return objects as text in a form of output."""
    from tiphys.cli.render.objects import render_objects
    from tiphys.cli.render.output import documents as written

    if output == "name":
        return names_of(documents)
    plain = [dict(item) for item in documents]
    text = written(plain, output)
    return (
        render_objects(plain, time.time(), output == "wide", everywhere) if text is None else text
    )


def names_of(documents: Sequence[JsonObject]) -> str:
    """Return objects as kubectl names them, one a line: words that `objects delete` takes."""
    from tiphys.service.kept_objects import shown_name

    return "".join(f"{shown_name(item)}\n" for item in documents)


def shown(
    document: JsonObject, pods: Sequence[JsonObject], output: str | None, colour: bool
) -> str:
    """Return an object as text in a form of output."""
    from tiphys.cli import printing
    from tiphys.cli.render import Style
    from tiphys.cli.render.objects import render_object

    plain, style = dict(document), Style(colour=colour)
    if output == "name":
        return names_of([document])
    if output in {"json", "yaml"}:
        return printing.one(plain, output, style)
    return render_object(plain, [dict(pod) for pod in pods], time.time(), style)


def deleted(document: JsonObject, dry_run: bool) -> str:
    """Return what is said of an object that was deleted."""
    kind, _, name = names_of([document]).strip().partition("/")
    return f'{kind} "{name}" deleted{" (dry-run)" if dry_run else ""}\n'


def need_one_way(words: Sequence[str], workflow: str) -> None:
    """Raise UserError unless objects are either named, or those of a workflow."""
    if bool(words) == bool(workflow):
        raise UserError("name objects, TYPE/NAME, or the workflow that made them: --workflow")


# -------------------------------------------------------------------------------- of a home


def _kept(home: Local) -> KeptObjects:
    from tiphys.service.kept_objects import KeptObjects

    return KeptObjects(home.objects)


@objects.command("ls")
@ls_options
@with_session
@is_asynchronous
async def ls(
    session: Session, types: tuple[str, ...], everywhere: bool, output: str | None, **chosen: str
) -> None:
    """List objects: those of TYPES, or all but what Jobs have made.

    TYPES are as kubectl names them: job, vcjob, pod, pvc. For example: tiphys objects ls pods
    """
    from tiphys.app import local
    from tiphys.service.kept_objects import Asked

    asked = Asked(types=types_of(types), **chosen)
    with local(session.settings) as home:
        found = await _kept(home).list("" if everywhere else session.namespace, asked)
        write(listed(found, output, everywhere))
        if output in _FOR_PEOPLE:
            await say_if_nobody_keeps(home, found)


def types_of(words: Sequence[str]) -> list[str]:
    """Return the types of `ls`: words, or several in one with commas between."""
    return [kind for word in words for kind in word.split(",") if kind]


@objects.command("get")
@get_options
@with_session
@is_asynchronous
async def get(session: Session, words: tuple[str, ...], output: str | None) -> None:
    """Show objects, with the pods of each. For example: tiphys objects get job/train"""
    from tiphys.app import local

    with local(session.settings) as home:
        for kind, name in named(words):
            found = await _kept(home).get(session.namespace, kind, name)
            pods = await home.pod_logs().pods(found)
            write(shown(found, pods if found["kind"] != "Pod" else (), output, session.colour))
            if output in _FOR_PEOPLE:
                await say_if_nobody_keeps(home, [found])


@objects.command("logs")
@logs_options
@settings_option
@with_session
@is_asynchronous
async def logs(session: Session, words: tuple[str, ...], container: str, follow: bool) -> None:
    """Show what the pods of an object wrote. For example: tiphys objects logs job/train -f"""
    from tiphys.app import local
    from tiphys.cli.background import ensure_engine

    with local(session.settings) as home:
        found = await _kept(home).get(session.namespace, *one(words))
        if follow and await home.has_objects_at_work():
            ensure_engine(session)
        async for line in home.pod_logs().lines(found, container, follow):
            write(line_of(line.pod, line.content, session.colour))


@objects.command("delete")
@delete_options
@settings_option
@with_session
@is_asynchronous
async def delete(session: Session, words: tuple[str, ...], workflow: str, dry_run: bool) -> None:
    """Delete objects; what runs of them is ended, within the grace period of its pods.

    For example: tiphys objects delete job/train, or --workflow NAME for all that one made.
    """
    from tiphys.app import local
    from tiphys.cli.background import ensure_engine
    from tiphys.service.kept_objects import Asked

    need_one_way(words, workflow)
    place = session.namespace
    with local(session.settings) as home:
        kept = _kept(home)
        chosen = named(words) if words else ()
        if workflow:
            made = await kept.list(place, Asked(workflow=workflow))
            chosen = [one([name]) for name in names_of(made).split()]
        for kind, name in chosen:
            do = kept.get if dry_run else kept.delete
            write(deleted(await do(place, kind, name), dry_run))
        if not dry_run and await home.has_objects_at_work():
            ensure_engine(session)  # what their pods run is still to be ended
    if workflow and not chosen:
        write("No resources found\n")
