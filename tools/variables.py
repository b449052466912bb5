"""Write docs/variables.md from the catalogue: `python -m tools.variables`."""

from __future__ import annotations

from pathlib import Path

from tiphys.model.variables import page

PAGE = Path(__file__).resolve().parent.parent / "docs" / "variables.md"

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
