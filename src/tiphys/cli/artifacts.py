"""`tiphys artifacts`: what the steps of a workflow made and were given, listed and fetched.

Ours: Argo has `cp` only.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tiphys.cli.options import output_option, stacked
from tiphys.cli.session import Session, is_asynchronous, settings_option, with_session, write
from tiphys.errors import Conflict, NotFound

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.cli.render.artifacts import Listed
    from tiphys.ports import RunRow
    from tiphys.service.downloads import Side
    from tiphys.service.fetching import Shelf
    from tiphys.service.outputs import Output

inputs_option = click.option(
    "--inputs", is_flag=True, help="What nodes were given, not what they made."
)
_LISTS_AT_ONCE = 8


@click.group()
def artifacts() -> None:
    """List and fetch the artifacts of a workflow."""


async def shelf_of(session: Session, home: Local, name: str, inputs: bool) -> tuple[RunRow, Shelf]:
    """Return a workflow and its artifacts. Raises NotFound, with the nearest name."""
    from tiphys.model.codec import suggestion
    from tiphys.service.fetching import Shelf
    from tiphys.service.outputs import Kept, artifacts_of

    try:
        row = await home.store.find(session.namespace, name)
    except NotFound as exc:
        known = [item.name for item in await home.store.list(session.namespace)]
        hint = suggestion(name, known)
        raise NotFound(f"{exc}; {hint}" if hint else str(exc)) from exc
    side: Side = "inputs" if inputs else "outputs"
    return row, Shelf(
        row.name, side, *await artifacts_of(Kept(home.store, home.store.deletions), row, side)
    )


@artifacts.command("ls")
@click.argument("name", metavar="WORKFLOW")
@click.argument("node", default="")
@inputs_option
@output_option
@settings_option
@with_session
@is_asynchronous
async def ls(session: Session, name: str, node: str, inputs: bool, output: str | None) -> None:
    """List the artifacts of WORKFLOW, or of one NODE of it.

    NODE is a node's id, its name, the name that `get` shows, or the name of its template. With
    -o wide sizes that no job has noted are asked of the store. What artifactGC did or could not do
    is a column of its own, as far as it has begun; -o wide and -o json tell why something failed.
    For example: tiphys artifacts ls @latest
    """
    from tiphys.app import local
    from tiphys.cli.render.artifacts import render_artifacts

    with local(session.settings) as home:
        row, shelf = await shelf_of(session, home, name, inputs)
        listed = [_listed(home, row, item) for item in shelf.of(node)]
        if output in {"wide", "json", "yaml"}:
            listed = await _with_sizes(home, row, listed)
    write(render_artifacts(listed, output))


def _listed(home: Local, row: RunRow, item: Output) -> Listed:
    from tiphys.cli.render.artifacts import Listed
    from tiphys.service.fetching import stored_size

    stored = stored_size(home.settings.home / "runs", row.run, item)
    if stored is None:
        return Listed(item)
    return Listed(item, stored.size_bytes, stored.sha256)


async def _with_sizes(home: Local, row: RunRow, listed: list[Listed]) -> list[Listed]:
    """Return the same with sizes that the stores tell; what a store cannot tell stays unknown."""
    from tiphys.service.fetching import size_at

    room = asyncio.Semaphore(_LISTS_AT_ONCE)
    drivers = home.drivers(row.namespace)

    async def one(item: Listed) -> Listed:
        if item.size_bytes is not None or item.output.is_gone:
            return item
        async with room:
            return item.sized(await size_at(drivers, item.output.artifact))

    return list(await asyncio.gather(*(one(item) for item in listed)))


get_options = stacked(
    click.argument("name", metavar="WORKFLOW"),
    click.argument("node"),
    click.argument("artifact"),
    inputs_option,
    click.option(
        "-o",
        "--output",
        "to",
        default="",
        metavar="PATH",
        help='Where to; a directory, a file, or "-" for standard output.',
    ),
    click.option("-x", "--unpack", is_flag=True, help="Unpack an archive."),
    click.option("-f", "--force", is_flag=True, help="Replace what is there."),
)
"""The arguments and options of `get`."""


@artifacts.command("get")
@get_options
@settings_option
@with_session
@is_asynchronous
async def get(
    session: Session, name: str, node: str, artifact: str, inputs: bool, to: str, **how: bool
) -> None:
    """Fetch ARTIFACT of NODE of WORKFLOW; NODE is as in `tiphys artifacts ls`.

    It is written below the name it has in its store, unless -o says where. What the items of a
    loop made becomes a directory. For example: tiphys artifacts get @latest train model -o m.bin
    """
    from tiphys.app import local

    with local(session.settings) as home:
        row, shelf = await shelf_of(session, home, name, inputs)
        found = shelf.one(node, artifact)
        found.check_is_there()
        if to == "-":
            await _to_stdout(home, row, found)
            return
        target = target_of(found, to, how["unpack"], how["force"])
        await fetch(home, row, found, target, how["unpack"])
    write(f"{target}\n")


def target_of(found: Output, to: str, unpacks: bool, replaces: bool) -> Path:
    """Return where an artifact is written. Raises Conflict if something is there already."""
    target = Path(to or ".")
    if target.is_dir():
        target /= found.artifact.name if unpacks else found.file
    if target.exists() and not replaces:
        raise Conflict(f"{target} exists; -f replaces it, -o says another place")
    return target


async def fetch(home: Local, row: RunRow, found: Output, to: Path, unpacks: bool = False) -> None:
    """Fetch one artifact to a file or directory and show how far it has come."""
    from tiphys.cli.moving import shown
    from tiphys.service.fetching import Fetching
    from tiphys.service.moving import Meter

    meter = Meter(found.artifact.name, "loading")
    async with shown(meter):
        drivers = home.drivers(row.namespace)
        await Fetching(drivers).fetch(found.artifact, to, meter, unpacks)


async def _to_stdout(home: Local, row: RunRow, found: Output) -> None:
    from tiphys.service.downloads import Files

    put: Callable[[bytes], object] = sys.stdout.buffer.write
    async for piece in await Files(home.drivers(row.namespace)).open(found.artifact):
        put(piece)
    sys.stdout.buffer.flush()


@artifacts.command("open")
@click.argument("name", metavar="WORKFLOW")
@click.argument("node")
@click.argument("artifact")
@inputs_option
@settings_option
@with_session
@is_asynchronous
async def open_(session: Session, name: str, node: str, artifact: str, inputs: bool) -> None:
    """Fetch ARTIFACT, unpacked, to a temporary directory and print its path.

    For example: less "$(tiphys artifacts open @latest report summary)"
    """
    from tiphys.app import local

    with local(session.settings) as home:
        row, shelf = await shelf_of(session, home, name, inputs)
        found = shelf.one(node, artifact)
        found.check_is_there()
        target = Path(tempfile.mkdtemp(prefix="tiphys-")) / found.artifact.name
        try:
            await fetch(home, row, found, target, True)
        except BaseException:
            target.parent.rmdir()
            raise
    write(f"{target}\n")
