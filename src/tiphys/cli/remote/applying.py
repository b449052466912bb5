"""`apply` against a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tiphys.cli.options import strict_option
from tiphys.cli.remote.connecting import Remote, with_server
from tiphys.cli.remote.things import (
    can_be_sent,
    cron_things,
    object_things,
    sent,
    template_things,
)
from tiphys.cli.writing import write
from tiphys.errors import InvalidDocument

if TYPE_CHECKING:
    from tiphys.service.documents import Loaded


@click.command()
@click.option("-f", "--filename", "files", multiple=True, metavar="FILE", help="What to keep.")
@click.argument("more", nargs=-1, metavar="[FILE]...")
@strict_option
@with_server
def apply(remote: Remote, files: tuple[str, ...], more: tuple[str, ...], strict: bool) -> None:
    """Keep the objects of files on the server: templates, CronWorkflows, ConfigMaps, Jobs.

    What is kept already is brought up to date. The server checks them one after another. It has
    no way to keep what is in no namespace: that is refused before anything is sent. All but
    templates and CronWorkflows want a server of Tiphys.
    """
    from tiphys.cli.apply import check_no_workflows
    from tiphys.library.files import read_sources
    from tiphys.service.documents import load

    names = (*files, *more)
    if not names:
        raise click.UsageError("must specify one of -f")
    loaded = load(read_sources(names), strict)
    check_no_workflows(loaded)
    _check_can_be_sent(loaded)
    every = [
        *object_things(remote, loaded),
        *template_things(remote, loaded),
        *cron_things(remote, loaded),
    ]
    for thing, verb in sent(every, replaces=True):
        write(f"{thing.label} {verb}\n")


def _check_can_be_sent(loaded: Loaded) -> None:
    reason = "a server has no way to keep this kind"
    hint = "apply it in the server's home, or with kubectl in a cluster"
    lost = [item for _, item in loaded.others if not can_be_sent(item)]
    lost += [item for _, item in loaded.bindings]
    if lost:
        raise InvalidDocument([item.finding(reason, ("kind",), hint=hint) for item in lost])
