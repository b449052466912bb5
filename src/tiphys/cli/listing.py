"""`tiphys list`."""

from __future__ import annotations

from typing import Any

import click

from tiphys.cli.filtering import list_options, test_of
from tiphys.cli.selecting import matching
from tiphys.cli.session import Session, is_asynchronous, with_session, write


@click.command(name="list")
@list_options
@with_session
@is_asynchronous
async def list_(
    session: Session, everywhere: bool, output: str | None, no_headers: bool, **filters: Any
) -> None:
    """List workflows: unfinished ones first, then the newest."""
    from tiphys.app import local
    from tiphys.cli import printing
    from tiphys.cli.render import ListStyle, sort_workflows

    is_wanted = test_of(filters)
    with local(session.settings) as home:
        place = None if everywhere else session.namespace
        rows = await matching(home, place, filters["labels"], filters["fields"])
        wide = output in {"wide", "json", "yaml"}
        found = []
        for row in rows:
            with_nodes = wide or not row.done  # what still runs may wait for a person
            viewer = home.viewer
            workflow = await (viewer.whole(row) if with_nodes else viewer.part(row))
            if is_wanted(workflow):
                found.append(workflow)
    style = ListStyle(wide=output == "wide", namespaces=everywhere, headers=not no_headers)
    write(printing.several([dict(item) for item in sort_workflows(found)], output, style))
