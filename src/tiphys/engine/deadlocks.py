"""Mutexes that can never be had, because who holds them waits for who wants them.

A node holds its locks until it is fulfilled, which it is only when everything inside it is. So a
node waits for ever for a mutex of the workflow, of a node around it, or of one in which a node
waits in turn for a mutex of a node around the first one. Semaphores are left out: others may give
one back. What other workflows hold is not known here.

Of those who wait for each other in a ring the one gives up that asked last, whoever is looked at
first: locks are held before anything inside their holder asks, so its question closed the ring,
and the end is the same however often the answers come. Who merely waits for such a ring gets its
locks when it is broken.

Differs: Argo lets such nodes wait until the workflow's deadline, or for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from tiphys.engine.asking import LOCK
from tiphys.engine.evolve_nodes import FRAMES
from tiphys.engine.state import Asked, Node
from tiphys.messages import LocksWanted
from tiphys.model.ids import NodeId

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def never_granted(run: Run, node: Node) -> str:
    """Return why a node that waits for locks waits for ever, "" if it may still get them."""
    if not _is_inside_holder(run, node):
        return ""
    rings = _Rings(run)
    key = rings.closed_by(node.id)
    if key is None:
        return ""
    holder = rings.holders[key]
    name = run.state.name if holder is None else run.node(holder).name
    return f"lock {key} can never be had: {name} holds it and waits for this node"


def _is_inside_holder(run: Run, node: Node) -> bool:
    """Return whether anybody waits for a node who holds locks: else it is in no ring."""
    around = (f"lock:{key}" for key in _around(run, node))
    asked = (run.state.questions.get(name) for name in (LOCK, *around))
    return any(one is not None and one.held for one in asked)


def _mutexes(asked: Asked | None) -> list[str]:
    if asked is None or not isinstance(asked.question, LocksWanted):
        return []
    return [lock.key for lock in asked.question.locks if lock.kind == "mutex"]


def _around(run: Run, node: Node) -> set[NodeId]:
    """Return the nodes that are fulfilled only after this one: its owners, outwards."""
    found: set[NodeId] = set()
    work = [node.owner, node.boundary]
    while work:
        key = work.pop()
        if key is not None and key not in found:
            found.add(key)
            outer = run.node(key)
            work += [outer.owner, outer.boundary]
    return found


class _Rings:
    """Who holds and who waits in one run now; each of those who wait has a place by its age."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._known: dict[NodeId, str | None] = {}
        asked = run.state.questions.values()
        self.holders: dict[str, NodeId | None] = {
            key: one.node for one in asked if one.held for key in _mutexes(one)
        }
        """The node that holds each mutex; None is the workflow itself."""

    @cached_property
    def _waiting(self) -> dict[NodeId, set[NodeId]]:
        """Those who wait for locks, the longest first, each with what is around it."""
        run = self._run
        return {
            one.node: _around(run, run.node(one.node))
            for one in run.state.questions.values()
            if one.node in run.state.live and not one.held and _mutexes(one)
        }

    def closed_by(self, key: NodeId) -> str | None:
        """Return the mutex by which a node closes a ring of those who asked before it, if any."""
        if key not in self._known:
            self._known[key] = self._closing(key)
        return self._known[key]

    def _closing(self, start: NodeId) -> str | None:
        for mutex in self._wanted(start):
            if self._leads_back(start, mutex):
                return mutex
        return None

    def _leads_back(self, start: NodeId, mutex: str) -> bool:
        """Return whether the holder of a mutex waits, by way of others or not, for `start`."""
        around = _around(self._run, self._run.node(start))
        seen: set[NodeId] = set()
        work = [self.holders[mutex]]
        while work:
            holder = work.pop()
            if holder is None or holder in around:
                return True
            if holder not in seen and self._run.node(holder).kind in FRAMES:
                seen.add(holder)
                for other in self._earlier_within(holder, start):
                    work += [self.holders[wanted] for wanted in self._wanted(other)]
        return False

    def _earlier_within(self, holder: NodeId, start: NodeId) -> Iterator[NodeId]:
        """Yield who waits inside a holder, asked before `start`, and will not give up itself."""
        for other, around in self._waiting.items():
            if other == start:
                return
            if holder in around and self.closed_by(other) is None:
                yield other

    def _wanted(self, key: NodeId) -> list[str]:
        wanted = _mutexes(self._run.state.questions.get(f"lock:{key}"))
        return [mutex for mutex in wanted if mutex in self.holders]
