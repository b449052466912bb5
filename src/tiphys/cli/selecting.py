"""Which workflows a verb is for: those named, or those that selectors match."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.cli.session import Session
    from tiphys.ports import RunRow

selector_option: Final = click.option(
    "-l", "--selector", "labels", default="", metavar="SELECTOR", help="All with these labels."
)
field_selector_option: Final = click.option(
    "--field-selector",
    "fields",
    default="",
    metavar="SELECTOR",
    help="All with these fields, e.g. metadata.name=a.",
)
"""Options whose values are the `labels` and `fields` of `matching`."""


async def matching(
    home: Local, namespace: str | None, labels: str = "", fields: str = ""
) -> Sequence[RunRow]:
    """Return the workflows of a namespace (None: of all) that both selectors match, newest first.

    Raises UserError for a selector that cannot be parsed.
    """
    from tiphys.ports_server import Page
    from tiphys.service.selection import Asked, selection

    wanted = selection(Asked(namespace or "", labels, fields), "live").filter
    return [item.row for item in (await home.store.catalogue.page(wanted, Page())).items]


async def selected(
    session: Session, home: Local, names: tuple[str, ...], labels: str = "", fields: str = ""
) -> list[RunRow]:
    """Return the workflows that selectors match, newest first, then those named; each once.

    Raises NotFound, and UserError for a selector that cannot be parsed.
    """
    rows: list[RunRow] = []
    if labels or fields:
        rows += await matching(home, session.namespace, labels, fields)
    rows += [await home.store.find(session.namespace, name) for name in names]
    return list({row.run: row for row in rows}.values())
