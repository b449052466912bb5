"""`tiphys apply`: keep what workflows refer to, and what runs by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tiphys.cli.options import strict_option
from tiphys.cli.session import (
    Session,
    is_asynchronous,
    settings_option,
    with_session,
    write,
)
from tiphys.errors import InvalidDocument, UserError
from tiphys.library.files import read_sources

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.model.base import JsonObject
    from tiphys.service.documents import Loaded


@click.command()
@click.option("-f", "--filename", "files", multiple=True, metavar="FILE", help="What to keep.")
@click.argument("more", nargs=-1, metavar="[FILE]...")
@strict_option
@settings_option
@with_session
@is_asynchronous
async def apply(
    session: Session, files: tuple[str, ...], more: tuple[str, ...], strict: bool
) -> None:
    """Keep the objects of files: templates, ConfigMaps, Secrets, CronWorkflows, Jobs.

    What is kept already is brought up to date. If anything is wrong with one of them, none is
    kept. Workflows are not kept but run: `tiphys submit`.
    """
    from tiphys.app import local
    from tiphys.cli.background import ensure_engine
    from tiphys.service.documents import load
    from tiphys.service.stored import applied

    names = (*files, *more)
    if not names:
        raise click.UsageError("must specify one of -f")
    loaded = load(read_sources(names), strict)
    check_no_workflows(loaded)
    with local(session.settings) as home:
        for document in await _documents(session, home, loaded):
            kept, verb = await applied(home.objects, session.namespace, document)
            write(f"{_name(kept)} {verb}\n")
        if await home.has_work():
            ensure_engine(session)


def check_no_workflows(loaded: Loaded) -> None:
    """Refuse workflows among what is to be kept. Raises InvalidDocument."""
    reason, hint = "a Workflow is run, not kept", "use `tiphys submit` or `tiphys run`"
    found = [item.finding(reason, ("kind",), hint=hint) for _, item in loaded.workflows]
    if found:
        raise InvalidDocument(found)


async def _documents(session: Session, home: Local, loaded: Loaded) -> list[JsonObject]:
    """Return what is to be kept, checked, what others may refer to first."""
    from tiphys.compile.triggers.binding_faults import binding_findings
    from tiphys.model.codec import encode
    from tiphys.service.templates import Given, Templates

    templates = Templates(home.objects)
    found, beside = [document for document, _ in loaded.others], loaded.beside()
    findings = []
    for template, origin in loaded.templates:
        place = template.metadata.namespace or session.namespace
        try:
            made = await templates.checked(template, Given(place, None, beside, origin))
            found.append(encode(made))
        except InvalidDocument as exc:
            findings += exc.findings
    for cron, origin in loaded.crons:
        try:
            kept = await home.crons.checked(cron, session.namespace, beside, origin)
            found.append(encode(kept))
        except InvalidDocument as exc:
            findings += exc.findings
    for binding, origin in loaded.bindings:
        findings += binding_findings(binding, origin)
        found.append(encode(binding))
    if findings:
        raise InvalidDocument(findings)
    for document in found:
        metadata = document.get("metadata")
        if not isinstance(metadata, dict) or not metadata.get("name"):
            raise UserError("error: resource name may not be empty: `apply` wants metadata.name")
        document.pop("status", None)
    return found


def _name(document: JsonObject) -> str:
    """Return an object as kubectl names it: `job.batch/x`."""
    from tiphys.model.kinds import group_of

    group = group_of(str(document.get("apiVersion", "")))
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else ""
    return f"{str(document.get('kind', '')).lower()}{'.' if group else ''}{group}/{name}"
