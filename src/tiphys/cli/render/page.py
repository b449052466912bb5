"""The page of one workflow: header, blank line, tree."""

from __future__ import annotations

from tiphys.cli.render.header import render_header
from tiphys.cli.render.style import JsonObject, Style
from tiphys.cli.render.tree import render_tree


def render_get(workflow: JsonObject, now: float, style: Style) -> str:
    """Return what `get` prints of a workflow; the short form is the tree alone."""
    tree = render_tree(workflow, now, style)
    if style.form == "short":
        return tree
    header = render_header(workflow, now, style)
    return f"{header}\n{tree}" if tree else header
