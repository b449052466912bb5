"""The words that all messages use, and their base. A shape belongs to what it is about."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Phase: TypeAlias = Literal[
    "Pending", "Running", "Succeeded", "Skipped", "Failed", "Error", "Omitted"
]
_Waiting: TypeAlias = Literal["Steps", "StepGroup", "DAG", "TaskGroup", "Retry"]
_Single: TypeAlias = Literal["Pod", "Container", "HTTP", "Plugin", "Suspend", "Skipped"]
Kind: TypeAlias = Literal[_Waiting, _Single]
Strategy: TypeAlias = Literal["Stop", "Terminate"]
Stage: TypeAlias = Literal["", "room", "lock", "cache"]
"""What a node waits for before its work begins: its locks, what its cache knows, or nothing.

A node that goes on after a retry may wait for room, where a new one would not exist yet.
"""
Labels: TypeAlias = dict[str, str | None]
"""Labels that a workflow has beside those it came with; None takes one of those away.

Requests carry those that say who acted last and what they did.
"""


class Message(msgspec.Struct, frozen=True, tag=True, omit_defaults=True, gc=False):
    """Base of all messages."""
