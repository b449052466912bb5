"""`tiphys run`: a workflow in this process, until it ends."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import click
import msgspec

from tiphys.cli.session import (
    Session,
    first_of,
    is_asynchronous,
    runtime_option,
    settings_option,
    with_session,
    write,
)
from tiphys.cli.submit import submit_files, submit_options
from tiphys.errors import LostOwnership, Permanent, TiphysError, WorldError

if TYPE_CHECKING:
    from tiphys.app import Choice, Local
    from tiphys.messages import Strategy
    from tiphys.ports import RunRow, Update

_POLL_SECONDS = 0.1


class Screen(Protocol):
    """Shows what happens while a workflow runs."""

    def show(self, update: Update) -> None:
        """Show one commit's changes."""
        ...


class Lines:
    """A line for each change, for pipes."""

    def __init__(self) -> None:
        """Start with nothing said."""
        from tiphys.cli.render.plain import PlainLog

        self._log = PlainLog()

    def show(self, update: Update) -> None:
        """Print what is new."""
        now = time.time()
        lines = [self._log.node(msgspec.json.decode(node), now) for node in update.nodes]
        lines += self._log.workflow(update.workflow, now)
        write("".join(f"{line}\n" for line in lines if line))


class Tree:
    """The live tree, on a terminal."""

    def __init__(self, colour: bool) -> None:
        """Prepare the view."""
        from tiphys.cli.render import Style
        from tiphys.cli.render.live import LiveTree

        self.view = LiveTree(time.time, Style(colour=colour))
        self._nodes: dict[str, Any] = {}

    def show(self, update: Update) -> None:
        """Draw the new state."""
        for data in update.nodes:
            node = msgspec.json.decode(data)
            self._nodes[node["id"]] = node
        status = update.workflow["status"]
        if isinstance(status, dict):
            self.view.update({**update.workflow, "status": {**status, "nodes": self._nodes}})


class Silence:
    """Nothing, when the result is asked for in a form of its own."""

    def show(self, update: Update) -> None:
        """Show nothing."""


@click.command()
@click.argument("files", nargs=-1)
@submit_options
@click.option("-o", "--output", type=click.Choice(["name", "json", "yaml", "wide"]))
@settings_option
@runtime_option
@with_session
@is_asynchronous
async def run(
    session: Session, files: tuple[str, ...], output: str | None, **values: object
) -> int:
    """Run the workflows of FILES here; exit 0 if they succeed, 1 if not, 2 if they cannot run.

    FILES are paths, URLs or "-" for standard input. WorkflowTemplates and ConfigMaps that a
    workflow refers to are found in all of them: tiphys run workflow.yaml templates.yaml

    Ctrl-C stops the workflow, exit handlers run; a second one terminates it.
    """
    from tiphys.app import local

    with local(session.settings, drives=True) as home:
        rows, choice = await submit_files(session, home, files, values)
        _introduce(choice, output)
        with _Interrupts(home, rows):
            code = max([await _run_one(session, home, row, output) for row in rows])
        await _tidy(session, home)
    return code


async def _tidy(session: Session, home: Local) -> None:
    """Delete what is due; what will be soon is left to a background engine."""
    from tiphys.cli.background import ensure_engine

    if await home.tidy() or await home.has_objects_at_work():
        ensure_engine(session)


def _introduce(choice: Choice, output: str | None) -> None:
    if choice.name == "process" or output is None:
        sys.stderr.write(f"runtime: {choice.name} ({choice.reason})\n")


async def _run_one(session: Session, home: Local, row: RunRow, output: str | None) -> int:
    from tiphys.cli import printing
    from tiphys.cli.render import Style

    if output is not None:
        await _drive(home, row, Silence().show)
    elif sys.stdout.isatty():
        tree = Tree(session.colour)
        with tree.view:
            await _drive(home, row, tree.show)
        printing.failures(await home.viewer.get(row.namespace, row.name))
    else:
        await _drive(home, row, Lines().show)
    workflow = await home.viewer.get(row.namespace, row.name)
    if output is not None:
        style = Style("wide" if output == "wide" else "default", session.colour)
        write(printing.one(workflow, output, style))
    status = workflow["status"]
    return 0 if isinstance(status, dict) and status.get("phase") == "Succeeded" else 1


async def _drive(home: Local, row: RunRow, show: Callable[[Update], None]) -> None:
    """Bring a run to its end; while another engine has it, look on.

    Raises Permanent if that is not possible here and now.
    """
    try:
        while not await _is_mine(home, row, show) and not await _look_on(home, row, show):
            pass
    except WorldError as exc:
        text = f"{exc}; workflow {row.name} is kept, `tiphys wait {row.name}` goes on with it"
        raise Permanent(text) from exc


async def _is_mine(home: Local, row: RunRow, show: Callable[[Update], None]) -> bool:
    """Drive a run; False if another engine has it or takes it over."""
    try:
        return await home.drive(row, show)
    except BaseExceptionGroup as group:
        error = first_of(group)
    if isinstance(error, LostOwnership):
        return False
    raise error


async def _look_on(home: Local, row: RunRow, show: Callable[[Update], None]) -> bool:
    """Show a run that another engine drives; False if that engine has let it go."""
    from tiphys.ports import Update

    seen = -1
    while True:
        fresh = await home.store.find(row.namespace, row.name)
        version = await home.store.version(row.run)
        if version != seen:
            seen = version
            nodes = await home.store.nodes(row.run)
            show(Update(home.viewer.bare(fresh), nodes, fresh.done))
        if fresh.done or not await home.store.is_driven(fresh):
            return fresh.done
        await asyncio.sleep(_POLL_SECONDS)


class _Interrupts:
    """Ctrl-C once stops the workflows, twice terminates them, three times leaves them running."""

    def __init__(self, home: Local, rows: Sequence[RunRow]) -> None:
        self._home = home
        self._rows = rows
        self._count = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupted)

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    def _interrupted(self) -> None:
        self._count += 1
        if self._count > 2:
            sys.stderr.write("leaving; `tiphys wait` goes on with the workflow\n")
            raise KeyboardInterrupt
        word = "stopping" if self._count == 1 else "terminating"
        strategy: Strategy = "Stop" if self._count == 1 else "Terminate"
        for row in self._rows:
            task = asyncio.ensure_future(self._ask(row, word, strategy))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ask(self, row: RunRow, word: str, strategy: Strategy) -> None:
        try:
            fresh = await self._home.store.find(row.namespace, row.name)
            if not fresh.done:
                sys.stderr.write(f"{word} {row.name}\n")
                await self._home.operator.stop(fresh, strategy)
        except TiphysError as exc:
            sys.stderr.write(f"Error: {exc}\n")
