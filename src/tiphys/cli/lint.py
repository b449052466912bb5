"""`tiphys lint`."""

from __future__ import annotations

import click

from tiphys.cli.session import Session, with_session


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Choice(["pretty", "simple"]), default="pretty")
@click.option("--strict/--no-strict", default=True, help="Unknown fields are errors.")
@click.option("--offline", is_flag=True, hidden=True)
@click.option("--kinds", default="all", help="Only these kinds.")
@with_session
def lint(
    session: Session, files: tuple[str, ...], output: str, strict: bool, offline: bool, kinds: str
) -> None:
    """Check files and directories without running them."""
    raise NotImplementedError
