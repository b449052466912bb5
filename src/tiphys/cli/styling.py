"""How `get` and `watch` draw a workflow, from their options."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from tiphys.errors import UserError

if TYPE_CHECKING:
    from tiphys.cli.render import Style
    from tiphys.cli.render.style import Keep


_PHASES: Final = ("Pending", "Running", "Succeeded", "Skipped", "Failed", "Error", "Omitted")


def tree_style(
    colour: bool, *, output: str | None, status: str, selector: str, no_utf8: bool
) -> Style:
    """Return the style that the options of `get` stand for. Raises UserError."""
    from tiphys.cli.render import Style

    return Style(
        form="short" if output == "short" else "wide" if output == "wide" else "default",
        colour=colour,
        utf8=not no_utf8 and (sys.stdout.encoding or "").lower().replace("-", "") == "utf8",
        keep=shown_nodes(status, selector),
    )


def shown_nodes(status: str, selector: str) -> Keep:
    """Return which nodes are shown for `--status` and `--node-field-selector`.

    Differs: a phase that there is not is refused; Argo shows no node. Raises UserError.
    """
    if status and selector:
        raise UserError("cannot use both --status and --node-field-selector")
    if status and status not in _PHASES:
        raise UserError(f"--status {status}: the phases of nodes are {', '.join(_PHASES)}")
    wanted = f"phase={status}" if status else selector
    if not wanted:
        from tiphys.cli.render.style import keep_all

        return keep_all
    from tiphys.service.operations import node_filter

    return node_filter(wanted)


def watched_nodes(values: dict[str, Any]) -> Keep:
    """Return the same for `submit --watch`; without `--watch` the options mean nothing."""
    if values["status"] and not values["watches"]:
        sys.stderr.write("Warning: --status should only be used with --watch\n")
    return shown_nodes(values["status"], values["selector"])
