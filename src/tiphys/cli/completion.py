"""`tiphys completion`: what the shell asks when Tab is pressed.

The script asks the command itself, by a variable in its environment. Names of workflows come from
the home.
"""

from __future__ import annotations

import sys
from pathlib import PurePath
from typing import Any, Final, TypeGuard

import click
from click.shell_completion import CompletionItem, get_completion_class

_ASKED: Final = "_TIPHYS_COMPLETE"
"""The variable by which a shell's script asks; click makes it of the program's name."""
_MOST: Final = 500
_VERBS: Final = "cp delete explain get logs resubmit resume retry set stop suspend terminate"
_NAMES: Final = frozenset([*_VERBS.split(), "wait", "watch"])
"""Verbs whose first argument is a workflow that there is."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands in a shell.

    For bash: `source <(tiphys completion bash)`, for good in ~/.bashrc; the same for zsh; for fish:
    `tiphys completion fish | source`.
    """
    from tiphys.cli.main import cli

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"click knows no {shell}")
    click.echo(found(cli, {}, PurePath(sys.argv[0]).name, _ASKED).source())


def with_names(command: click.Command) -> click.Command:
    """Let a verb's first argument be completed if it is a workflow that there is."""
    verb = command.commands["set"] if _is_node(command) else command
    first = next((item for item in verb.params if isinstance(item, click.Argument)), None)
    if verb.name in _NAMES and first is not None:
        first._custom_shell_complete = _workflows
    return command


def _is_node(command: click.Command) -> TypeGuard[click.Group]:
    return isinstance(command, click.Group) and command.name == "node"


def _workflows(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Return the workflows whose name begins so; none where they cannot be read."""
    import asyncio

    found = {"@latest": "the newest", **asyncio.run(_phases(context.params))}
    wanted = [(name, phase) for name, phase in found.items() if name.startswith(begun)]
    return [CompletionItem(name, help=phase) for name, phase in wanted[:_MOST]]


async def _phases(given: dict[str, Any]) -> dict[str, str]:
    from tiphys.app import local
    from tiphys.errors import TiphysError
    from tiphys.settings import load_settings

    try:
        settings = load_settings(given.get("home"), None, None, given.get("namespace"))
        with local(settings) as home:
            rows = await home.store.list(settings.namespace)
            return {row.name: _phase(home.viewer.bare(row)) for row in rows}
    except (TiphysError, OSError):
        return {}  # a shell that completes has no place for an error


def _phase(workflow: dict[str, Any]) -> str:
    status = workflow.get("status")
    return str(status.get("phase") or "") if isinstance(status, dict) else ""
