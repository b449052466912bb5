"""`tiphys get`."""

from __future__ import annotations

import sys

import click

from tiphys.cli.session import Session, is_asynchronous, with_session, write
from tiphys.errors import UserError


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Choice(["name", "json", "yaml", "short", "wide"]))
@click.option("--status", default="", help="Only nodes in this phase.")
@click.option("--node-field-selector", "selector", default="", help="Only these nodes.")
@click.option("--no-utf8", is_flag=True, help="Plain ASCII.")
@with_session
@is_asynchronous
async def get(
    session: Session,
    names: tuple[str, ...],
    output: str | None,
    status: str,
    selector: str,
    no_utf8: bool,
) -> None:
    """Show workflows and their trees; @latest is the newest."""
    from tiphys.app import local
    from tiphys.cli import printing
    from tiphys.cli.background import say_if_nobody_drives
    from tiphys.cli.render import Style
    from tiphys.service.operations import node_filter

    if status and selector:
        raise UserError("cannot use both --status and --node-field-selector")
    wanted = f"phase={status}" if status else selector
    style = Style(
        form="short" if output == "short" else "wide" if output == "wide" else "default",
        colour=session.colour,
        utf8=not no_utf8 and (sys.stdout.encoding or "").lower().replace("-", "") == "utf8",
    )
    if wanted:
        style = Style(style.form, style.colour, style.utf8, None, node_filter(wanted))
    with local(session.settings) as home:
        for name in names:
            row = await home.store.find(session.namespace, name)
            write(printing.one(await home.viewer.whole(row), output, style))
            if output in {None, "short", "wide"}:
                await say_if_nobody_drives(home, row)
