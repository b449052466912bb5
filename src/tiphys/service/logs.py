"""What the pods of a workflow wrote, line by line. Source: reference/rest-api.md 8.

Differs: lines have no times of their own here, so those of several pods follow the pods' starts,
and a line's time, where one is asked for, is when its pod began.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tiphys.errors import NotFound, UserError
from tiphys.expr.errors import RegexError
from tiphys.expr.goregex import GoRegex
from tiphys.model.base import Json, JsonObject
from tiphys.model.ids import NodeId, RunId, pod_name
from tiphys.model.times import time_seconds
from tiphys.ports import Clock, Queries, RunRow
from tiphys.ports_server import Catalogue
from tiphys.service.view import Viewer

_LOOK_SECONDS: Final = 0.2
_LONGEST: Final = 1 << 20
_QUEUE: Final = 1_000
ReadLog = Callable[[RunRow, NodeId, str, bool], AsyncIterator[bytes]]
"""Yields what a container of a job wrote; with the flag until the job has ended."""


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Which lines are wanted. `tail` None is all; `since` is epoch seconds."""

    pod: str = ""
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
    """A pod of a workflow: its node, its name, and its times as documents write them."""

    node: NodeId
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

    queries: Queries
    catalogue: Catalogue
    clock: Clock
    read: ReadLog
    viewer: Viewer | None = None
    """Knows which Secrets a workflow uses; their values do not show in a line."""

    async def lines(self, row: RunRow, options: LogOptions) -> AsyncIterator[Line]:
        """Yield the lines of a workflow's pods; with `follow` until it has ended, or is gone.

        Raises UserError for a pattern that is none.
        """
        pattern = _pattern(options.grep)
        masker = None if self.viewer is None else await self.viewer.masker(row)
        async for line in self._every(row, options):
            if masker is not None:
                # Before the pattern: or it could be asked letter by letter.
                line = Line(masker.mask(line.content), line.pod)  # noqa: PLW2901
            if pattern is None or pattern.matches(line.content):
                yield line

    async def _every(self, row: RunRow, options: LogOptions) -> AsyncIterator[Line]:
        if not options.follow or row.done:
            for pod in await self.pods(row):
                if _wanted(pod, options):
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
                async for pod in self._pods_as_they_come(row):
                    if _wanted(pod, options):
                        group.create_task(self._copy(row, pod, options, sink))
        finally:
            await sink.lines.put(None)

    async def _pods_as_they_come(self, row: RunRow) -> AsyncIterator[_Pod]:
        """Yield each pod once, until the workflow has ended or is gone."""
        known: set[str] = set()
        version = -1
        while True:
            fresh = await self._fresh(row.run)
            latest = await self.catalogue.number()
            pods = await self.pods(row) if latest != version else ()
            version = latest
            for pod in pods:
                if pod.node not in known:
                    known.add(pod.node)
                    yield pod
            if fresh is None or fresh.done:
                return
            await self.clock.sleep_until(self.clock.now() + _LOOK_SECONDS)

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
        texts = _lines(
            self.read(row, pod.node, options.container or "main", follow), options.limit_bytes
        )
        if options.tail is not None:
            last: deque[str] = deque(maxlen=max(0, options.tail))
            async for text in texts:
                last.append(text)
            for text in last:
                yield Line(f"{prefix}{text}", pod.name)
            return
        async for text in texts:
            yield Line(f"{prefix}{text}", pod.name)

    async def pods(self, row: RunRow) -> Sequence[_Pod]:
        """Return the pods of a workflow that have begun, by their start."""
        found = []
        for data in await self.queries.nodes(row.run):
            node: JsonObject = msgspec.json.decode(data)
            if node.get("type") == "Pod" and node.get("phase") != "Pending":
                found.append(
                    _Pod(
                        NodeId(str(node["id"])),
                        pod_of(row.name, node),
                        str(node.get("startedAt") or ""),
                        str(node.get("finishedAt") or ""),
                    )
                )
        return sorted(found, key=lambda pod: (pod.started_at, pod.finished_at or "~", pod.node))


def pod_of(workflow: str, node: JsonObject) -> str:
    """Return the name of a node's pod."""
    reference = node.get("templateRef")
    template = _text(reference, "template") or _text(node, "templateName")
    return pod_name(workflow, str(node["name"]), template)


def _text(value: Json, key: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _wanted(pod: _Pod, options: LogOptions) -> bool:
    if options.pod not in {"", pod.name, pod.node}:
        return False
    if options.since is None or not pod.finished_at:
        return True
    return time_seconds(pod.finished_at) >= options.since


def _pattern(text: str) -> GoRegex | None:
    try:
        return GoRegex(text) if text else None
    except RegexError as exc:
        raise UserError(f"failed to compile {text!r}: {exc}") from exc


async def _lines(pieces: AsyncIterator[bytes], most: int | None) -> AsyncIterator[str]:
    """Yield the lines of a text that comes in pieces; a long one in pieces of its own."""
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
