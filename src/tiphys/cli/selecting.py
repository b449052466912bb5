"""Which workflows a verb is for: those named, or those whose labels match."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import click

from tiphys.errors import UserError

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.cli.session import Session
    from tiphys.ports import RunRow

selector_option = click.option(
    "-l", "--selector", "labels", default="", metavar="SELECTOR", help="All with these labels."
)
"""The option whose value is the `labels` of `selected`."""


async def selected(
    session: Session, home: Local, names: tuple[str, ...], labels: str
) -> list[RunRow]:
    """Return the workflows with matching labels, newest first, then those named; each once.

    Raises NotFound, and UserError for a selector that cannot be parsed.
    """
    rows = []
    if labels:
        matches = matcher(labels)
        for row in await home.store.list(session.namespace):
            metadata = home.viewer.bare(row).get("metadata")
            found = metadata.get("labels") if isinstance(metadata, dict) else None
            known = found if isinstance(found, dict) else {}
            if matches({name: str(text) for name, text in known.items()}):
                rows.append(row)
    rows += [await home.store.find(session.namespace, name) for name in names]
    return list({row.run: row for row in rows}.values())


def matcher(text: str) -> Callable[[Mapping[str, str]], bool]:
    """Return the test that a label selector stands for. Raises UserError."""
    from tiphys.expr.errors import SelectorError
    from tiphys.expr.selectors import parse_labels

    try:
        return parse_labels(text).matches
    except SelectorError as exc:
        raise UserError(f"unable to parse label selector '{text}': {exc}") from exc
