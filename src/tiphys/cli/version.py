"""`tiphys version`."""

from __future__ import annotations

import click

import tiphys


@click.command()
@click.option("--short", is_flag=True, help="Only the number.")
def version(short: bool) -> None:
    """Show the version."""
    number = tiphys.__version__
    click.echo(f"tiphys: v{number}" if short else f"tiphys: v{number}\n  Argo Workflows: v4.1.2\n", nl=False)
