"""Lint the conformance corpus and compare with what Argo's own validator said.

`python -m tests.conformance.lint FOLDER...` prints the score; `lint_corpus` is for tests.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tiphys.compile.references import TemplateStore, template_store
from tiphys.compile.validate import Options, validate
from tiphys.errors import InvalidDocument
from tiphys.model.codec import Document, argo_text, decode, inspect, split_documents, struct_of

Row = dict[str, Any]


def lint_corpus(folder: str | Path) -> list[tuple[Row, str]]:
    """Return every row of a folder's expected.jsonl with what our linter says to its document."""
    root = Path(folder)
    lines = (root / "expected.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [(row, _lint_row(root, row)) for row in rows if "lint" in row]


def _lint_row(root: Path, row: Row) -> str:
    documents = _documents(root / row["file"])
    others = [item for name in row.get("with") or () for item in _documents(root / name)]
    store = _store([*documents, *others])
    return lint_document(documents[row.get("doc") or 0], store)


def _documents(path: Path) -> list[Document]:
    return split_documents(path.read_bytes(), path.name)


def _store(documents: Iterable[Document]) -> TemplateStore:
    """The offline linter reads everything non-strictly first."""
    found = []
    for document in documents:
        struct = struct_of(document.kind)
        made = None if struct is None else inspect(document, struct, strict=False).value
        if made is not None:
            found.append(made)
    return template_store(found)


def lint_document(document: Document, store: TemplateStore) -> str:
    """Return "ok" or Argo's text for one document."""
    if struct_of(document.kind) is None:
        return "(not linted)"
    try:
        resource = decode(document)
    except InvalidDocument as exc:
        text = argo_text(exc.findings)
        # Argo drops a YAML document with a key written twice without a word; we report it.
        return "(document skipped)" if "already set in map" in text else text
    assert not isinstance(resource, dict)
    options = Options(
        lint=True,
        offline=True,
        namespace=document.namespace,
        sources={"": document},
    )
    findings = validate(resource, store, options)
    return findings[0].reason if findings else "ok"


def main(folders: list[str]) -> int:
    """Print each difference and the score of each folder."""
    wrong = 0
    for folder in folders:
        results = lint_corpus(folder)
        bad = [(row, actual) for row, actual in results if row["lint"] != actual]
        wrong += len(bad)
        for row, actual in bad:
            print(f"{row['file']}#{row.get('doc') or 0}: {actual!r}, expected {row['lint']!r}")
        print(f"{folder}: {len(results) - len(bad)} of {len(results)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
