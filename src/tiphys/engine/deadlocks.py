"""Mutexes that can never be had, because who holds them waits for who wants them.

A node holds its locks until it is fulfilled, which it is only when everything inside it is. So a
node waits for ever for a mutex of the workflow, of a node around it, or of one in which a node
waits in turn for a mutex of a node around the first one. Semaphores are left out: others may give
one back. What other workflows hold is not known here.

Differs: Argo lets such nodes wait until the workflow's deadline, or for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tiphys.engine.state import Asked, Node
from tiphys.messages import LocksWanted
from tiphys.model.ids import NodeId

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def never_granted(run: Run, node: Node) -> str:
    """Return why a node that waits for locks waits for ever, "" if it may still get them."""
    holders = _holders(run)
    for key in _mutexes(run.state.questions.get(f"lock:{node.id}")):
        if key in holders and _is_stuck(run, node, key, holders, {node.id}):
            holder = holders[key]
            name = run.state.name if holder is None else run.node(holder).name
            return f"lock {key} can never be had: {name} holds it and waits for this node"
    return ""


def _holders(run: Run) -> dict[str, NodeId | None]:
    """Return who of this run holds which mutex; None is the workflow itself."""
    held = (asked for asked in run.state.questions.values() if asked.held)
    return {key: asked.node for asked in held for key in _mutexes(asked)}


def _mutexes(asked: Asked | None) -> list[str]:
    if asked is None or not isinstance(asked.question, LocksWanted):
        return []
    return [lock.key for lock in asked.question.locks if lock.kind == "mutex"]


def _is_stuck(
    run: Run, node: Node, key: str, holders: dict[str, NodeId | None], seen: set[NodeId]
) -> bool:
    """Return whether the holder of a mutex waits, at the end, for a node in `seen`."""
    holder = holders[key]
    if holder is None:
        return True
    if holder in _around(run, node):
        return True
    for other in _waiting_within(run, holder):
        if other.id in seen:
            return True
        wanted = _mutexes(run.state.questions.get(f"lock:{other.id}"))
        known = (mutex for mutex in wanted if mutex in holders)
        if any(_is_stuck(run, other, mutex, holders, {*seen, other.id}) for mutex in known):
            return True
    return False


def _around(run: Run, node: Node) -> set[NodeId]:
    """Return the nodes that are fulfilled only after this one: its owners, outwards."""
    found: set[NodeId] = set()
    work = [node.owner, node.boundary, node.hook_of]
    while work:
        key = work.pop()
        if key is not None and key not in found:
            found.add(key)
            outer = run.node(key)
            work += [outer.owner, outer.boundary, outer.hook_of]
    return found


def _waiting_within(run: Run, holder: NodeId) -> Iterator[Node]:
    """Yield the nodes inside a holder that wait for locks."""
    for asked in run.state.questions.values():
        if asked.node is not None and not asked.held and asked.node in run.state.live:
            node = run.node(asked.node)
            if holder in _around(run, node):
                yield node
