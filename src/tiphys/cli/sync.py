"""`tiphys sync`: the limits of semaphores, in ConfigMaps or in the database of a home.

Source: argo cmd/argo/commands/sync; reference/cli.md 15.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tiphys.cli.session import Session, is_asynchronous, with_session, write
from tiphys.errors import TiphysError, UserError

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.service.sync_limits import Key

type_option = click.option("--type", "kind", metavar="TYPE", help="`database` or `configmap`.")
config_map_option = click.option(
    "--cm-name", "config_map", default="", metavar="NAME", help="Which one."
)
limit_option = click.option("--limit", type=int, metavar="N", help="How many may hold it at once.")


@click.group(invoke_without_command=True)
@click.pass_context
def sync(context: click.Context) -> None:
    """Manage the limits of semaphores."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@sync.command()
@click.argument("key")
@type_option
@config_map_option
@limit_option
@with_session
@is_asynchronous
async def create(
    session: Session, key: str, kind: str | None, config_map: str, limit: int | None
) -> None:
    """Give the semaphore KEY a limit; a ConfigMap that is not there is made.

    For example: tiphys sync create pool --type database --limit 3
    """
    require(limit=limit, type=kind)
    await _write_limit("create", key_of(session.namespace, key, kind, config_map), limit, session)


@sync.command()
@click.argument("key")
@type_option
@config_map_option
@limit_option
@with_session
@is_asynchronous
async def update(
    session: Session, key: str, kind: str | None, config_map: str, limit: int | None
) -> None:
    """Change the limit of the semaphore KEY; who holds it already keeps it."""
    require(limit=limit, type=kind)
    await _write_limit("update", key_of(session.namespace, key, kind, config_map), limit, session)


@sync.command()
@click.argument("key")
@type_option
@config_map_option
@with_session
@is_asynchronous
async def get(session: Session, key: str, kind: str | None, config_map: str) -> None:
    """Show the limit of the semaphore KEY."""
    from tiphys.app import local

    require(type=kind)
    wanted = key_of(session.namespace, key, kind, config_map)
    with local(session.settings) as home:
        try:
            found = await home.sync_limits().get(wanted)
        except TiphysError as exc:
            raise UserError(f"failed to get sync limit: {exc}") from exc
    write(shown(wanted, found))


@sync.command()
@click.argument("key")
@type_option
@config_map_option
@with_session
@is_asynchronous
async def delete(session: Session, key: str, kind: str | None, config_map: str) -> None:
    """Remove the limit of the semaphore KEY."""
    from tiphys.app import local

    require(type=kind)
    wanted = key_of(session.namespace, key, kind, config_map)
    with local(session.settings) as home:
        try:
            await home.sync_limits().delete(wanted)
        except TiphysError as exc:
            raise UserError(f"failed to delete sync limit: {exc}") from exc
    write("Sync limit deleted\n")


async def _write_limit(verb: str, key: Key, limit: int | None, session: Session) -> None:
    from tiphys.app import local

    with local(session.settings) as home:
        try:
            found = await _changed(home, verb, key, limit)
        except TiphysError as exc:
            raise UserError(f"failed to {verb} sync limit: {exc}") from exc
    write(f"Sync limit {verb}d\n{shown(key, found)}")


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
