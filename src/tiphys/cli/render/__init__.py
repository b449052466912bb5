"""All text the command line prints, made from a Workflow as plain JSON.

The commands in `tiphys.cli` call it. Everything here is a function from values to text: no file,
no terminal and no clock is touched (`now` and the time zone are arguments). The two modules with
a foot in the terminal, `live` and `colour.wanted`, say so.
"""

from __future__ import annotations

from tiphys.cli.render.header import render_header, status_text
from tiphys.cli.render.listing import ListStyle, render_list, sort_workflows
from tiphys.cli.render.page import render_get
from tiphys.cli.render.style import Style
from tiphys.cli.render.tree import render_tree

__all__ = [
    "ListStyle",
    "Style",
    "render_get",
    "render_header",
    "render_list",
    "render_tree",
    "sort_workflows",
    "status_text",
]
