"""`tiphys logs`: what the steps of a workflow wrote."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import click

from tiphys.cli.options import logs_options
from tiphys.cli.session import Session, is_asynchronous, with_session, write
from tiphys.errors import NotFound, UserError

if TYPE_CHECKING:
    from tiphys.app import Local
    from tiphys.model.secret import Masker
    from tiphys.ports import RunRow

_POLL_SECONDS = 0.1


@click.command()
@logs_options
@with_session
@is_asynchronous
async def logs(
    session: Session, name: str, pod: str | None, follow: bool, tail: int, **values: str
) -> None:
    """Show what the steps of a workflow wrote; @latest is the newest."""
    from tiphys.app import local

    wanted = _pattern(values["grep"])
    with local(session.settings) as home:
        row = await home.store.find(session.namespace, name)
        printer = Printer(session.colour, wanted, tail)
        await _show(home, row, printer, pod, follow and not row.done)


async def follow_logs(session: Session, home: Local, row: RunRow) -> None:
    """Show what the steps of a workflow write until it ends."""
    await _show(home, row, Printer(session.colour, None, -1), None, follow=True)


async def _show(home: Local, row: RunRow, printer: Printer, pod: str | None, follow: bool) -> None:
    async with asyncio.TaskGroup() as group:
        seen: set[str] = set()
        async for node in _pods_as_they_come(home, row, follow):
            if pod not in {None, node["pod"], node["id"], node["name"]}:
                continue
            seen.add(node["id"])
            copying = group.create_task(printer.copy(home, row, node, follow))
            if not follow:  # one after the other, in their order
                await copying
    if pod is not None and not seen:
        raise NotFound(f'workflow "{row.name}" has no pod "{pod}"; `tiphys get` lists them')


def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text) if text else None
    except re.error as exc:
        raise UserError(f"--grep {text}: {exc}") from exc


async def _pods_as_they_come(
    home: Local, row: RunRow, follow: bool
) -> AsyncIterator[dict[str, Any]]:
    """Yield each pod once; with `follow` until the workflow ends or is deleted."""
    known: set[str] = set()
    version = -1
    while True:
        fresh = await home.store.find(row.namespace, row.name)
        latest = await home.store.version(row.run)
        if latest != version:
            version = latest
            for node in await _pods(home, fresh):
                if node["id"] not in known:
                    known.add(node["id"])
                    yield node
        if fresh.done or not follow:
            return
        await asyncio.sleep(_POLL_SECONDS)


async def _pods(home: Local, row: RunRow) -> list[dict[str, Any]]:
    from tiphys.cli.render.nodes import node_pod_name
    from tiphys.cli.render.order import in_order

    workflow: dict[str, Any] = await home.viewer.whole(row)
    pods = [node for node in in_order(workflow) if node["type"] == "Pod"]
    return [{**node, "pod": node_pod_name(workflow, node)} for node in pods]


class Printer:
    """Prints lines with the name of the pod before them."""

    def __init__(self, colour: bool, wanted: re.Pattern[str] | None, tail: int) -> None:
        """Say how lines look and which are wanted."""
        self._colour = colour
        self._wanted = wanted
        self._tail = tail
        self._masker: Masker | None = None

    async def copy(self, home: Local, row: RunRow, node: dict[str, Any], follow: bool) -> None:
        """Print what one job writes."""
        self._masker = await home.viewer.masker(row)
        runtime = home.runtime(row)
        rest = b""
        kept: list[str] = []
        async for piece in runtime.logs(row.run, node["id"], follow):
            *lines, rest = (rest + piece).split(b"\n")
            kept += [line.decode("utf-8", "replace") for line in lines]
            if self._tail < 0:
                self._print(node["pod"], kept)
                kept = []
        if rest:
            kept.append(rest.decode("utf-8", "replace"))
        self._print(node["pod"], kept[-self._tail :] if self._tail > 0 else kept)
        await runtime.close()

    def _print(self, pod: str, lines: list[str]) -> None:
        from tiphys.cli.render.colour import log_colour, paint

        if self._masker is not None:
            lines = [self._masker.mask(line) for line in lines]
        wanted = [line for line in lines if self._wanted is None or self._wanted.search(line)]
        code = log_colour(pod)
        write("".join(f"{paint(f'{pod}: {line}', code, self._colour)}\n" for line in wanted))
