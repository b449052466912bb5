"""`tiphys version`."""

from __future__ import annotations

import platform
import sys
from pathlib import PurePath

import click

import tiphys

_ARGO = "v4.1.2"


@click.command()
@click.option("--short", is_flag=True, help="Only the number.")
def version(short: bool) -> None:
    """Show the version; called as `argo`, that of the Argo whose behaviour this is."""
    is_argo = PurePath(sys.argv[0]).name == "argo"
    click.echo(f"argo: {_ARGO}" if is_argo else f"tiphys: v{tiphys.__version__}")
    if short:
        return
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    for name, value in {
        "Argo Workflows": "" if is_argo else _ARGO,
        "BuildDate": "1970-01-01T00:00:00Z" if is_argo else "",
        "GitCommit": f"tiphys-{tiphys.__version__}" if is_argo else "",
        "GitTreeState": "clean" if is_argo else "",
        "GitTag": _ARGO if is_argo else "",
        "GoVersion": f"python{platform.python_version()}",
        "Compiler": platform.python_implementation().lower(),
        "Platform": f"{platform.system().lower()}/{machine}",
    }.items():
        if value:
            click.echo(f"  {name}: {value}")
