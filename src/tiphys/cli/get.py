"""`tiphys get`."""

from __future__ import annotations

from typing import Any

import click

from tiphys.cli.options import get_options
from tiphys.cli.session import Session, is_asynchronous, with_session, write
from tiphys.cli.styling import tree_style


@click.command()
@get_options
@with_session
@is_asynchronous
async def get(session: Session, names: tuple[str, ...], **options: Any) -> None:
    """Show workflows and their trees; @latest is the newest."""
    from tiphys.app import local
    from tiphys.cli import printing
    from tiphys.cli.background import say_if_nobody_drives
    from tiphys.cli.collected import say_what_stays
    from tiphys.cli.left import say_what_goes_on

    style = tree_style(session.colour, **options)
    with local(session.settings) as home:
        for name in names:
            row = await home.store.find(session.namespace, name)
            output = options["output"]
            write(printing.one(await home.viewer.whole(row), output, style))
            if output in {None, "short", "wide"}:
                await say_if_nobody_drives(home, row)
                await say_what_stays(home, row)
                if row.done:
                    await say_what_goes_on(home, row)
