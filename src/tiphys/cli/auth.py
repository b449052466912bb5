"""`tiphys auth`: tokens for the server of a home."""

from __future__ import annotations

import getpass
import re

import click

from tiphys.cli.session import Session, is_asynchronous, with_session, write
from tiphys.errors import UserError

_AGE = re.compile(r"(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@click.group()
def auth() -> None:
    """Make, list and revoke tokens for the server of this home."""


@auth.command()
@click.option("--role", type=click.Choice(["view", "edit", "admin"]), default="admin")
@click.option("--in", "namespaces", multiple=True, metavar="NAMESPACE", help="Only there.")
@click.option("--expires", default="1d", show_default=True, metavar="AGE", help="E.g. 12h, 30d.")
@click.option("--name", default="", help="Who it is for; shown in labels and in the audit log.")
@with_session
@is_asynchronous
async def token(
    session: Session, role: str, namespaces: tuple[str, ...], expires: str, name: str
) -> None:
    """Print a token, as `Authorization` and ARGO_TOKEN have it. It is shown only now.

    With ARGO_TOKEN set that is printed.
    """
    given = session.settings.environ.get("ARGO_TOKEN", "")
    if given:
        write(f"{given}\n")
        return
    from tiphys.app import local
    from tiphys.app_server import tokens
    from tiphys.auth.rules import grants_of

    grants = grants_of(role, namespaces)
    with local(session.settings) as home:
        made = await tokens(home).create(name or getpass.getuser(), grants, _seconds(expires))
    write(f"{made}\n")


@auth.command(name="list")
@with_session
@is_asynchronous
async def list_(session: Session) -> None:
    """List tokens: their ids, never what they are."""
    from tiphys.app import local
    from tiphys.model.times import time_text

    with local(session.settings) as home:
        rows = await home.store.tokens.list()
    lines = [f"{'ID':<18}{'NAME':<24}{'EXPIRES':<22}NAMESPACES"]
    for row in rows:
        places = sorted({place for grant in row.grants[:-1] for place in grant.namespaces})
        lines.append(f"{row.id:<18}{row.name:<24}{time_text(row.expires_at):<22}{','.join(places)}")
    write("\n".join([*lines, ""]))


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
            write(f"token {identity} revoked\n")


def _seconds(text: str) -> float:
    match = _AGE.fullmatch(text)
    if match is None:
        raise UserError(f"--expires {text}: expected a number and one of s, m, h, d")
    return float(int(match[1]) * _SECONDS[match[2]])
