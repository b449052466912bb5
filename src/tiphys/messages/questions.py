"""Questions: what the engine cannot settle alone, and the answers it is given."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from tiphys.messages.words import Message
from tiphys.model.arguments import Outputs
from tiphys.model.ids import NodeId, RunId


class Lock(msgspec.Struct, frozen=True, omit_defaults=True):
    """One lock of a synchronization block, by the key that users see.

    `config` names the ConfigMap value that holds a semaphore's limit (namespace, name, key).
    `database` is the lock's name in the sync database, "" for a lock that is not kept there.
    Source: reference/engine.md 8.2.2.
    """

    key: str
    kind: Literal["mutex", "semaphore"]
    config: tuple[str, str, str] | None = None
    database: str = ""


class LocksWanted(Message, frozen=True, kw_only=True):
    """All of these locks, or none. `holder` is "<namespace>/<workflow>[/<node id>]".

    Who waits is served by `priority` (high first), then by `created_at` of the workflow.
    """

    question: str
    run: RunId
    holder: str
    locks: tuple[Lock, ...]
    priority: int = 0
    created_at: float = 0.0


class RoomWanted(Message, frozen=True, kw_only=True):
    """Leave to begin, where the number of workflows at work is limited."""

    question: str
    run: RunId
    namespace: str
    priority: int = 0
    created_at: float = 0.0


class CacheWanted(Message, frozen=True, kw_only=True):
    """What a memoization cache knows under a key; older than `max_age_seconds` is not known."""

    question: str
    run: RunId
    namespace: str
    cache: str
    key: str
    max_age_seconds: float | None = None


class KeepWanted(Message, frozen=True, kw_only=True):
    """A node's outputs, to be kept in a memoization cache."""

    question: str
    run: RunId
    namespace: str
    cache: str
    key: str
    node: NodeId
    outputs: Outputs | None = None


Question: TypeAlias = LocksWanted | RoomWanted | CacheWanted | KeepWanted


class Memo(msgspec.Struct, frozen=True):
    """What a memoization cache knew for a node."""

    hit: bool
    key: str
    cache: str


class Granted(Message, frozen=True):
    """What was wanted is held, until it is released."""


class Blocked(msgspec.Struct, frozen=True, omit_defaults=True):
    """A lock that is wanted, and who has it."""

    key: str
    kind: Literal["mutex", "semaphore"]
    holders: tuple[str, ...] = ()


class Awaited(Message, frozen=True, omit_defaults=True):
    """Not yet; another answer follows. `key` is the first lock that cannot be had."""

    message: str
    key: str = ""
    blocked: tuple[Blocked, ...] = ()


class Refused(Message, frozen=True):
    """It will never be had, and why."""

    message: str


class CacheHit(Message, frozen=True):
    """The outputs that were kept under the key."""

    outputs: Outputs | None = None


class CacheMissed(Message, frozen=True):
    """Nothing is kept under the key, or it is too old."""


class Kept(Message, frozen=True):
    """What was to be kept is kept."""


Answer: TypeAlias = Granted | Awaited | Refused | CacheHit | CacheMissed | Kept
