"""`sync` against a server: the limits of semaphores there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from tiphys.cli.remote.connecting import Remote, with_server
from tiphys.cli.sync import config_map_option, key_of, limit_option, require, shown, type_option
from tiphys.cli.writing import write
from tiphys.client.limits import Limits
from tiphys.errors import TiphysError, UserError

_T = TypeVar("_T")


@click.group(invoke_without_command=True)
@click.pass_context
def sync(context: click.Context) -> None:
    """Manage the limits of semaphores of the server."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _changing(verb: str, help_: str) -> click.Command:
    @click.command(verb, help=help_)
    @click.argument("key")
    @type_option
    @config_map_option
    @limit_option
    @with_server
    def change(
        remote: Remote, key: str, kind: str | None, config_map: str, limit: int | None
    ) -> None:
        require(limit=limit, type=kind)
        wanted = key_of(remote.namespace, key, kind, config_map)
        limits = Limits(remote.client, remote.namespace, wanted.kind, config_map)
        done = limits.create if verb == "create" else limits.update
        found = _asked(verb, lambda: done(key, limit or 0))
        write(f"Sync limit {verb}d\n{shown(wanted, found)}")

    return change


for _verb, _help in (
    ("create", "Give the semaphore KEY a limit."),
    ("update", "Change the limit of the semaphore KEY; who holds it already keeps it."),
):
    sync.add_command(_changing(_verb, _help))


@sync.command()
@click.argument("key")
@type_option
@config_map_option
@with_server
def get(remote: Remote, key: str, kind: str | None, config_map: str) -> None:
    """Show the limit of the semaphore KEY."""
    require(type=kind)
    wanted = key_of(remote.namespace, key, kind, config_map)
    limits = Limits(remote.client, remote.namespace, wanted.kind, config_map)
    write(shown(wanted, _asked("get", lambda: limits.get(key))))


@sync.command()
@click.argument("key")
@type_option
@config_map_option
@with_server
def delete(remote: Remote, key: str, kind: str | None, config_map: str) -> None:
    """Remove the limit of the semaphore KEY."""
    require(type=kind)
    wanted = key_of(remote.namespace, key, kind, config_map)
    limits = Limits(remote.client, remote.namespace, wanted.kind, config_map)
    _asked("delete", lambda: limits.delete(key))
    write("Sync limit deleted\n")


def _asked(verb: str, ask: Callable[[], _T]) -> _T:
    """Return what the server answers. Raises UserError in Argo's words."""
    try:
        return ask()
    except TiphysError as exc:
        raise UserError(f"failed to {verb} sync limit: {exc}") from exc
