"""Documents as `-o json` and `-o name` print them.

Source: reference/cli.md 3.6: single objects are indented by 4, lists by 2.
"""

from __future__ import annotations

import json
from typing import Any


def to_json(value: object) -> str:
    """Return the document, or the list of documents, as indented JSON with a newline."""
    indent = 2 if isinstance(value, list) else 4
    return json.dumps(value, indent=indent, ensure_ascii=False) + "\n"


def to_names(workflows: list[dict[str, Any]]) -> str:
    """Return the names, one a line."""
    return "".join(f"{workflow['metadata'].get('name', '')}\n" for workflow in workflows)
