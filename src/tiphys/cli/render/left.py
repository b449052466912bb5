"""What is said of the objects that a workflow made and that are at work still."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tiphys.compile.workloads.reading import name_of, text
from tiphys.model.base import JsonObject
from tiphys.model.makers import maker_of
from tiphys.service.kept_objects import shown_name

_SHOWN: Final = 3


def left_lines(workflow: str, namespace: str, found: Sequence[JsonObject]) -> Iterator[str]:
    """Yield a line for each object: that it goes on, how long, and how to look at it and end it.

    Of many the first few, and how all are found.
    """
    place = "" if namespace == "default" else f" -n {namespace}"
    shown = found if len(found) <= _SHOWN + 1 else found[:_SHOWN]
    for document in shown:
        name = shown_name(document)
        how_long = f", until {workflow} is deleted" if maker_of(document).owns else ""
        yield f"{workflow}: {name} is still at work{how_long}; {_ways(document, name, place)}"
    if len(shown) < len(found):
        yield (
            f"{workflow}: {len(found) - len(shown)} more are still at work; "
            f"`tiphys objects ls --workflow {workflow}{place}` shows all, "
            f"`tiphys objects delete --workflow {workflow}{place}` ends them"
        )


def _ways(document: JsonObject, name: str, place: str) -> str:
    if text(document, "kind") == "Workflow":
        own = name_of(document)
        return f"`tiphys get {own}{place}` shows it, `tiphys stop {own}{place}` ends it"
    return (
        f"`tiphys objects logs {name}{place}` shows what it writes, "
        f"`tiphys objects delete {name}{place}` ends it"
    )
