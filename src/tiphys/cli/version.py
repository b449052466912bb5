"""`tiphys version`."""

from __future__ import annotations

import click

import tiphys


@click.command()
@click.option("--short", is_flag=True, help="Only the number.")
def version(short: bool) -> None:
    """Show the version."""
    number = tiphys.__version__
    more = "" if short else "\n  Argo Workflows: v4.1.2"
    click.echo(f"tiphys: v{number}{more}")
