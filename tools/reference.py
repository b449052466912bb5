"""Write docs/cli.md and docs/rest.md from the commands and the endpoints themselves.

`python -m tools.reference` writes them; `make docs` fails when they are out of date.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from tiphys.api.routing import Endpoint
from tiphys.api.table import every_route
from tiphys.cli.main import cli

DOCS = Path(__file__).resolve().parent.parent / "docs"
MADE = "<!-- written by tools/reference.py -->"


def main() -> int:
    """Write both pages."""
    for path, text in pages():
        path.write_text(text, encoding="utf-8")
    return 0


def pages() -> Iterator[tuple[Path, str]]:
    """Yield each page and what it has to say."""
    yield DOCS / "cli.md", "\n".join([*_commands()]) + "\n"
    yield DOCS / "rest.md", "\n".join([*_endpoints()]) + "\n"


def _commands() -> Iterator[str]:
    yield from (
        "# Commands",
        "",
        MADE,
        "",
        "Exit codes: 0 all well; 1 a workflow failed, or `lint`",
    )
    yield "found something; 2 the request cannot be carried out; 130 interrupted."
    context = click.Context(cli, info_name="tiphys")
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is not None:
            yield from _command(command, context)


def _command(command: click.Command, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=command.name, parent=parent)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    level = "#" * (2 + usage.split(" [")[0].count(" ") - 1)
    yield from ("", f"{level} {context.command_path}", "", f"    {usage}")
    if command.help:
        yield from ("", inspect.cleandoc(command.help))
    rows = [*_options(command, context)]
    if rows:
        yield from ("", "| option | |", "| --- | --- |", *rows)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _command(inner, context)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for option in command.get_params(context):
        record = option.get_help_record(context)
        if record is None or not (record[1] or record[0].startswith("-")):
            continue
        words, text = (part.replace("|", "\\|") for part in record)
        if "--help" not in words:
            yield f"| `{words}` | {text} |"


def _endpoints() -> Iterator[str]:
    yield from ("# REST API", "", MADE, "")
    yield "The same with parameters and schemas, as OpenAPI: `GET /api/v1/openapi.json`. A client"
    yield "with a token sends `Authorization: Bearer TOKEN`; see [server.md](server.md)."
    for family, endpoints in _families():
        yield from ("", f"## {family}", "")
        yield from ("| endpoint | | who may | query | body |", "| --- | --- | --- | --- | --- |")
        yield from map(_row, endpoints)


def _families() -> Iterator[tuple[str, list[Endpoint]]]:
    """Yield the endpoints by what they are about, in the order of the table."""
    found: dict[str, list[Endpoint]] = {}
    for endpoint in every_route():
        found.setdefault(endpoint.label.partition("/")[0], []).append(endpoint)
    yield from found.items()


def _row(endpoint: Endpoint) -> str:
    says = endpoint.says
    cells = (
        f"`{endpoint.method} {endpoint.path}`",
        says.summary,
        _who(endpoint),
        ", ".join(f"`{name}`" for name in says.query),
        ", ".join(f"`{name.partition(':')[0]}`" for name in says.body if name != "*"),
    )
    return f"| {' | '.join(cells)} |"


def _who(endpoint: Endpoint) -> str:
    if endpoint.policy.kind == "open":
        return f"anybody: {endpoint.policy.reason}"
    needs = ", ".join(f"{need.verb} {need.resource}" for need in endpoint.policy.needs)
    return needs or "whoever is known"


if __name__ == "__main__":
    sys.exit(main())
