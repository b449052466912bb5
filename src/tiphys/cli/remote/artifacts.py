"""`artifacts` and `cp` through a server, which reads them from their stores."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from tiphys.cli.artifacts import get_options, inputs_option, target_of
from tiphys.cli.cp import cp_options, is_skipped
from tiphys.cli.options import output_option
from tiphys.cli.remote.connecting import Remote, with_server
from tiphys.cli.writing import write
from tiphys.client.workflows import is_live
from tiphys.errors import Permanent, UserError

if TYPE_CHECKING:
    from tiphys.client.http import JsonObject
    from tiphys.service.fetching import Shelf
    from tiphys.service.outputs import Output


@click.group()
def artifacts() -> None:
    """List and fetch the artifacts of a workflow of the server."""


def _shelf(remote: Remote, name: str, inputs: bool) -> Shelf:
    """Return the artifacts of a workflow. Raises NotFound."""
    from tiphys.service.fetching import Shelf
    from tiphys.service.outputs import artifacts_in

    workflow = remote.workflows.get(name)
    side = "inputs" if inputs else "outputs"
    nodes, found = artifacts_in(workflow, "inputs" if inputs else "outputs")
    for item in found:
        for text in (item.node.id, item.artifact.name, _template(item)):
            _check_name(text)
    archived = "" if is_live(workflow) else _meta(workflow, "uid")
    return Shelf(_meta(workflow, "name"), side, nodes, found, archived)


def _template(item: Output) -> str:
    from tiphys.service.outputs import template_of

    return template_of(item.node)


def _check_name(text: str) -> None:
    """Refuse a name that would lead elsewhere as a part of a path: a server is a stranger."""
    if "/" in text or text in {".", ".."}:
        raise Permanent(f"the server gives a name that is none: {text!r}")


def _meta(workflow: JsonObject, key: str) -> str:
    metadata = workflow.get("metadata")
    return str(metadata.get(key) or "") if isinstance(metadata, dict) else ""


def _download(remote: Remote, shelf: Shelf, found: Output, sink: BinaryIO) -> None:
    """Write the bytes of an artifact to `sink`; the archive's are asked for by uid."""
    where = (shelf.side, found.node.id, found.artifact.name)
    if shelf.archived:
        remote.workflows.download_archived(shelf.archived, *where, sink)
    else:
        remote.workflows.download(shelf.workflow, *where, sink)


@artifacts.command("ls")
@click.argument("name", metavar="WORKFLOW")
@click.argument("node", default="")
@inputs_option
@output_option
@with_server
def ls(remote: Remote, name: str, node: str, inputs: bool, output: str | None) -> None:
    """List the artifacts of WORKFLOW, or of one NODE of it.

    NODE is a node's id, its name, the name that `get` shows, or the name of its template. A server
    does not tell sizes.
    """
    from tiphys.cli.render.artifacts import Listed, render_artifacts

    listed = [Listed(item) for item in _shelf(remote, name, inputs).of(node)]
    write(render_artifacts(listed, output))


@artifacts.command("get")
@get_options
@with_server
def get(
    remote: Remote, name: str, node: str, artifact: str, inputs: bool, to: str, **how: bool
) -> None:
    """Fetch ARTIFACT of NODE of WORKFLOW; NODE is as in `tiphys artifacts ls`.

    It is written below the name it has in its store, unless -o says where. A directory that is not
    archived, or of a loop's items, cannot be fetched whole.
    """
    shelf = _shelf(remote, name, inputs)
    found = shelf.one(node, artifact)
    found.check_is_there()
    if to == "-":
        _check_is_file(found)
        _download(remote, shelf, found, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    target = target_of(found, to, how["unpack"], how["force"])
    _fetch(remote, shelf, found, target, how["unpack"])
    write(f"{target}\n")


@artifacts.command("open")
@click.argument("name", metavar="WORKFLOW")
@click.argument("node")
@click.argument("artifact")
@inputs_option
@with_server
def open_(remote: Remote, name: str, node: str, artifact: str, inputs: bool) -> None:
    """Fetch ARTIFACT, unpacked, to a temporary directory and print its path."""
    shelf = _shelf(remote, name, inputs)
    found = shelf.one(node, artifact)
    target = Path(tempfile.mkdtemp(prefix="tiphys-")) / found.artifact.name
    try:
        _fetch(remote, shelf, found, target, True)
    except BaseException:
        target.parent.rmdir()
        raise
    write(f"{target}\n")


@click.command()
@cp_options
@with_server
def cp(remote: Remote, name: str, folder: Path, **values: str) -> None:
    """Copy the output artifacts of the workflow NAME to FOLDER; archives are not unpacked.

    What artifactGC has deleted is skipped. @latest is the newest workflow.
    """
    from tiphys.service.outputs import Wanted, placed

    pattern = values.pop("path")
    shelf = _shelf(remote, name, False)
    wanted = Wanted(**values)
    found = [*filter(wanted.fits, shelf.outputs)]
    for output, place in placed(found, remote.namespace, shelf.workflow, pattern):
        if is_skipped(output):
            continue
        _fetch(remote, shelf, output, folder / place)
        sys.stderr.write(f'Created "{output.file}"\n')


def _check_is_file(found: Output) -> None:
    if found.artifact.items is not None:
        raise UserError(
            f"artifact {found.artifact.name} has a file for each item of a loop, which a server "
            "hands out one by one: fetch them from the nodes of the items"
        )


def _fetch(remote: Remote, shelf: Shelf, found: Output, to: Path, unpacks: bool = False) -> None:
    """Write an artifact to `to`, which appears when it is whole. Raises NotFound, Permanent."""
    from tiphys.service.fetching import put_in_place

    found.check_is_there()
    _check_is_file(found)
    arrived = to.with_name(f".{to.name}.tiphys-part")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with arrived.open("wb") as sink:
            _download(remote, shelf, found, sink)
        put_in_place(arrived, to, found.artifact, unpacks)
    except OSError as exc:
        raise Permanent(f"artifact {found.artifact.name}: {exc}") from exc
    finally:
        arrived.unlink(missing_ok=True)
