"""`tiphys explain`."""

from __future__ import annotations

import click

from tiphys.cli.options import explain_options
from tiphys.cli.session import Session, is_asynchronous, with_session, write


@click.command()
@explain_options
@with_session
@is_asynchronous
async def explain(session: Session, name: str, node: str, output: str) -> None:
    """Tell why a workflow is as it is; with NODE, the whole story of that node.

    NODE is a name, a display name or an id, also of a step or task that has not begun; @latest is
    the newest workflow. All times are UTC.
    """
    import msgspec

    from tiphys.app import local
    from tiphys.cli.printing import story

    with local(session.settings) as home:
        found = await home.explainer.explain(session.namespace, name, node)
    write(story(msgspec.to_builtins(found), output))
