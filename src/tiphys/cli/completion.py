"""`tiphys completion`: what the shell asks when Tab is pressed.

The script asks the command itself, by a variable in its environment. Names of workflows,
templates and CronWorkflows come from the home.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import PurePath
from typing import Any, Final, TypeAlias

import click
from click.shell_completion import CompletionItem, get_completion_class

from tiphys.client.settings import is_remote

_Offer: TypeAlias = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
_ASKED: Final = "_TIPHYS_COMPLETE"
"""The variable by which a shell's script asks; click makes it of the program's name."""
_MOST: Final = 500
_VERBS: Final = "cp delete explain get logs resubmit resume retry set stop suspend terminate"
_NAMES: Final = frozenset([*_VERBS.split(), "wait", "watch"])
"""Verbs whose first argument is a workflow that there is."""
_KINDS: Final = {
    "template": "WorkflowTemplate",
    "cluster-template": "ClusterWorkflowTemplate",
    "cron": "CronWorkflow",
}
"""Groups of verbs about things of a kind."""
_OF_STORED: Final = frozenset(("backfill", "delete", "get", "resume", "suspend"))
"""Verbs of these groups whose first argument is one that is stored."""


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
    """Let the first argument of verbs be completed if it names what there is in the home."""
    if isinstance(command, click.Group):
        kind = _KINDS.get(command.name or "")
        for verb in command.commands.values():
            if kind and verb.name in _OF_STORED:
                _complete_first(verb, partial(_stored, kind))
            elif command.name == "node":
                _complete_first(verb, _workflows)
    elif command.name in _NAMES:
        _complete_first(command, _workflows)
    return command


def _complete_first(verb: click.Command, offer: _Offer) -> None:
    first = next((item for item in verb.params if isinstance(item, click.Argument)), None)
    if first is not None:
        first._custom_shell_complete = offer


def _workflows(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Return the workflows whose name begins so; none where they cannot be read.

    Those of a server are not asked for while somebody types.
    """
    import asyncio

    if is_remote([]):
        return []
    return _items({"@latest": "the newest", **asyncio.run(_phases(context.params))}, begun)


def _stored(
    kind: str, context: click.Context, _: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Return what is stored of a kind and whose name begins so; of a server nothing, as above."""
    import asyncio

    if is_remote([]):
        return []
    return _items(dict.fromkeys(asyncio.run(_stored_names(kind, context.params)), ""), begun)


def _items(found: dict[str, str], begun: str) -> list[CompletionItem]:
    wanted = [(name, said) for name, said in found.items() if name.startswith(begun)]
    return [CompletionItem(name, help=said) for name, said in wanted[:_MOST]]


async def _stored_names(kind: str, given: dict[str, Any]) -> list[str]:
    from tiphys.app import local
    from tiphys.errors import TiphysError
    from tiphys.model.base import API_VERSION
    from tiphys.service.metadata import name_of
    from tiphys.settings import load_settings

    try:
        settings = load_settings(given.get("home"), None, None, given.get("namespace"))
        place = None if kind.startswith("Cluster") else settings.namespace
        with local(settings) as home:
            return sorted(map(name_of, await home.objects.list(API_VERSION, kind, place)))
    except (TiphysError, OSError):
        return []  # a shell that completes has no place for an error


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
