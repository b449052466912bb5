"""A workflow in the form `-o` asks for."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from tiphys.cli.render import ListStyle, Style, render_get, render_list
from tiphys.cli.render.failures import failure_lines
from tiphys.cli.render.output import documents, to_json, to_names, to_yaml
from tiphys.cli.render.story import render_story


def one(workflow: dict[str, Any], output: str | None, style: Style) -> str:
    """Return a single workflow as text."""
    match output:
        case "name":
            return to_names([workflow])
        case "json":
            return to_json(workflow)
        case "yaml":
            return to_yaml(workflow)
        case _:
            return render_get(workflow, time.time(), style)


def several(workflows: Sequence[dict[str, Any]], output: str | None, style: ListStyle) -> str:
    """Return a list of workflows as text."""
    text = documents(list(workflows), output)
    return render_list(workflows, time.time(), style) if text is None else text


def story(found: dict[str, Any], output: str) -> str:
    """Return an explanation as text, or as JSON."""
    if output != "json":
        return render_story(found)
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def failures(workflow: dict[str, Any]) -> None:
    """Write to standard error what failed, which the tree above may have cut."""
    sys.stderr.write("".join(f"{line}\n" for line in failure_lines(workflow)))
