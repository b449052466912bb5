"""How `get` draws a workflow, from its options."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tiphys.errors import UserError

if TYPE_CHECKING:
    from tiphys.cli.render import Style


def tree_style(
    colour: bool, *, output: str | None, status: str, selector: str, no_utf8: bool
) -> Style:
    """Return the style that the options of `get` stand for. Raises UserError."""
    from tiphys.cli.render import Style

    if status and selector:
        raise UserError("cannot use both --status and --node-field-selector")
    wanted = f"phase={status}" if status else selector
    style = Style(
        form="short" if output == "short" else "wide" if output == "wide" else "default",
        colour=colour,
        utf8=not no_utf8 and (sys.stdout.encoding or "").lower().replace("-", "") == "utf8",
    )
    if not wanted:
        return style
    from tiphys.service.operations import node_filter

    return Style(style.form, style.colour, style.utf8, None, node_filter(wanted))
