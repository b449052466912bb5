"""`tiphys executor-plugin`."""

from __future__ import annotations

from pathlib import Path

import click

from tiphys.cli.session import write
from tiphys.errors import Finding, InvalidDocument


@click.group(
    "executor-plugin", help="Build executor plugins for a cluster.", invoke_without_command=True
)
@click.pass_context
def executor_plugin(context: click.Context) -> None:
    """Carry out one verb; without one, say which there are."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@executor_plugin.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
def build(directory: Path) -> None:
    """Make the ConfigMap, and a page about it, of DIR/plugin.yaml and DIR/server.*."""
    from tiphys.service.plugins import FILE, built

    for path, text in built(_files(directory), str(directory / FILE)):
        made = directory / path
        made.write_text(text, encoding="utf-8")
        write(f"{made} created\n")


def _files(directory: Path) -> dict[str, str]:
    """Return the texts of plugin.yaml and of servers. Raises InvalidDocument."""
    found = {}
    for path in [directory / "plugin.yaml", *sorted(directory.glob("server.*"))]:
        try:
            found[path.name] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
            finding = Finding((reason or str(exc)).lower(), file=str(path))
            raise InvalidDocument([finding]) from exc
    return found
