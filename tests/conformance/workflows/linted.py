"""Rows checked only: the text that `lint --offline` gives for each document, exactly."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from tests.conformance.workflows.corpus import Row
from tests.conformance.workflows.outcome import Outcome
from tests.conformance.workflows.real import TIME_LIMIT, Broken, execute

_SILENT = {"(document skipped)", "(not linted)"}
_PREFIX = re.compile(r'in "[^"]*" \(\w+\): (.*)', re.DOTALL)


def run_row(row: Row) -> Outcome:
    """Lint a row's document with the other documents at hand, and compare the texts."""
    wanted = row.data["lint"]
    try:
        texts = _lint(row)
    except Broken as error:
        return Outcome(row, "failed", str(error))
    if wanted == "(document skipped)" and texts == ["yaml: unmarshal errors:"]:
        return Outcome(row, "passed")  # Argo drops such a document silently; we say so
    if wanted == "ok" or wanted in _SILENT:
        return Outcome(row, "failed", texts[0][:300]) if texts else Outcome(row, "passed")
    if wanted in texts:
        return Outcome(row, "passed")
    return Outcome(row, "failed", f"wanted {wanted!r}, got {texts[:1]}")


def _lint(row: Row) -> list[str]:
    """Return the errors of the row's document, without their prefix."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as name:
        main = Path(name) / "main.yaml"
        main.write_text(row.document, encoding="utf-8")
        others = [Path(name) / f"other-{i}.yaml" for i, _ in enumerate(row.documents)]
        for index, (path, text) in enumerate(zip(others, row.documents, strict=True)):
            if index != row.data.get("doc", 0):
                path.write_text(text, encoding="utf-8")
        files = [str(path) for path in (main, *others) if path.exists()]
        files += [str(row.folder / other) for other in row.data.get("with", [])]
        words = ["lint", "--offline", "-o", "simple", "--home", f"{name}/home", *files]
        code, out, err = execute(words, TIME_LIMIT)
    printed = out + err
    nothing = "found nothing to lint" in printed and row.data["lint"] in _SILENT
    if code and not nothing and not any(_errors(printed, file) for file in files):
        raise Broken(f"tiphys lint ended with {code}: {err.strip()[-300:]}")
    return _errors(printed, str(main))


def _errors(printed: str, file: str) -> list[str]:
    found = []
    for line in printed.splitlines():
        if line.startswith(file):
            match = _PREFIX.search(line)
            found.append(match.group(1) if match else line)
    return found
