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
    the newest workflow. cronwf/NAME tells what came of the due times of a CronWorkflow. All times
    are UTC.
    """
    import msgspec

    from tiphys.app import local
    from tiphys.cli.printing import story
    from tiphys.service.explain_cron import explain_cron

    kind, _, cron = name.partition("/")
    if cron and (kind != "cronwf" or node):
        raise click.UsageError("only cronwf/NAME has a kind, and it has no nodes")
    with local(session.settings) as home:
        if cron:
            now = home.clock.now()
            told = await explain_cron(home.crons, home.store.ledger, session.namespace, cron, now)
            write(story(msgspec.to_builtins(told), output))
            return
        found = await home.explainer.explain(session.namespace, name, node)
    write(story(msgspec.to_builtins(found), output))
