"""Documents as `-o json`, `-o yaml` and `-o name` print them.

Source: reference/cli.md 3.6: single objects are indented by 4, lists by 2; YAML keys are sorted.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tiphys.model.base import Json


def to_json(value: object) -> str:
    """Return the document, or the list of documents, as indented JSON with a newline."""
    indent = 2 if isinstance(value, list) else 4
    return json.dumps(value, indent=indent, ensure_ascii=False) + "\n"


def to_yaml(value: Json) -> str:
    """Return the document as YAML with sorted keys; a list gets one more blank line."""
    from tiphys.model import codec  # the model costs more than a list of workflows

    text = codec.to_yaml(value)
    return f"{text}\n" if isinstance(value, list) else text


def to_names(workflows: list[dict[str, Any]]) -> str:
    """Return the names, one a line."""
    return "".join(f"{workflow['metadata'].get('name', '')}\n" for workflow in workflows)


def documents(found: list[dict[str, Any]], output: str | None) -> str | None:
    """Return a list of documents as names, JSON or YAML; None if none of these is asked for."""
    match output:
        case "name":
            return to_names(found)
        case "json":
            return to_json(found)
        case "yaml":
            return to_yaml([*found])
        case _:
            return None
