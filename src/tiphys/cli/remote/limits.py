"""`sync` against a server: the limits of semaphores there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from tiphys.cli.options import group
from tiphys.cli.remote.connecting import Remote, with_server
from tiphys.cli.sync import (
    CHANGES,
    key_of,
    key_options,
    limit_option,
    output_option,
    printed,
    require,
    shown,
)
from tiphys.cli.writing import write
from tiphys.client.limits import Limits
from tiphys.errors import TiphysError, UserError

_T = TypeVar("_T")


sync = group("sync", "Manage the limits of semaphores of the server.")


def _changing(verb: str, text: str) -> click.Command:
    @click.command(verb, help=text)
    @key_options
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


for _verb, _text in CHANGES.items():
    sync.add_command(_changing(_verb, _text))


@sync.command()
@key_options
@output_option
@with_server
def get(remote: Remote, key: str, kind: str | None, config_map: str, output: str | None) -> None:
    """Show the limit of the semaphore KEY."""
    require(type=kind)
    wanted = key_of(remote.namespace, key, kind, config_map)
    limits = Limits(remote.client, remote.namespace, wanted.kind, config_map)
    write(printed(wanted, _asked("get", lambda: limits.get(key)), output))


@sync.command()
@key_options
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
