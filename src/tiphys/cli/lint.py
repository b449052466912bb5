"""`tiphys lint`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from tiphys.cli.session import Session, read_sources, with_session, write

if TYPE_CHECKING:
    from tiphys.service.lint import Report

_ENDINGS = (".yaml", ".yml", ".json")


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Choice(["pretty", "simple"]), default="pretty")
@click.option("--strict/--no-strict", default=True, help="Unknown fields are errors.")
@click.option("--offline", is_flag=True, hidden=True)
@click.option("--kinds", default="all", help="Only these kinds, comma-separated.")
@with_session
def lint(
    session: Session, files: tuple[str, ...], output: str, strict: bool, offline: bool, kinds: str
) -> int:
    """Check files and directories without running them; exit 1 if something is wrong.

    FILES are paths, URLs or "-" for standard input; templates are found in all of them.
    """
    from tiphys.service import lint as service

    _ = offline  # there is no server to ask
    reports = service.lint(read_sources(walk(files)), service.wanted_kinds(kinds), strict)
    count = sum(len(report.faults) for report in reports)
    if output == "simple":
        write("".join(_simple(reports)))
    else:
        write("".join(_pretty(reports, session.colour)))
    if not count and not any(report.checked for report in reports):
        mark = "" if output == "simple" else _paint("✖ ", 31, session.colour)
        write(f"{mark}found nothing to lint in the specified paths, failing...\n")
        return 1
    if not count:
        mark = "" if output == "simple" else _paint("✔ ", 32, session.colour)
        write(f"{mark}no linting errors found!\n")
        return 0
    if output == "pretty":
        write(_paint(f"✖ {count} linting errors found!", 31, session.colour) + "\n")
    return 1


def walk(files: tuple[str, ...]) -> Iterator[str]:
    """Yield files, and those of directories in lexical order."""
    for file in files:
        if not os.path.isdir(file):
            yield file
            continue
        for folder, folders, names in os.walk(file):
            folders.sort()
            yield from (
                os.path.join(folder, name) for name in sorted(names) if name.endswith(_ENDINGS)
            )


def _paint(text: str, code: int, colour: bool) -> str:
    from tiphys.cli.render.colour import paint

    return paint(text, code, colour)


def _item(label: str, kind: str, text: str) -> str:
    return f'in "{label}" ({kind}): {text}' if kind else text


def _simple(reports: list[Report]) -> Iterator[str]:
    for report in reports:
        for fault in report.faults:
            yield f"{report.file}: {_item(fault.label, fault.kind, fault.text)}\n"


def _pretty(reports: list[Report], colour: bool) -> Iterator[str]:
    """Argo's form, and below each error where it is and how to mend it."""
    for report in reports:
        if not report.faults:
            continue
        yield _paint(report.file, 4, colour) + ":\n"
        for fault in report.faults:
            cross = _paint("✖", 31, colour)
            yield f"   {cross} {_item(fault.label, fault.kind, fault.text)}\n"
            for finding in fault.findings:
                place = f"{finding.file}:{finding.line}:{finding.column}" if finding.line else ""
                if len(fault.findings) > 1:
                    place = f"{place}: {finding.reason}"
                said = "; ".join(part for part in (place, finding.hint) if part)
                if said:
                    yield f"       {said}\n"
        yield "\n"
