"""The command line: `tiphys VERB`. Commands are imported when they are called.

Exit codes: 0 all well; 1 a workflow failed; 2 the request cannot be carried out. Called as
`argo`, it behaves the same.
Differs: Argo has 1 for both, writes `rpc error: code = ... desc = ` before what a server said, and
all of a verb's usage after what is wrong with its words.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import Final, NoReturn

import click

import tiphys
from tiphys.client.settings import environment, is_remote
from tiphys.errors import TiphysError

_OBJECTS: Final = 50_000
"""New objects between two looks for garbage: the usual 700 cost a short command a tenth of it."""
_LOGS: Final = (
    ("--loglevel", "ARGO_LOGLEVEL"),
    ("--log-format", "ARGO_LOG_FORMAT"),
    ("--verbose", "ARGO_VERBOSE"),
)
COMMANDS: Final[dict[str, str]] = {
    "apply": "tiphys.cli.apply:apply",
    "archive": "tiphys.cli.archive:archive",
    "artifacts": "tiphys.cli.artifacts:artifacts",
    "cluster-template": "tiphys.cli.templates:cluster_template",
    "auth": "tiphys.cli.auth:auth",
    "completion": "tiphys.cli.completion:completion",
    "convert": "tiphys.cli.convert:convert",
    "cp": "tiphys.cli.cp:cp",
    "cron": "tiphys.cli.cron:cron",
    "delete": "tiphys.cli.operations:delete",
    "engine": "tiphys.cli.background:engine",
    "executor-plugin": "tiphys.cli.plugin:executor_plugin",
    "explain": "tiphys.cli.explain:explain",
    "expr": "tiphys.cli.expr:expr",
    "get": "tiphys.cli.get:get",
    "lint": "tiphys.cli.lint:lint",
    "list": "tiphys.cli.listing:list_",
    "logs": "tiphys.cli.logs:logs",
    "node": "tiphys.cli.operations:node",
    "objects": "tiphys.cli.objects:objects",
    "render": "tiphys.cli.render_command:render",
    "resubmit": "tiphys.cli.again:resubmit",
    "resume": "tiphys.cli.operations:resume",
    "retry": "tiphys.cli.again:retry",
    "run": "tiphys.cli.run:run",
    "server": "tiphys.cli.server:server",
    "stop": "tiphys.cli.operations:stop",
    "submit": "tiphys.cli.submit:submit",
    "suspend": "tiphys.cli.operations:suspend",
    "sync": "tiphys.cli.sync:sync",
    "template": "tiphys.cli.templates:template",
    "terminate": "tiphys.cli.operations:terminate",
    "version": "tiphys.cli.version:version",
    "wait": "tiphys.cli.wait:wait",
    "watch": "tiphys.cli.wait:watch",
}
"""Verb to `module:command`."""
REMOTE: Final[dict[str, str]] = {
    "apply": "tiphys.cli.remote.applying:apply",
    "archive": "tiphys.cli.remote.archive:archive",
    "artifacts": "tiphys.cli.remote.artifacts:artifacts",
    "cluster-template": "tiphys.cli.remote.keeping:cluster_template",
    "cp": "tiphys.cli.remote.artifacts:cp",
    "cron": "tiphys.cli.remote.keeping:cron",
    "delete": "tiphys.cli.remote.changing:delete",
    "explain": "tiphys.cli.remote.reading:explain",
    "get": "tiphys.cli.remote.reading:get",
    "lint": "tiphys.cli.remote.linting:lint",
    "list": "tiphys.cli.remote.reading:list_",
    "logs": "tiphys.cli.remote.reading:logs",
    "node": "tiphys.cli.remote.changing:node",
    "objects": "tiphys.cli.remote.objects:objects",
    "resubmit": "tiphys.cli.remote.submitting:resubmit",
    "resume": "tiphys.cli.remote.changing:resume",
    "retry": "tiphys.cli.remote.submitting:retry",
    "stop": "tiphys.cli.remote.changing:stop",
    "submit": "tiphys.cli.remote.submitting:submit",
    "suspend": "tiphys.cli.remote.changing:suspend",
    "sync": "tiphys.cli.remote.limits:sync",
    "template": "tiphys.cli.remote.keeping:template",
    "terminate": "tiphys.cli.remote.changing:terminate",
    "version": "tiphys.cli.remote.reading:version",
    "wait": "tiphys.cli.remote.reading:wait",
    "watch": "tiphys.cli.remote.reading:watch",
}
"""The same, where a server is named."""
LOCAL: Final = frozenset(
    (
        *("auth", "completion", "convert", "engine", "executor-plugin"),
        *("expr", "render", "run", "server"),
    )
)
"""What is done here, whether a server is named or not."""

HELP: Final[dict[str, str]] = {
    "apply": "Keep templates and other objects of files.",
    "archive": "Look after workflows that have ended and are kept.",
    "artifacts": "List and fetch what the steps of a workflow made.",
    "cluster-template": "Manage templates of all namespaces.",
    "auth": "Make, list and revoke tokens for the server.",
    "completion": "Print the script that completes commands in a shell.",
    "convert": "Rewrite files of Argo 3 for Argo 4.",
    "cp": "Copy the artifacts of a workflow.",
    "cron": "Start workflows by the clock.",
    "delete": "Forget workflows and all that belongs to them.",
    "executor-plugin": "Build executor plugins for a cluster.",
    "explain": "Tell why a workflow or a node is as it is.",
    "expr": "Show what an expression yields.",
    "get": "Show a workflow and its tree.",
    "lint": "Check files without running them.",
    "list": "List workflows.",
    "logs": "Show what a workflow's steps wrote.",
    "node": "Answer the suspend nodes of a workflow.",
    "objects": "Look after Jobs, Pods and other objects.",
    "render": "Show what the tags of a node yield.",
    "resubmit": "Run a workflow anew under another name.",
    "resume": "Let a suspended workflow go on.",
    "retry": "Go on with a workflow that failed.",
    "run": "Run a workflow here, until it ends.",
    "server": "Serve the REST API of this home.",
    "stop": "End a workflow; its exit handlers run.",
    "submit": "Run a workflow in the background.",
    "suspend": "Start no new steps of a workflow.",
    "sync": "Manage the limits of semaphores.",
    "template": "Manage templates that workflows refer to.",
    "terminate": "End a workflow at once, without exit handlers.",
    "version": "Show the version.",
    "wait": "Wait for workflows to end.",
    "watch": "Watch a workflow until it ends.",
}
"""What the list of commands says of each; a verb that is missing here is not listed."""


class Verbs(click.Group):
    """A group whose commands are imported when needed."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the verbs, without importing them."""
        return list(HELP)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read a command line as Argo's flags are written; what is said of logs is done first."""
        from tiphys.cli.words import arranged

        def verb(path: Sequence[str]) -> click.Command | None:
            command: click.Command | None = self
            for name in path:
                if not isinstance(command, click.Group):
                    return None
                command = command.get_command(ctx, name)
            return command

        if ctx.resilient_parsing:  # a shell asks; what is wrong with the line is not for it
            with suppress(click.UsageError):
                args = arranged(args, verb, is_remote(args)).words
            return super().parse_args(ctx, args)
        line = arranged(args, verb, is_remote(args))
        if line.words[:1] != ["server"]:  # which has flags of its own about logs
            _set_up_logs(line.logging)
        return super().parse_args(ctx, line.words)

    def get_command(self, context: click.Context, cmd_name: str) -> click.Command | None:
        """Return a verb's command, None if there is none."""
        target = COMMANDS.get(cmd_name)
        if target is None:
            return None
        if cmd_name not in LOCAL and not context.resilient_parsing and is_remote(sys.argv[1:]):
            target = REMOTE[cmd_name]
        module, name = target.split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return _completed(command) if context.resilient_parsing else command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest verb when one is mistyped."""
        import difflib

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], list(HELP), 1)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            ctx.fail(f"there is no command `{args[0]}`{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs from the table."""
        with formatter.section("Commands"):
            formatter.write_dl(list(HELP.items()))


def _set_up_logs(given: dict[str, str]) -> None:
    """Have logs shown, if flags or the environment ask for it."""
    said = {name: given.get(name) or environment().get(variable, "") for name, variable in _LOGS}
    if any(said.values()):
        from tiphys.cli.server_logs import show_logs

        is_verbose = given.get("-v", said["--verbose"]) in {"true", "1"}
        level = "debug" if is_verbose else said["--loglevel"] or "info"
        show_logs(level, said["--log-format"] or "text")


def _completed(command: click.Command) -> click.Command:
    """Return a command that a shell asks about."""
    from tiphys.cli.completion import with_names

    return with_names(command)


@click.group(
    cls=Verbs,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Runs Argo Workflows files on this machine, or simulated.",
)
@click.version_option(tiphys.__version__, message="tiphys: v%(version)s", help="Show the version.")
@click.pass_context
def cli(context: click.Context) -> None:
    """Carry out one verb; without one, say which there are."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """Run the command line and leave."""
    try:
        _main()
    except SystemExit as exc:
        leave(exc.code if isinstance(exc.code, int) else 0)


def leave(code: int) -> NoReturn:
    """End the process.

    obstore's threads may still let go of Python's objects when Python winds up; the process would
    then abort, now and then, after all was done. So there is no winding up where it was used.
    """
    if "obstore" in sys.modules:
        atexit._run_exitfuncs()
        with suppress(OSError, ValueError):  # a closed pipe was told of before
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _main() -> None:
    """Carry out the command; the only place that turns errors into exit codes."""
    gc.set_threshold(_OBJECTS)
    try:
        code = cli.main(prog_name="tiphys", standalone_mode=False)
    except click.exceptions.Exit as exc:
        sys.exit(exc.exit_code)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as exc:
        sys.exit(_say(_with_usage(exc)))
    except TiphysError as exc:
        sys.exit(_say(str(exc)))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as exc:
        sys.exit(_say(f"{exc.filename}: {exc.strerror}" if exc.filename else str(exc)))
    except Exception as exc:  # noqa: BLE001 - whatever it is, a person gets a line, not a traceback
        sys.exit(_say(_defect(exc)))
    sys.exit(code if isinstance(code, int) else 0)


def _say(text: str) -> int:
    """Say what is wrong and return the exit code; called as `argo`, that of Argo."""
    for line in text.splitlines():
        sys.stderr.write(f"Error: {line}\n")
    return 1 if PurePath(sys.argv[0]).name == "argo" else 2


def _with_usage(error: click.ClickException) -> str:
    """Return one line that says what is wrong with the command line, and where help is."""
    text = error.format_message().rstrip(".")
    if isinstance(error, click.NoSuchOption) and error.option_name.lstrip("-")[:1].isdigit():
        text += "; a number below zero comes after --"
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return text
    then = "" if text.endswith("?") else ";"
    return f"{text}{then} see `{context.command_path} --help`"


def _defect(error: Exception) -> str:
    """Keep the traceback in a file and return what is said of it."""
    import tempfile
    import traceback

    said = f"this is a defect of tiphys: {type(error).__name__}: {error}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="tiphys-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            traceback.print_exception(error, file=file)
    except OSError:
        return said
    return f"{said}; please report it with the file {file.name}"


if __name__ == "__main__":
    main()
