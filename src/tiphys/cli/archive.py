"""`tiphys archive`: what a home keeps of workflows that have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tiphys.cli import archived
from tiphys.cli.again import afterwards
from tiphys.cli.options import group, memoized_option, restart_options
from tiphys.cli.session import (
    Session,
    is_asynchronous,
    settings_option,
    with_session,
    write,
)

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.ports_server import Listed


archive = group(
    "archive", "Look after the archive: what a server keeps of workflows that have ended."
)


async def _documents(
    session: Session, home: Local, labels: str = "", fields: str = ""
) -> list[dict[str, Any]]:
    """Return the archived workflows that selectors match, in part. Raises UserError."""
    from tiphys.service.selection import Asked

    asked = Asked(session.namespace, labels, fields)
    found = (await home.shelf().page(asked)).items
    return [{**await home.viewer.shown(item)} for item in found]


async def _found(
    session: Session, home: Local, identifier: str, as_uid: bool, as_name: bool
) -> Listed:
    """Return the archived workflow that is meant. Raises NotFound, UserError."""
    uid = identifier
    if not archived.is_uid(identifier, as_uid, as_name):
        alike = await _documents(session, home, fields=f"metadata.name={identifier}")
        uid = archived.uid_of(identifier, alike)
    return await home.shelf().find(uid, "", "")


@archive.command(name="list")
@archived.list_options
@settings_option
@with_session
@is_asynchronous
async def list_(session: Session, output: str, labels: str, chunk: int) -> None:  # noqa: ARG001 - for servers
    """List archived workflows."""
    from tiphys.app import local

    with local(session.settings, archives=session.settings.server.archive) as home:
        write(archived.several(await _documents(session, home, labels), output))


@archive.command()
@click.argument("name")
@archived.get_output_option
@archived.identity_options
@settings_option
@with_session
@is_asynchronous
async def get(session: Session, name: str, output: str, as_uid: bool, as_name: bool) -> None:
    """Show an archived workflow, by its name or its uid."""
    from tiphys.app import local

    archived.check_identity(as_uid, as_name)
    with local(session.settings, archives=session.settings.server.archive) as home:
        item = await _found(session, home, name, as_uid, as_name)
        write(
            archived.one(dict(await home.viewer.shown(await home.shelf().document(item))), output)
        )


@archive.command()
@click.argument("names", nargs=-1, required=True)
@archived.identity_options
@settings_option
@with_session
@is_asynchronous
async def delete(session: Session, names: tuple[str, ...], as_uid: bool, as_name: bool) -> None:
    """Remove workflows from the archive, by their names or uids."""
    from tiphys.app import local

    archived.check_identity(as_uid, as_name)
    with local(session.settings, archives=session.settings.server.archive) as home:
        for name in names:
            await home.forget_archived(await _found(session, home, name, as_uid, as_name))
            write(f"Archived workflow '{name}' deleted\n")


@archive.command()
@settings_option
@with_session
@is_asynchronous
async def list_label_keys(session: Session) -> None:
    """List the labels of archived workflows, of all namespaces."""
    from tiphys.app import local

    with local(session.settings, archives=session.settings.server.archive) as home:
        write("".join(f"{key}\n" for key in await home.shelf().label_names("")))


@archive.command()
@archived.key_option
@settings_option
@with_session
@is_asynchronous
async def list_label_values(session: Session, key: str) -> None:
    """List the values of a label of archived workflows, of all namespaces."""
    from tiphys.app import local

    with local(session.settings, archives=session.settings.server.archive) as home:
        write("".join(f"{value}\n" for value in await home.shelf().label_values("", key)))


@archive.command()
@archived.again_options
@memoized_option
@settings_option
@with_session
@is_asynchronous
async def resubmit(session: Session, names: tuple[str, ...], **values: Any) -> int:
    """Run archived workflows anew under another name."""
    from tiphys.app import local
    from tiphys.ports import RunRow
    from tiphys.service.again import ResubmitOptions
    from tiphys.service.create import Creation
    from tiphys.service.submit import Overrides, parse_parameters

    archived.check_wanted(names, values)
    options = ResubmitOptions(values["memoized"], parse_parameters(values["parameters"]))
    given = Overrides(parameters=options.parameters)
    rows: list[RunRow] = []
    with local(session.settings, archives=session.settings.server.archive) as home:
        for item in await _meant(session, home, names, values):
            how = Creation(item.row.namespace, overrides=given)
            made = await home.archived().resubmit(item, options, how)
            rows += [made] if isinstance(made, RunRow) else []
        return await afterwards(session, home, rows, values, archived.one)


@archive.command()
@archived.again_options
@restart_options
@settings_option
@with_session
@is_asynchronous
async def retry(session: Session, names: tuple[str, ...], **values: Any) -> int:
    """Let archived workflows that are gone come back, and go on from what failed."""
    from tiphys.app import local
    from tiphys.service.again import RetryOptions
    from tiphys.service.submit import parse_parameters

    archived.check_wanted(names, values)
    given = parse_parameters(values["parameters"])
    options = RetryOptions(values["restart_successful"], values["selector"], given)
    with local(session.settings, archives=session.settings.server.archive) as home:
        items = await _meant(session, home, names, values)
        rows = [await home.archived().retry(item, options) for item in items]
        return await afterwards(session, home, rows, values, archived.one)


async def _meant(
    session: Session, home: Local, names: tuple[str, ...], values: dict[str, Any]
) -> list[Listed]:
    """Return the workflows that selectors match, then those named; each once."""
    found: list[Listed] = []
    if values["labels"] or values["fields"]:
        documents = await _documents(session, home, values["labels"], values["fields"])
        uids = [str(item["metadata"]["uid"]) for item in documents]
        found = [await home.shelf().find(uid, "", "") for uid in uids]
    how = values["as_uid"], values["as_name"]
    found += [await _found(session, home, name, *how) for name in names]
    return list({item.row.run: item for item in found}.values())
