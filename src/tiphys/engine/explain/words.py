"""The words that explanations share: names, results and values in one line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from tiphys.engine.clock import rfc3339
from tiphys.engine.resolving import CallError, resolve_text
from tiphys.engine.scope import Names
from tiphys.engine.state import Node
from tiphys.expr.template import LENIENT, Text
from tiphys.model.base import Json

if TYPE_CHECKING:
    from tiphys.engine.run import Run

MOST_NAMES = 3
_CHILD = re.compile(r"^child '[^']*' failed$")
_MOST_CHARACTERS = 160


def when(at: float) -> str:
    """Return an instant as text."""
    return rfc3339(at)


def short(text: str) -> str:
    """Return a text as one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= _MOST_CHARACTERS else f"{line[: _MOST_CHARACTERS - 3]}..."


def value(found: Json) -> str:
    """Return a JSON value as one short line."""
    return short(found if isinstance(found, str) else msgspec.json.encode(found).decode())


def said(message: str) -> str:
    """Return a message as one short line, "" for one that only names a child by its id."""
    return "" if _CHILD.match(message) else short(message)


def result(node: Node) -> str:
    """Return how a node stands: `a Failed (exit code 1)`."""
    message = f" ({said(node.message)})" if said(node.message) else ""
    if node.daemoned:
        return f"{node.display_name} serves as a daemon"
    return f"{node.display_name} {node.phase}{message}"


def full_result(node: Node) -> str:
    """Return how a node stands, by its full name."""
    return node.name + result(node)[len(node.display_name) :]


def listed(names: Iterable[str], most: int = MOST_NAMES) -> str:
    """Return names with commas, the first few of them: `a, b, c and 5 more`."""
    found = [*names]
    rest = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + rest


def counted(number: int, noun: str) -> str:
    """Return `1 place`, `2 places`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def resolved(run: Run, text: Text, scope: Names, name: str) -> str:
    """Return a text with its tags resolved, as it is where that fails."""
    try:
        return resolve_text(text, scope, LENIENT, run.context(name))
    except CallError:
        return text.source


def read_as(source: str, found: str) -> str:
    """Return a text, and what it reads with its tags resolved if it has any."""
    if source == found:
        return f"`{short(source)}`"
    return f"`{short(source)}`, which reads `{short(found)}`,"
