"""Why a workflow, or a node of it, is as it is: its journal read as a story."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
from msgspec.structs import replace

from tiphys.compile.admit import recompile
from tiphys.engine.clock import rfc3339
from tiphys.engine.explain import decisive
from tiphys.engine.explain.absent import Absent, absent
from tiphys.engine.explain.history import Line, tell
from tiphys.engine.explain.waits import Wait, of_children, of_node, waits
from tiphys.engine.explain.words import said
from tiphys.engine.run import Run
from tiphys.engine.state import Node
from tiphys.errors import Corrupt, NotFound, UserError
from tiphys.expr.explain import nearest
from tiphys.messages import Event, RunAdmitted
from tiphys.model.ids import NodeId
from tiphys.model.secret import Masker
from tiphys.ports import Journal, Queries, RunRow
from tiphys.service.view import Viewer

_MOST_NAMES = 5


class _Part(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Base of what an explanation is made of; printed as JSON."""


class Waiting(_Part, frozen=True):
    """Something that goes no further for now, and why. `node` is "" for the workflow itself."""

    cause: str
    reason: str
    node: str = ""
    id: str = ""
    names: tuple[str, ...] = ()
    until: str = ""


class Link(_Part, frozen=True):
    """One node of the chain from a failure down to its cause.

    `message` is left out where it only says that a child failed.
    """

    node: str
    id: str
    phase: str
    message: str = ""


class Told(_Part, frozen=True):
    """One decision: when, about which node, in a sentence."""

    at: str
    text: str
    node: str = ""


class Subject(_Part, frozen=True):
    """The node that was asked about; without an id it does not exist (yet), and `reason` why."""

    name: str
    display_name: str
    id: str = ""
    type: str = ""
    phase: str = ""
    message: str = ""
    reason: str = ""


class Explanation(_Part, frozen=True, kw_only=True):
    """Why a workflow, or one node of it, is as it is."""

    workflow: str
    namespace: str
    phase: str
    message: str = ""
    node: Subject | None = None
    waits: tuple[Waiting, ...] = ()
    decisive: tuple[Link, ...] = ()
    story: tuple[Told, ...] = ()


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains workflows from their journals."""

    journal: Journal
    queries: Queries
    viewer: Viewer | None = None
    """Knows which Secrets a workflow uses; their values do not show in what is told."""

    async def explain(self, namespace: str | None, name: str, node: str = "") -> Explanation:
        """Return why a workflow, or the node of that name, display name or id, is as it is.

        Raises NotFound, and UserError if several nodes have the name.
        """
        return await self.of(await self.queries.find(namespace, name), node)

    async def of(self, row: RunRow, node: str = "") -> Explanation:
        """Return the same of a workflow that has been found. Raises as above.

        A long journal takes seconds to be told, in a thread: others are answered meanwhile.
        """
        found = await asyncio.to_thread(explain, await self.journal.history(row.run), node)
        masker = None if self.viewer is None else await self.viewer.masker(row)
        return found if masker is None else _hidden(found, masker)


def _hidden(found: Explanation, masker: Masker) -> Explanation:
    """Return an explanation whose sentences hold no value of a Secret."""
    mask, subject = masker.mask, found.node
    if subject is not None:
        said_of = {"message": mask(subject.message), "reason": mask(subject.reason)}
        subject = replace(subject, **said_of)
    return replace(
        found,
        message=mask(found.message),
        node=subject,
        waits=tuple(replace(item, reason=mask(item.reason)) for item in found.waits),
        decisive=tuple(replace(item, message=mask(item.message)) for item in found.decisive),
        story=tuple(replace(item, text=mask(item.text)) for item in found.story),
    )


def explain(events: Sequence[Event], node: str = "") -> Explanation:
    """Return what a whole journal says of its workflow or of one node. Raises as above."""
    run, lines = _told(events)
    if not node:
        chain = decisive.chain(run, decisive.first(run)) if run.state.done else []
        return _explanation(run, None, waits(run), chain, lines)
    found = _find(run, node)
    if isinstance(found, Absent):
        return _explanation(run, Subject(found.name, found.display_name, reason=found.reason))
    subject = Subject(
        found.name, found.display_name, found.id, found.kind, found.phase, found.message
    )
    now = [*of_node(run, found), *of_children(run, found)]
    _, lines = _told(events, found.id)
    chain = decisive.chain(run, found)
    return _explanation(run, subject, now, chain if len(chain) > 1 else (), lines)


def _told(events: Sequence[Event], about: NodeId | None = None) -> tuple[Run, list[Line]]:
    """Return the run of a journal, and its story or that of a node."""
    first = events[0]
    if not isinstance(first, RunAdmitted):
        raise Corrupt("a journal does not begin with the documents of its run")
    run = Run(recompile(first), first)
    return run, tell(run, events, about, partial(recompile, first))


def _explanation(
    run: Run,
    subject: Subject | None,
    now: Iterable[Wait] = (),
    chain: Iterable[Node] = (),
    lines: Iterable[Line] = (),
) -> Explanation:
    state = run.state
    return Explanation(
        workflow=state.name,
        namespace=run.program.namespace,
        phase=state.phase or "Pending",
        message=state.message,
        node=subject,
        waits=tuple(_waiting(run, wait) for wait in now),
        decisive=tuple(Link(item.name, item.id, item.phase, said(item.message)) for item in chain),
        story=tuple(Told(rfc3339(line.at), line.text, line.node) for line in lines),
    )


def _waiting(run: Run, wait: Wait) -> Waiting:
    return Waiting(
        cause=wait.cause,
        reason=wait.reason,
        node=_name(run, wait.node),
        id=wait.node or "",
        names=wait.names,
        until="" if wait.until is None else rfc3339(wait.until),
    )


def _name(run: Run, key: NodeId | None) -> str:
    return "" if key is None else run.state.nodes[key].name


# ------------------------------------------------------------------------------------ finding


def _find(run: Run, wanted: str) -> Node | Absent:
    """Return the one node that is meant. Raises NotFound and UserError."""
    nodes = run.state.nodes
    exact = nodes.get(NodeId(wanted)) or run.state.find(wanted)
    if exact is not None:
        return exact
    missing = [*absent(run)]
    for item in missing:
        if item.name == wanted:
            return item
    shown = [node for node in nodes.values() if node.display_name == wanted]
    found: Sequence[Node | Absent] = shown or [
        item for item in missing if item.display_name == wanted
    ]
    if len(found) > 1:
        names = ", ".join(item.name for item in found[:_MOST_NAMES])
        more = f" and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
        raise UserError(f"several nodes are called {wanted}: {names}{more}; give one of these")
    if not found:
        raise NotFound(_nobody(run, wanted, missing))
    return found[0]


def _nobody(run: Run, wanted: str, missing: Sequence[Absent]) -> str:
    known = {name for node in run.state.nodes.values() for name in (node.display_name, node.name)}
    known |= {name for item in missing for name in (item.display_name, item.name)}
    near = nearest(wanted, sorted(known))
    hint = f"did you mean {', '.join(near)}?" if near else f"see `tiphys get {run.state.name}`"
    return f"workflow {run.state.name} has no node {wanted}; {hint}"
