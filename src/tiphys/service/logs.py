"""What the pods of a workflow wrote, line by line. Source: reference/rest-api.md 8.

Differs: lines have no times of their own here, so those of several pods follow the pods' starts,
and a line's time, where one is asked for, is when its pod began. `since` leaves out whole pods.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tiphys.errors import NotFound, UserError
from tiphys.expr.errors import RegexError
from tiphys.expr.goregex import GoRegex
from tiphys.model.base import Json, JsonObject
from tiphys.model.ids import NodeId, RunId, pod_name
from tiphys.model.times import time_seconds
from tiphys.ports import Clock, Journal, Queries, RunRow
from tiphys.ports_server import Catalogue
from tiphys.service.order import in_order
from tiphys.service.pod_labels import Kept, pod_labels
from tiphys.service.selection import requirements
from tiphys.service.view import Viewer, bare

_LOOK_SECONDS: Final = 0.2
_LONGEST: Final = 1 << 20
_QUEUE: Final = 1_000
ReadLog = Callable[[RunRow, NodeId, str, bool], AsyncIterator[bytes]]
"""Yields what a container of a job wrote; with the flag until the job has ended.

Raises NotFound if nothing is left of the job.
"""
ReadArchived = Callable[[RunRow, NodeId, str], AsyncIterator[bytes]]
"""Yields what was archived of a container's log, nothing if there is nothing."""


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Which lines are wanted. `tail` None is all; `since` is epoch seconds.

    `pod` is the name of a pod, or the name or id of its node; `labels` selects among pods. With
    `previous` those of the container's run before this one: none, since no pod of a workflow
    starts a container again.
    """

    pod: str = ""
    labels: str = ""
    previous: bool = False
    container: str = "main"
    grep: str = ""
    follow: bool = False
    timestamps: bool = False
    tail: int | None = None
    limit_bytes: int | None = None
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line, and the pod that wrote it."""

    content: str
    pod: str


@dataclass(frozen=True, slots=True)
class _Pod:
    """A pod of a workflow: its node, its names, and its times as documents write them."""

    node: NodeId
    node_name: str
    name: str
    started_at: str
    finished_at: str


@dataclass(slots=True)
class _Sink:
    """Where the readers of pods put lines; None is the end."""

    lines: asyncio.Queue[Line | None] = field(default_factory=lambda: asyncio.Queue(_QUEUE))


@dataclass(frozen=True, slots=True)
class Logs:
    """Reads what pods wrote. `read` yields what one wrote, in pieces."""

    journal: Journal
    queries: Queries
    catalogue: Catalogue
    clock: Clock
    read: ReadLog
    viewer: Viewer | None = None
    """Knows which Secrets a workflow uses; their values do not show in a line."""
    archived: ReadArchived | None = None
    """Reads what `archiveLogs` has kept of pods of which nothing else is left (podGC)."""

    async def lines(self, row: RunRow, options: LogOptions) -> AsyncIterator[Line]:
        """Yield the lines of a workflow's pods; with `follow` until it has ended, or is gone.

        Raises UserError for a pattern or a selector that is none.
        """
        pattern = _pattern(options.grep)
        requirements(options.labels)
        if options.previous:
            return
        masker = None if self.viewer is None else await self.viewer.masker(row)
        async for line in self._every(row, options):
            # Before the pattern: or it could be asked letter by letter.
            content = line.content if masker is None else masker.mask(line.content)
            if pattern is None or pattern.matches(content):
                yield Line(content, line.pod)

    async def _every(self, row: RunRow, options: LogOptions) -> AsyncIterator[Line]:
        if not options.follow or row.done:
            for pod in await self._chosen(row, await self.pods(row), options):
                async for line in self._of_pod(row, pod, options, follow=False):
                    yield line
            return
        sink = _Sink()
        feeder = asyncio.create_task(self._feed(row, options, sink))
        try:
            while (found := await sink.lines.get()) is not None:
                yield found
            await feeder
        finally:
            feeder.cancel()

    async def _feed(self, row: RunRow, options: LogOptions, sink: _Sink) -> None:
        """Copy the lines of each pod as they come, also of pods that come later."""
        try:
            async with asyncio.TaskGroup() as group:
                async for new in self._pods_as_they_come(row):
                    for pod in await self._chosen(row, new, options):
                        group.create_task(self._copy(row, pod, options, sink))
        finally:
            await sink.lines.put(None)

    async def _pods_as_they_come(self, row: RunRow) -> AsyncIterator[Sequence[_Pod]]:
        """Yield each pod once, those that are new together; until the end of the workflow."""
        known: set[str] = set()
        version = -1
        while True:
            fresh = await self._fresh(row.run)
            latest = await self.catalogue.number()
            pods = await self.pods(row) if latest != version else ()
            version = latest
            new = [pod for pod in pods if pod.node not in known]
            known.update(pod.node for pod in new)
            yield new
            if fresh is None or fresh.done:
                return
            await self.clock.sleep_until(self.clock.now() + _LOOK_SECONDS)

    async def _chosen(
        self, row: RunRow, pods: Sequence[_Pod], options: LogOptions
    ) -> Sequence[_Pod]:
        """Return the pods that are wanted. Raises UserError for a selector that is none."""
        found = [pod for pod in pods if _wanted(pod, options)]
        if not options.labels or not found:
            return found
        wanted = requirements(options.labels)
        labels = await self._labels(row)
        return [
            pod for pod in found if all(term.matches(labels.get(pod.node, {})) for term in wanted)
        ]

    async def _labels(self, row: RunRow) -> Mapping[NodeId, Mapping[str, str]]:
        """Return the labels of pods, in a thread: a long journal takes a while."""
        snapshot, events, _ = await self.journal.load(row.run)
        return await asyncio.to_thread(pod_labels, Kept(snapshot, events), bare(row))

    async def _fresh(self, run: RunId) -> RunRow | None:
        try:
            item = await self.catalogue.listed(run)
        except NotFound:
            return None
        return item.row if item.live else None

    async def _copy(self, row: RunRow, pod: _Pod, options: LogOptions, sink: _Sink) -> None:
        async for line in self._of_pod(row, pod, options, follow=True):
            await sink.lines.put(line)

    async def _of_pod(
        self, row: RunRow, pod: _Pod, options: LogOptions, follow: bool
    ) -> AsyncIterator[Line]:
        prefix = f"{pod.started_at[:-1]}.000000000Z " if options.timestamps else ""
        if options.tail is None:
            async for text in self._texts(row, pod, options, follow):
                yield Line(f"{prefix}{text}", pod.name)
            return
        last: deque[str] = deque(maxlen=max(0, options.tail))
        count = 0
        async for text in self._texts(row, pod, options, follow=False):
            last.append(text)
            count += 1
        if not follow:
            for text in last:
                yield Line(f"{prefix}{text}", pod.name)
            return
        async for text in self._texts(row, pod, options, follow):
            count -= 1
            if count < len(last):  # the last ones of what there was, and all that came since
                yield Line(f"{prefix}{text}", pod.name)

    def _texts(
        self, row: RunRow, pod: _Pod, options: LogOptions, follow: bool
    ) -> AsyncIterator[str]:
        """Yield the lines of a container, from the first one."""
        pieces = self._pieces(row, pod, options.container or "main", follow)
        return lines_of(pieces, options.limit_bytes)

    async def _pieces(
        self, row: RunRow, pod: _Pod, container: str, follow: bool
    ) -> AsyncIterator[bytes]:
        """Yield what a container wrote, from where it is."""
        try:
            async for piece in self.read(row, pod.node, container, follow):
                yield piece
        except NotFound:
            if self.archived is not None:
                async for piece in self.archived(row, pod.node, container):
                    yield piece

    async def pods(self, row: RunRow) -> Sequence[_Pod]:
        """Return the pods of a workflow that have begun, by their start."""
        nodes: dict[str, JsonObject] = {}
        for data in await self.queries.nodes(row.run):
            node: JsonObject = msgspec.json.decode(data)
            nodes[str(node["id"])] = node
        workflow = {"metadata": {"name": row.name}, "status": {"nodes": nodes}}
        return [
            _Pod(
                NodeId(str(node["id"])),
                str(node["name"]),
                pod_of(row.name, node),
                str(node.get("startedAt") or ""),
                str(node.get("finishedAt") or ""),
            )
            for node in in_order(workflow)
            if node.get("type") == "Pod" and node.get("phase") != "Pending"
        ]


def pod_of(workflow: str, node: JsonObject) -> str:
    """Return the name of a node's pod."""
    reference = node.get("templateRef")
    template = _text(reference, "template") or _text(node, "templateName")
    return pod_name(workflow, str(node["name"]), template)


def _text(value: Json, key: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _wanted(pod: _Pod, options: LogOptions) -> bool:
    if options.pod not in {"", pod.name, pod.node, pod.node_name}:
        return False
    if options.since is None or not pod.finished_at:
        return True
    return time_seconds(pod.finished_at) >= options.since


def _pattern(text: str) -> GoRegex | None:
    try:
        return GoRegex(text) if text else None
    except RegexError as exc:
        raise UserError(f"failed to compile {text!r}: {exc}") from exc


async def lines_of(pieces: AsyncIterator[bytes], most: int | None = None) -> AsyncIterator[str]:
    """Yield the lines of a text that comes in pieces; a long one in pieces of its own.

    `most` is the number of bytes after which it is cut.
    """
    rest = b""
    left = most
    async for given in pieces:
        piece = given if left is None else given[:left]
        left = None if left is None else left - len(piece)
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace")
        while len(rest) > _LONGEST:
            yield rest[:_LONGEST].decode("utf-8", "replace")
            rest = rest[_LONGEST:]
        if left == 0:
            break
    if rest:
        yield rest.decode("utf-8", "replace")
