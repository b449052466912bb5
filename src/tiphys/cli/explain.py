"""`tiphys explain`."""

from __future__ import annotations

import click

from tiphys.cli.session import Session, is_asynchronous, with_session, write


@click.command()
@click.argument("name")
@click.argument("node", default="")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
@with_session
@is_asynchronous
async def explain(session: Session, name: str, node: str, output: str) -> None:
    """Tell why a workflow is as it is; with NODE, the whole story of that node.

    NODE is a name, a display name or an id, also of a step or task that has not begun; @latest is
    the newest workflow. All times are UTC.
    """
    import msgspec

    from tiphys.app import local
    from tiphys.cli.render.story import render_story

    with local(session.settings) as home:
        found = await home.explainer.explain(session.namespace, name, node)
    document = msgspec.to_builtins(found)
    if output == "json":
        write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")
    else:
        write(render_story(document))
