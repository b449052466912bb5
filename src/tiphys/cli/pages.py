"""The page of a warning: packaged with the program, or beside it in a checkout."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import tiphys


def warning_page(number: str) -> str:
    """Return the Markdown page of a warning, "" if there is none."""
    packaged = resources.files(tiphys) / "pages" / "warnings" / f"{number}.md"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    checkout = Path(tiphys.__file__).parents[2] / "docs" / "warnings" / f"{number}.md"
    return checkout.read_text(encoding="utf-8") if checkout.is_file() else ""
