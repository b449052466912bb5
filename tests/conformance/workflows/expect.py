"""Expected values: placeholders, alternatives and regular expressions.

`$WF` is the workflow's name, `$ID(x)` the id of the node named x; a text that begins with `re:` is
a regular expression for the whole value; a list means any of its members.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_ID = "$ID("
_REGEX = "re:"


def fnv1a(text: str) -> int:
    """The 32-bit FNV-1a hash, written here again so that the test does not trust the product."""
    value = 2166136261
    for byte in text.encode():
        value = ((value ^ byte) * 16777619) % 2**32
    return value


def node_id(workflow: str, name: str) -> str:
    return name if name == workflow else f"{workflow}-{fnv1a(name)}"


def fill(text: str, workflow: str) -> str:
    """Return the text with its placeholders replaced."""
    return _fill(text, workflow, lambda value: value)


def matches(expected: object, actual: object, workflow: str) -> bool:
    """Return whether an actual value is what is expected."""
    if isinstance(expected, list):
        return any(matches(item, actual, workflow) for item in expected)
    if not isinstance(expected, str):
        return expected == actual
    if expected.startswith(_REGEX):
        pattern = _fill(expected[len(_REGEX) :], workflow, re.escape)
        return re.fullmatch(pattern, str(actual or ""), re.DOTALL) is not None
    return fill(expected, workflow) == ("" if actual is None else str(actual))


def _fill(text: str, workflow: str, quote: Callable[[str], str]) -> str:
    done = ""
    while _ID in text:
        before, _, rest = text.partition(_ID)
        end = _closing(rest)
        name = rest[:end].replace("$WF", workflow)
        done += before.replace("$WF", quote(workflow)) + quote(node_id(workflow, name))
        text = rest[end + 1 :]
    return done + text.replace("$WF", quote(workflow))


def _closing(text: str) -> int:
    """Return where the bracket closes that was open before `text`."""
    depth = 0
    for index, char in enumerate(text):
        if char == ")" and depth == 0:
            return index
        depth += {"(": 1, ")": -1}.get(char, 0)
    return len(text)
