"""Who created a workflow, and who acted on it last: labels. Pure.

Source: reference/engine-operations.md 12.9; argo workflow/creator/creator.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from tiphys.messages import Labels

_PREFIX: Final = "workflows.argoproj.io/"
_UNSAFE: Final = re.compile(r"[^-_.a-z0-9A-Z]")
_EDGES: Final = re.compile(r"^[^a-z0-9A-Z]*|[^a-z0-9A-Z]*$")
_LONGEST: Final = 63
ACTED: Final = tuple(
    f"{_PREFIX}{name}" for name in ("actor", "actor-email", "actor-preferred-username", "action")
)
"""The labels that say who acted last, and how."""
Action: TypeAlias = Literal["", "Suspend", "Resume", "Stop", "Terminate", "Retry", "Update"]


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks, as an identity provider names them."""

    subject: str
    email: str = ""
    preferred_username: str = ""


def label_value(text: str) -> str:
    """Return a text as a label's value: unsafe characters are dashes, the last 63 are kept."""
    return _EDGES.sub("", _UNSAFE.sub("-", text)[-_LONGEST:])


def creator_labels(person: Person | None) -> dict[str, str]:
    """Return the labels of the one who creates a workflow; none for one who is not known."""
    return {} if person is None else _labels(person, "creator")


def acted(labels: Mapping[str, str], person: Person | None, action: Action) -> dict[str, str]:
    """Return labels after somebody acted; of one who is not known nothing is left.

    An empty action says who it was and not what was done.
    """
    rest = {name: text for name, text in labels.items() if name not in ACTED}
    if person is None:
        return rest
    done = {f"{_PREFIX}action": action} if action else {}
    return {**rest, **_labels(person, "actor"), **done}


def noted(own: Mapping[str, str], person: Person | None, action: Action) -> Labels:
    """Return what a workflow that came with labels of its `own` has beside them after an act."""
    fresh = acted({}, person, action)
    return {name: fresh.get(name) for name in ACTED if name in own or name in fresh}


def named(person: Person | None) -> str:
    """Return a person as the message of a resumed node names them, "" for one who is not known."""
    if person is None:
        return ""
    known = {
        "Email": person.email,
        "PreferredUsername": person.preferred_username,
        "User": person.subject,
    }
    return f"map[{' '.join(f'{name}:{text}' for name, text in known.items() if text)}]"


def _labels(person: Person, role: str) -> dict[str, str]:
    found = {
        f"{_PREFIX}{role}": label_value(person.subject),
        f"{_PREFIX}{role}-email": label_value(person.email.replace("@", ".at.")),
        f"{_PREFIX}{role}-preferred-username": label_value(person.preferred_username),
    }
    return {name: text for name, text in found.items() if text}
