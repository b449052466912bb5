"""`tiphys lint`.

Differs: Argo asks the cluster without `--offline`; here only a server that is named is asked.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from tiphys.cli.kinds import OneOf, strings
from tiphys.cli.options import stacked, strict_option
from tiphys.cli.session import Session, with_session, write
from tiphys.library.files import read_sources

if TYPE_CHECKING:
    from tiphys.service.lint import Judge, Report

_ENDINGS = (".yaml", ".yml", ".json")
_FORMATS = ("pretty", "simple", "json", "sarif")


def _explain(context: click.Context, _: click.Parameter, number: str | None) -> None:
    """Print the page of a rule and leave."""
    if number is None or context.resilient_parsing:
        return
    if number.startswith("-"):  # the next option was taken for it
        raise click.UsageError("--explain needs a rule, as TIP004", context)
    from tiphys.cli.pages import warning_page
    from tiphys.compile.warnings.catalogue import WARNINGS, rule_of

    by_name = {rule.name: rule.id for rule in WARNINGS}
    written = (by_name.get(number.lower(), ""), number.upper(), number[:1].upper() + number[1:])
    rule = next(filter(None, map(rule_of, written)), None)
    if rule is None:
        raise click.UsageError(
            f"there is no rule `{number}`; they are listed in docs/warnings", context
        )
    write(warning_page(rule.id) or f"{rule.id} {rule.name}: {rule.title}.\n")
    context.exit()


lint_options = stacked(
    click.argument("files", nargs=-1, required=True),
    click.option("-o", "--output", type=OneOf(_FORMATS), default="pretty"),
    strict_option,
    click.option("--offline", is_flag=True, help="Do not ask a server."),
    strings("--kinds", default=("all",), metavar="KIND,...", help="Only these kinds."),
    click.option("--warnings/--no-warnings", default=True, help="Also say what is odd."),
    click.option("--warnings-as-errors", is_flag=True, help="Exit 1 for warnings too."),
    click.option(
        "--explain",
        metavar="RULE",
        is_eager=True,
        expose_value=False,
        callback=_explain,
        help="Print what a rule is about, as TIP004, and leave.",
    ),
)
"""the files and options of `lint`."""


@click.command()
@lint_options
@with_session
def lint(session: Session, files: tuple[str, ...], **options: bool | str) -> int:
    """Check files and directories without running them; exit 1 if something is wrong.

    FILES are paths, URLs or "-" for standard input; templates are found in all of them, and nowhere
    else: without a server every check is `--offline`. With
    `-o simple` standard output has Argo's lines only; everything else goes to standard error.
    """
    return checked(files, options, session.colour)


def checked(
    files: tuple[str, ...],
    options: dict[str, bool | str],
    colour: bool,
    judge: Judge | None = None,
) -> int:
    """Check files, write what is wrong and return the exit code; `judge` is a server's word."""
    from tiphys.service import lint as service

    reports = service.lint(
        read_sources(walk(files)),
        service.wanted_kinds(str(options["kinds"])),
        bool(options["strict"]),
        bool(options["warnings"]),
        judge,
    )
    is_hard = bool(options["warnings_as_errors"])
    verdicts = [verdict for report in reports for verdict in report.verdicts]
    failed = sum(bool(verdict.text) or is_hard for verdict in verdicts)
    write(_page(reports, failed, str(options["output"]), colour))
    return 1 if failed or not any(report.checked for report in reports) else 0


def _page(reports: list[Report], failed: int, output: str, colour: bool) -> str:
    from tiphys.cli.render import findings

    if output == "json":
        return findings.as_json(reports)
    if output == "sarif":
        from tiphys.cli.pages import warning_page
        from tiphys.cli.render.sarif import sarif

        return sarif(reports, warning_page)
    if output == "simple":
        # Programs read Argo's lines, and compare them; ours are for whoever looks.
        sys.stderr.write(findings.further(reports))
        return findings.simple(reports, failed)
    return findings.pretty(reports, failed, colour)


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
