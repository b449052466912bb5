"""`tiphys render`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from tiphys.cli.options import parameter_file_option, parameter_option
from tiphys.cli.session import (
    read_parameters,
    write,
)
from tiphys.errors import InvalidDocument, UserError
from tiphys.library.files import read_sources

if TYPE_CHECKING:
    from tiphys.service.rendering import Field, Rendering


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--node", required=True, help="A node, or a step, a task or a template.")
@parameter_option
@parameter_file_option
@click.option(
    "--result",
    "results",
    multiple=True,
    metavar="TEMPLATE=TEXT",
    help="What a template writes to standard output; else it is made up.",
)
def render(
    files: tuple[str, ...],
    node: str,
    parameters: tuple[str, ...],
    parameter_files: tuple[str, ...],
    results: tuple[str, ...],
) -> int:
    """Show what the tags of a node yield, without running anything; FILE may be a URL or "-".

    Every job is taken to succeed, with made-up outputs. Exits with 2 when a tag yields nothing;
    then it says which names there are.
    """
    from tiphys.service import rendering
    from tiphys.service.documents import load, placed
    from tiphys.service.submit import Overrides, apply_options, named, parse_parameters

    loaded = load(read_sources(files))
    if len(loaded.workflows) != 1:
        raise UserError(f"one workflow is needed, not {len(loaded.workflows)}")
    given = tuple(read_parameters(parameters, parameter_files))
    now = time.time()
    workflow = apply_options(loaded.workflows[0][0], Overrides(parameters=given))
    origin = loaded.workflows[0][1]
    try:
        found = rendering.render(
            named(workflow, "default", now),
            loaded.beside(),
            node,
            dict(parse_parameters(results)),
            now,
        )
    except InvalidDocument as exc:
        raise InvalidDocument(placed(exc.findings, origin)) from exc
    write("".join(f"{line}\n" for line in _page(found)))
    return 2 if found.failed else 0


def _page(found: Rendering) -> Iterator[str]:
    from tiphys.expr.explain import hints

    of = f" of template {found.template}" if found.template else ""
    yield f"{found.name}  {found.kind}{of}"
    if found.message:
        yield f"  {found.phase}: {found.message}"
    for name, value in found.inputs.items():
        yield f"  inputs.parameters.{name} = {_quoted(value)}"
    for title, fields in (("the call", found.arguments), ("the template", found.body)):
        if fields:
            yield f"{title}:"
        for field in fields:
            yield from _field(field)
    fields = [*found.arguments, *found.body]
    missing = {name: None for field in fields for tag in field.tags for name in tag.missing}
    if found.failed:
        yield from hints(list(missing), found.known)


def _field(field: Field) -> Iterator[str]:
    yield f"  {field.path}"
    for tag in field.tags:
        if tag.text is not None:
            yield f"    {_one_line(tag.tag)}  ->  {_quoted(tag.text)}"
            continue
        yield f"    {_one_line(tag.tag)}  stays:"
        yield from (f"      {line}" for line in tag.reason.splitlines())


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _quoted(text: str) -> str:
    """Return a text as it is if it is one plain line, else as JSON."""
    from tiphys.expr.gotext import json_string

    return text if text.isprintable() and text == text.strip() != "" else json_string(text, False)
