"""`tiphys sync`: the limits of semaphores, in ConfigMaps or in the database of a home.

Source: argo cmd/argo/commands/sync; reference/cli.md 15.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

from tiphys.cli.kinds import OneOf
from tiphys.cli.options import group, stacked
from tiphys.cli.session import Session, is_asynchronous, with_session, write
from tiphys.errors import TiphysError, UserError

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.service.sync_limits import Key

key_options = stacked(
    click.argument("key"),
    click.option("--type", "kind", metavar="TYPE", help="`database` or `configmap`."),
    click.option("--cm-name", "config_map", default="", metavar="NAME", help="Which one."),
)
output_option = click.option("-o", "--output", type=OneOf(["name", "json", "yaml"]))
limit_option = click.option("--limit", type=int, metavar="N", help="How many may hold it at once.")

CHANGES = {
    "create": "Give the semaphore KEY a limit; a ConfigMap that is not there is made.\n\n"
    "For example: tiphys sync create pool --type database --limit 3",
    "update": "Change the limit of the semaphore KEY; who holds it already keeps it.",
}
"""The verbs that change a limit, and what is said of them."""
_T = TypeVar("_T")

sync = group("sync", "Manage the limits of semaphores.")


def _changing(verb: str, text: str) -> click.Command:
    @click.command(verb, help=text)
    @key_options
    @limit_option
    @with_session
    @is_asynchronous
    async def change(
        session: Session, key: str, kind: str | None, config_map: str, limit: int | None
    ) -> None:
        require(limit=limit, type=kind)
        wanted = key_of(session.namespace, key, kind, config_map)
        found = await _asked(session, verb, lambda home: _changed(home, verb, wanted, limit))
        write(f"Sync limit {verb}d\n{shown(wanted, found)}")

    return change


for _verb, _text in CHANGES.items():
    sync.add_command(_changing(_verb, _text))


@sync.command()
@key_options
@output_option
@with_session
@is_asynchronous
async def get(
    session: Session, key: str, kind: str | None, config_map: str, output: str | None
) -> None:
    """Show the limit of the semaphore KEY."""
    require(type=kind)
    wanted = key_of(session.namespace, key, kind, config_map)
    found = await _asked(session, "get", lambda home: home.sync_limits().get(wanted))
    write(printed(wanted, found, output))


@sync.command()
@key_options
@with_session
@is_asynchronous
async def delete(session: Session, key: str, kind: str | None, config_map: str) -> None:
    """Remove the limit of the semaphore KEY."""
    require(type=kind)
    wanted = key_of(session.namespace, key, kind, config_map)
    await _asked(session, "delete", lambda home: home.sync_limits().delete(wanted))
    write("Sync limit deleted\n")


async def _asked(session: Session, verb: str, ask: Callable[[Local], Awaitable[_T]]) -> _T:
    """Return what a home answers. Raises UserError in Argo's words."""
    from tiphys.app import local

    with local(session.settings) as home:
        try:
            return await ask(home)
        except TiphysError as exc:
            raise UserError(f"failed to {verb} sync limit: {exc}") from exc


async def _changed(home: Local, verb: str, key: Key, limit: int | None) -> int:
    limits = home.sync_limits()
    if verb == "create":
        return await limits.create(key, limit)
    return await limits.update(key, limit)


def require(**given: object) -> None:
    """Raise UsageError, in Argo's words, if options are missing that have to be there."""
    missing = ", ".join(f'"{name}"' for name, value in sorted(given.items()) if value is None)
    if missing:
        raise click.UsageError(f"required flag(s) {missing} not set")


def key_of(namespace: str, key: str, kind: str | None, config_map: str) -> Key:
    """Return the key of a limit. Raises UserError for a type that there is not."""
    from tiphys.service.sync_limits import Key

    match (kind or "").lower():
        case "database":
            return Key("DATABASE", namespace, "", key)
        case "configmap":
            if not config_map:
                raise UserError("--cm-name is required when type is configmap")
            return Key("CONFIGMAP", namespace, config_map, key)
        case _:
            raise UserError("--type must be either 'database' or 'configmap'")


def shown(key: Key, limit: int) -> str:
    """Return a limit as lines."""
    lines = [f"Key: {key.key}", f"Type: {key.kind.lower()}"]
    if key.config_map:
        lines.append(f"ConfigMap Name: {key.config_map}")
    lines += [f"Namespace: {key.namespace}", f"Limit: {limit}"]
    return "".join(f"{line}\n" for line in lines)


def printed(key: Key, limit: int, output: str | None) -> str:
    """Return a limit as `-o` wants it: as the server's API writes it, its name, or lines."""
    from tiphys.cli.render.output import to_json, to_yaml
    from tiphys.service.sync_limits import document

    found = document(key, limit)
    match output:
        case "json":
            return to_json(found)
        case "yaml":
            return to_yaml(found)
        case "name":
            return f"{key.key}\n"
        case _:
            return shown(key, limit)
