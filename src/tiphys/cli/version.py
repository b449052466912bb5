"""`tiphys version`."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING

import click

import tiphys
from tiphys.cli.kinds import OneOf
from tiphys.cli.options import stacked

if TYPE_CHECKING:
    from tiphys.model.base import Json, JsonObject

_ARGO = "v4.1.2"

version_options = stacked(
    click.option("--short", is_flag=True, help="Only the number."),
    click.option("-o", "--output", type=OneOf(["json", "yaml"])),
)
"""the options of `version`."""


@click.command()
@version_options
def version(short: bool, output: str | None) -> None:
    """Show the version; called as `argo`, that of the Argo whose behaviour this is."""
    if output is None:
        click.echo(own_lines(short), nl=False)
    else:
        click.echo(documents(output, client=own_fields(short)), nl=False)


def own_lines(short: bool) -> str:
    """Return this command's version as Argo prints its own; `short` is the first line alone."""
    is_argo = _is_argo()
    lines = [f"argo: {_ARGO}" if is_argo else f"tiphys: v{tiphys.__version__}"]
    if not short:
        more = _more(is_argo).items()
        lines += [f"  {name}: {value}" for name, value in more if value]
    return "".join(f"{line}\n" for line in lines)


def own_fields(short: bool) -> dict[str, str]:
    """Return this command's version as a document, with the names of a server's `/version`."""
    is_argo = _is_argo()
    fields = {"version": _ARGO if is_argo else f"v{tiphys.__version__}"}
    for name, value in {} if short else _more(is_argo).items():
        if value:
            words = name.replace(" ", "")
            fields[words[0].lower() + words[1:]] = value
    return fields


def documents(output: str, **sides: Mapping[str, Json]) -> str:
    """Return the versions of each side as JSON or YAML."""
    from tiphys.cli.render.output import to_json, to_yaml

    found: JsonObject = {name: dict(fields) for name, fields in sides.items()}
    return to_json(found) if output == "json" else to_yaml(found)


def _is_argo() -> bool:
    return PurePath(sys.argv[0]).name == "argo"


def _more(is_argo: bool) -> dict[str, str]:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return {
        "Argo Workflows": "" if is_argo else _ARGO,
        "BuildDate": "1970-01-01T00:00:00Z" if is_argo else "",
        "GitCommit": f"tiphys-{tiphys.__version__}" if is_argo else "",
        "GitTreeState": "clean" if is_argo else "",
        "GitTag": _ARGO if is_argo else "",
        "GoVersion": f"python{platform.python_version()}",
        "Compiler": platform.python_implementation().lower(),
        "Platform": f"{platform.system().lower()}/{machine}",
    }
