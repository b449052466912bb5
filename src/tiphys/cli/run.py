"""`tiphys run`: a workflow in this process, until it ends."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import click
import msgspec

from tiphys.cli.kinds import OneOf
from tiphys.cli.session import (
    Session,
    is_asynchronous,
    runtime_option,
    settings_option,
    with_session,
    write,
)
from tiphys.cli.submit import submit_files, submit_options
from tiphys.errors import TiphysError
from tiphys.library.driving import to_the_end

if TYPE_CHECKING:
    from tiphys.app import Choice, Local
    from tiphys.messages import Strategy
    from tiphys.model.secret import Masker
    from tiphys.ports import RunRow, Update
    from tiphys.service.moving import Moves


class Screen(Protocol):
    """Shows what happens while a workflow runs."""

    def show(self, update: Update) -> None:
        """Show one commit's changes."""
        ...


class Lines:
    """A line for each change, for pipes."""

    def __init__(self, moves: Moves, masker: Masker | None) -> None:
        """Start with nothing said; `masker` hides what must not be."""
        from tiphys.cli.render.plain import PlainLog

        self._log = PlainLog()
        self._masker = masker
        self._moves = moves

    def show(self, update: Update) -> None:
        """Print what is new."""
        now = time.time()
        nodes = [_shown(data, self._masker) for data in update.nodes]
        self._moves.see(nodes)
        lines = [self._log.node(node, now) for node in nodes]
        lines += self._log.workflow(update.workflow, now)
        write("".join(f"{line}\n" for line in lines if line))


class Tree:
    """The live tree, on a terminal."""

    def __init__(self, colour: bool, moves: Moves, masker: Masker | None) -> None:
        """Prepare the view; `moves` knows what jobs load and save, `masker` hides Secrets."""
        from tiphys.cli.moving import Notes
        from tiphys.cli.render import Style
        from tiphys.cli.render.live import LiveTree

        self.view = LiveTree(time.time, Style(colour=colour), notes=Notes(moves))
        self._moves = moves
        self._masker = masker
        self._nodes: dict[str, Any] = {}

    def show(self, update: Update) -> None:
        """Draw the new state."""
        for data in update.nodes:
            node = _shown(data, self._masker)
            self._nodes[node["id"]] = node
            self._moves.see([node])
        status = update.workflow["status"]
        if isinstance(status, dict):
            self.view.update({**update.workflow, "status": {**status, "nodes": self._nodes}})


def _shown(data: bytes, masker: Masker | None) -> Any:  # a document
    from tiphys.service.hiding import hidden_node

    node = msgspec.json.decode(data)
    return node if masker is None else hidden_node(node, masker)


class Silence:
    """Nothing, when the result is asked for in a form of its own."""

    def show(self, update: Update) -> None:
        """Show nothing."""


@click.command()
@click.argument("files", nargs=-1)
@submit_options
@click.option("-o", "--output", type=OneOf(["name", "json", "yaml", "wide"]))
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
    from tiphys.cli.collected import say_what_stays
    from tiphys.cli.left import say_what_goes_on

    with local(session.settings, drives=True) as home:
        rows, choice = await submit_files(session, home, files, values)
        _introduce(choice, output)
        with _Interrupts(home, rows):
            code = max([await _run_one(session, home, row, output) for row in rows])
        await _tidy(session, home)
        for row in rows:
            await say_what_stays(home, row)
            await say_what_goes_on(home, await home.fresh(row))
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
        await to_the_end(home, row, Silence().show)
    elif sys.stdout.isatty():
        tree = Tree(session.colour, home.moves(row), await home.viewer.masker(row))
        with tree.view:
            await to_the_end(home, row, tree.show)
        printing.failures(await home.viewer.get(row.namespace, row.name))
    else:
        from tiphys.cli.moving import lines

        moves, masker = home.moves(row), await home.viewer.masker(row)
        async with lines(moves):
            await to_the_end(home, row, Lines(moves, masker).show)
    workflow = await home.viewer.get(row.namespace, row.name)
    if output is not None:
        style = Style("wide" if output == "wide" else "default", session.colour)
        write(printing.one(workflow, output, style))
    status = workflow["status"]
    return 0 if isinstance(status, dict) and status.get("phase") == "Succeeded" else 1


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
            sys.stderr.write(
                "leaving; what runs goes on. `tiphys wait` goes on with the workflow, "
                "`tiphys objects ls` shows its Jobs\n"
            )
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
