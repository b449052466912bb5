"""The options of verbs that exist twice: on a home and against a server.

Each verb's options stand here once, so that both ways take the same words. Options of submit, list
and cp are with what reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import click

from tiphys.cli.kinds import DURATION, OneOf
from tiphys.cli.selecting import field_selector_option, selector_option
from tiphys.errors import TiphysError, UserError

OUTPUT: Final = OneOf(["name", "json", "yaml", "wide"])
_PHASES: Final = ["Succeeded", "Failed", "Error"]


class Stack(Protocol):
    """What adds to a command."""

    def __call__(self, command: click.decorators.FC, /) -> click.decorators.FC:
        """Return the command with more options or arguments."""
        ...


def stacked(*options: Stack) -> Stack:
    """Return what adds options and arguments, the first one uppermost."""

    def add(command: click.decorators.FC, /) -> click.decorators.FC:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def group(name: str, text: str) -> click.Group:
    """Return a command that has verbs of its own, and without one says which."""
    callback = click.pass_context(_say_verbs)
    return click.Group(name, help=text, invoke_without_command=True, callback=callback)


def _say_verbs(context: click.Context) -> None:
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


class _Actions(click.Group):
    """`node`, whose verbs Argo calls actions."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse another action in Argo's words."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise UserError(f"unknown action '{args[0]}'")
        return super().resolve_command(ctx, args)


def node_group() -> click.Group:
    """Return the command `node`."""
    callback = click.pass_context(_say_verbs)
    text = "Answer the suspend nodes of a workflow."
    return _Actions("node", help=text, invoke_without_command=True, callback=callback)


@contextmanager
def failing(verb: str, name: str) -> Iterator[None]:
    """Say of what goes wrong which verb failed, and for which workflow."""
    try:
        yield
    except TiphysError as exc:
        raise UserError(f"failed to {verb} {name}: {exc}") from exc


def output_values(texts: Iterable[str]) -> dict[str, str]:
    """Return the values of `node set -p`, which may be quoted as in Go. Raises UserError."""
    from tiphys.expr.gounquote import unquoted
    from tiphys.service.submit import parse_parameters

    return {name: unquoted(value) for name, value in parse_parameters(texts)}


def need(given: object, text: str) -> None:
    """Raise UsageError if a verb is not told what it is for."""
    if not given:
        raise click.UsageError(text)


def resumed(name: str, ended_as: str) -> str:
    """Return what is said of a resume; `ended_as` is the phase of a workflow that has ended.

    Differs: Argo says that a workflow which has ended was resumed.
    """
    if not ended_as:
        return f"workflow {name} resumed\n"
    return f"workflow {name} has ended ({ended_as}): there is nothing to resume\n"


def chunk_option(flag: str) -> Stack:
    """Return the option for how many workflows a server is asked for at a time."""
    return click.option(
        flag,
        "chunk",
        type=click.IntRange(0),
        default=0,
        help="Ask a server for so many at a time.",
    )


output_option: Final = click.option("-o", "--output", type=OUTPUT)
strict_option: Final = click.option(
    "--strict/--no-strict", default=True, help="Unknown fields are errors."
)
parameter_option: Final = click.option(
    "-p",
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set an input parameter of the workflow; can be repeated.",
)
parameter_file_option: Final = click.option(
    "-f",
    "--parameter-file",
    "parameter_files",
    multiple=True,
    metavar="FILE",
    help="Set parameters from a YAML or JSON file of `name: value`; -p goes before it.",
)
_names: Final = click.argument("names", nargs=-1)
_dry_run: Final = click.option(
    "--dry-run", is_flag=True, help="Only say which workflows would be ended."
)

shown_nodes_options: Final = stacked(
    click.option("--status", default="", metavar="PHASE", help="Only nodes in this phase."),
    click.option(
        "--node-field-selector", "selector", default="", metavar="SELECTOR", help="Only these."
    ),
)
"""Which nodes of a tree are shown: `styling.shown_nodes` reads them."""
watch_options: Final = stacked(click.argument("name"), shown_nodes_options)
get_options: Final = stacked(
    click.argument("names", nargs=-1, required=True),
    click.option("-o", "--output", type=OneOf(["name", "json", "yaml", "short", "wide"])),
    shown_nodes_options,
    click.option("--no-utf8", is_flag=True, help="Plain ASCII."),
)
explain_options: Final = stacked(
    click.argument("name"),
    click.argument("node", default=""),
    click.option("-o", "--output", type=OneOf(["text", "json"]), default="text"),
)
logs_options: Final = stacked(
    click.argument("name"),
    click.argument("pod", required=False),
    click.option("-c", "--container", default="main", show_default=True, help="Which one's."),
    click.option("-f", "--follow", is_flag=True, help="Until the workflow ends."),
    click.option(
        "-p", "--previous", is_flag=True, help="Of the container's run before this one, if any."
    ),
    click.option(
        "--since", type=DURATION, metavar="DURATION", help="Only newer ones, e.g. 5s, 2m, 3h."
    ),
    click.option("--since-time", default="", metavar="TIME", help="Only newer than this RFC 3339."),
    click.option("--tail", type=int, default=-1, help="Only the last lines of each step."),
    click.option("--grep", default="", metavar="REGEX", help="Only lines that match."),
    click.option("-l", "--selector", "labels", default="", help="Only of pods with these labels."),
    click.option("--timestamps", is_flag=True, help="A time before each line."),
)
stop_options: Final = stacked(
    _names,
    click.option(
        "--node-field-selector", "selector", default="", help="Fail only these suspend nodes."
    ),
    click.option("--message", default="", help="The message of the nodes."),
    selector_option,
    field_selector_option,
    _dry_run,
)
terminate_options: Final = stacked(_names, selector_option, field_selector_option, _dry_run)
resume_options: Final = stacked(
    _names,
    click.option("--node-field-selector", "selector", default="", help="Only these suspend nodes."),
)
node_set_options: Final = stacked(
    click.argument("name"),
    click.option(
        "--node-field-selector",
        "selector",
        default="",
        help="Which nodes, e.g. displayName=approve.",
    ),
    click.option(
        "-p",
        "--output-parameter",
        "parameters",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set an output parameter; can be repeated.",
    ),
    click.option("-m", "--message", default="", help="The message of the nodes."),
    click.option("--phase", type=click.Choice(_PHASES), help="End the nodes with it."),
)
wait_options: Final = stacked(
    _names,
    click.option(
        "--ignore-not-found", "lenient", is_flag=True, help="One that is gone is no error."
    ),
)
after_options: Final = stacked(
    output_option,
    click.option("--log", "logs", is_flag=True, help="Show its logs until it ends."),
    click.option(
        "-w", "--wait", "waits", is_flag=True, help="Wait for the end; exit 1 if it failed."
    ),
    click.option("--watch", "watches", is_flag=True, help="Watch until the end."),
)
restart_options: Final = stacked(
    click.option(
        "--node-field-selector",
        "selector",
        default="",
        help="With --restart-successful: nodes to run again although they succeeded.",
    ),
    click.option("--restart-successful", is_flag=True, help="Run the selected nodes again, too."),
)
retry_options: Final = stacked(
    _names,
    parameter_option,
    selector_option,
    field_selector_option,
    restart_options,
    after_options,
)
memoized_option: Final = click.option(
    "--memoized", is_flag=True, help="Do not repeat what succeeded."
)
resubmit_options: Final = stacked(
    _names,
    parameter_option,
    selector_option,
    field_selector_option,
    memoized_option,
    click.option("--priority", type=int, expose_value=False, hidden=True),
    after_options,
)
kept_options: Final = stacked(
    click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Of all namespaces."),
    click.option("-l", "--selector", default="", help="Only those with these labels."),
    click.option("-o", "--output", type=OUTPUT),
)
"""For lists of what is kept: templates, schedules."""
