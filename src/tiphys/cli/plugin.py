"""`tiphys executor-plugin`."""

from __future__ import annotations

from pathlib import Path

import click

from tiphys.cli.options import group
from tiphys.cli.session import write
from tiphys.errors import Finding, InvalidDocument

executor_plugin = group("executor-plugin", "Build executor plugins for a cluster.")


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
