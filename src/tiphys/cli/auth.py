"""`tiphys auth`: tokens for the server of a home."""

from __future__ import annotations

import getpass
import re
from typing import TYPE_CHECKING

import click

from tiphys.cli.kinds import OneOf
from tiphys.cli.session import Session, is_asynchronous, with_session, write
from tiphys.errors import UserError

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.model.base import Json

_AGE = re.compile(r"(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@click.group()
def auth() -> None:
    """Make, list and revoke tokens for the server of this home."""


@auth.command()
@click.option(
    "--role",
    type=click.Choice(["view", "edit", "admin"]),
    help="What it is good for; to be given.",
)
@click.option("--in", "namespaces", multiple=True, metavar="NAMESPACE", help="Only there.")
@click.option("--expires", default="1d", show_default=True, metavar="AGE", help="E.g. 12h, 30d.")
@click.option("--name", default="", help="Who it is for; shown in labels and in the audit log.")
@with_session
@is_asynchronous
async def token(
    session: Session, role: str | None, namespaces: tuple[str, ...], expires: str, name: str
) -> None:
    """Print a token, as `Authorization` and ARGO_TOKEN have it. It is shown only now.

    With ARGO_TOKEN set that is printed.
    """
    given = session.settings.environ.get("ARGO_TOKEN", "")
    if given:
        write(f"{given}\n")
        return
    if role is None:
        raise UserError("say what the token is for: --role view, --role edit or --role admin")
    from tiphys.app import local
    from tiphys.app_server import tokens
    from tiphys.auth.rules import grants_of

    grants = grants_of(role, namespaces)
    with local(session.settings) as home:
        made = await tokens(home).create(name or getpass.getuser(), grants, _seconds(expires))
        _note(home, "create token", f"{made.split('.')[1]} for {name or getpass.getuser()}: {role}")
    write(f"{made}\n")


@auth.command(name="list")
@click.option("-o", "--output", type=OneOf(["name", "json", "yaml"]))
@with_session
@is_asynchronous
async def list_(session: Session, output: str | None) -> None:
    """List tokens: their ids, never what they are."""
    from tiphys.app import local
    from tiphys.auth.rules import role_of
    from tiphys.cli.render.output import to_json, to_yaml
    from tiphys.model.times import time_text

    with local(session.settings) as home:
        rows = await home.store.tokens.list()
    found: list[dict[str, Json]] = [
        {
            "id": row.id,
            "name": row.name,
            "role": role_of(row.grants),
            "expiresAt": time_text(row.expires_at),
            "namespaces": [*sorted({place for one in row.grants[:-1] for place in one.namespaces})],
        }
        for row in rows
    ]
    if output == "name":
        write("".join(f"{row.id}\n" for row in rows))
    elif output == "json":
        write(to_json(found))
    elif output == "yaml":
        write(to_yaml([*found]))
    else:
        write(_table(found))


def _table(found: list[dict[str, Json]]) -> str:
    lines = [f"{'ID':<18}{'NAME':<24}{'ROLE':<7}{'EXPIRES':<22}NAMESPACES"]
    for row in found:
        places = row["namespaces"]
        shown = ",".join(map(str, places)) if isinstance(places, list) else ""
        lines.append(
            f"{row['id']:<18}{row['name']:<24}{row['role']:<7}{row['expiresAt']:<22}{shown}"
        )
    return "\n".join([*lines, ""])


@auth.command()
@click.argument("identities", nargs=-1, required=True)
@with_session
@is_asynchronous
async def revoke(session: Session, identities: tuple[str, ...]) -> None:
    """Let tokens count no more, at once."""
    from tiphys.app import local

    with local(session.settings) as home:
        for identity in identities:
            await home.store.tokens.revoke(identity)
            _note(home, "revoke token", identity)
            write(f"token {identity} revoked\n")


def _note(home: Local, action: str, thing: str) -> None:
    """Write in the audit log of a home what its owner did."""
    from tiphys.api.audit import Audit
    from tiphys.cli.server_logs import keep_audit

    keep_audit(home.settings.home)
    Audit(home.clock).note_here(getpass.getuser(), action, thing)


def _seconds(text: str) -> float:
    match = _AGE.fullmatch(text)
    if match is None:
        raise UserError(f"--expires {text}: expected a number and one of s, m, h, d")
    return float(int(match[1]) * _SECONDS[match[2]])
