"""Checks the documentation: links lead somewhere, every difference from Argo is listed, and what
is written by a tool is as the tool would write it. `python -m tools.docs`.

A deliberate difference is marked `Differs:` in the source; docs/compatibility.md has a row for each
that names the file. A row for a file without a mark is stale.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tools.reference import pages as reference_pages
from tools.variables import PAGE

from tiphys.model.variables import page as variables_page

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "tiphys"
COMPATIBILITY = ROOT / "docs" / "compatibility.md"
MARK = "Differs:"

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`]*`")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_PLACE = re.compile(r"`([\w/]+\.py)`")
_IGNORED = {".venv", ".git", "node_modules"}


def main() -> int:
    """Check everything and print what is wrong."""
    wrong = [*broken_links(), *unlisted_differences(), *stale_pages()]
    for line in wrong:
        print(line)
    print(f"docs: {len(wrong)} problems in {len(list(pages()))} pages")
    return 1 if wrong else 0


def pages() -> Iterator[Path]:
    """Yield every page of the project."""
    for path in sorted(ROOT.rglob("*.md")):
        if not _IGNORED & set(path.relative_to(ROOT).parts):
            yield path


def broken_links() -> Iterator[str]:
    """Yield a line for each link to a file or heading that does not exist."""
    for page in pages():
        text = _CODE.sub("", _FENCE.sub("", page.read_text(encoding="utf-8")))
        for link in _LINK.findall(text):
            if "://" not in link and not link.startswith("mailto:") and not _leads(page, link):
                yield f"{page.relative_to(ROOT)}: the link {link} leads nowhere"


def unlisted_differences() -> Iterator[str]:
    """Yield a line for each mark without a row, and for each row without a mark."""
    marks = Counter(_marked_files())
    rows = Counter(_listed_files())
    for file, count in sorted(marks.items()):
        if rows[file] < count:
            yield f"src/tiphys/{file}: {count} x {MARK} but {rows[file]} rows in compatibility.md"
    for file in sorted(set(rows) - set(marks)):
        yield f"docs/compatibility.md: {file} has no {MARK} mark (any more)"


def stale_pages() -> Iterator[str]:
    """Yield a line for each page that its tool would write otherwise."""
    made = [(PAGE, variables_page(), "variables")]
    made += [(path, text, "reference") for path, text in reference_pages()]
    for path, text, tool in made:
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            yield f"{path.relative_to(ROOT)}: out of date; run `python -m tools.{tool}`"


def _leads(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    if not anchor or target.suffix != ".md":
        return True
    return anchor in {_slug(title) for title in _HEADING.findall(target.read_text("utf-8"))}


def _slug(title: str) -> str:
    words = re.sub(r"[^\w\- ]", "", title.lower())
    return words.replace(" ", "-")


def _marked_files() -> Iterator[str]:
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        yield from [name] * path.read_text(encoding="utf-8").count(MARK)


def _listed_files() -> Iterator[str]:
    for line in COMPATIBILITY.read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            yield from _PLACE.findall(line)


if __name__ == "__main__":
    sys.exit(main())
