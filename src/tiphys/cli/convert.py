"""`tiphys convert`."""

from __future__ import annotations

import click

from tiphys.cli.kinds import OneOf
from tiphys.cli.writing import write
from tiphys.errors import Finding, InvalidDocument
from tiphys.library.files import read_sources


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("-o", "--output", type=OneOf(["yaml", "json"]), default="yaml")
@click.option(
    "--no-color", is_flag=True, expose_value=False, hidden=True, help="Nothing has any, as in Argo."
)
def convert(files: tuple[str, ...], output: str) -> None:
    """Rewrite files of Argo 3 with the fields of Argo 4, on standard output.

    FILES are files, directories, URLs or "-" for standard input. Comments are not kept.
    """
    from tiphys.cli.lint import walk
    from tiphys.model.codec import to_json, to_yaml
    from tiphys.model.documents import split_documents
    from tiphys.service.converting import converted

    for source in read_sources(walk(files)):
        try:
            made = [
                converted(document) for document in split_documents(source.content, source.file)
            ]
        except InvalidDocument as exc:
            raise InvalidDocument(
                [_said(finding, source.file) for finding in exc.findings]
            ) from exc
        for item in made:
            write(to_json(item).decode() + "\n" if output == "json" else f"---\n{to_yaml(item)}")


def _said(finding: Finding, file: str) -> Finding:
    return Finding(
        f"error converting {file}: {finding.reason}",
        (finding.file or file) if finding.line else "",  # the words name it already
        finding.line,
        finding.column,
        hint=finding.hint,
    )
