"""`tiphys cp`: the artifacts of a workflow as files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tiphys.cli.options import stacked
from tiphys.cli.session import Session, is_asynchronous, settings_option, with_session

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.ports import RunRow
    from tiphys.service.outputs import Output


cp_options = stacked(
    click.argument("name"),
    click.argument("folder", type=click.Path(file_okay=False, path_type=Path)),
    click.option("--node-id", default="", help="Only of this node."),
    click.option("--template-name", "template", default="", help="Only of nodes of this template."),
    click.option("--artifact-name", "artifact", default="", help="Only artifacts of this name."),
    click.option(
        "--path",
        default="",
        metavar="PATTERN",
        help="Where below FOLDER: {namespace}/{workflowName}/{nodeId}/outputs/"
        "{artifactName}; there is also {templateName}.",
    ),
)
"""The arguments and options of `cp`."""


@click.command()
@cp_options
@settings_option
@with_session
@is_asynchronous
async def cp(session: Session, name: str, folder: Path, **values: str) -> None:
    """Copy the output artifacts of the workflow NAME to FOLDER; archives are not unpacked.

    What artifactGC has deleted is skipped. @latest is the newest workflow. For example: tiphys cp
    @latest out --artifact-name report
    """
    from tiphys.app import local
    from tiphys.service.outputs import Kept, Wanted, outputs_of, placed

    with local(session.settings) as home:
        row = await home.store.find(session.namespace, name)
        pattern = values.pop("path")
        kept = Kept(home.store, home.store.deletions)
        found = await outputs_of(kept, row, Wanted(**values))
        for output, place in placed(found, row.namespace, row.name, pattern):
            if not is_skipped(output):
                await _copy(home, row, output, folder / place)


def is_skipped(output: Output) -> bool:
    """Tell whether an artifact is gone, and say so."""
    if output.is_gone:
        sys.stderr.write(f'Skipped "{output.file}" of {output.node.name}: deleted by artifactGC\n')
    return output.is_gone


async def _copy(home: Local, row: RunRow, output: Output, to: Path) -> None:
    """Copy one artifact and say so, in Argo's words."""
    from tiphys.cli.artifacts import fetch

    await fetch(home, row, output, to)
    sys.stderr.write(f'Created "{output.file}"\n')
