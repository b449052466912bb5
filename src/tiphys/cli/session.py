"""What the commands share: their common options, the files they read, the home they open."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import click

from tiphys.cli.writing import write
from tiphys.library.files import read_sources
from tiphys.settings import RUNTIMES, Settings, load_settings

__all__ = [
    "Session",
    "is_asynchronous",
    "parse_labels",
    "read_parameters",
    "runtime_option",
    "settings_option",
    "with_session",
    "write",
]

_P = ParamSpec("_P")
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Session:
    """The common options of a command."""

    settings: Settings
    namespace: str
    settings_file: str
    colour: bool
    runtime: str = ""
    """What `--runtime` says."""


settings_option = click.option(
    "--settings", "settings_file", metavar="FILE", help="A settings file (TIPHYS_SETTINGS)."
)
"""For commands that run jobs or may start an engine that does; it goes above `with_session`."""
runtime_option = click.option("--runtime", type=click.Choice(RUNTIMES), help="Where jobs run.")
"""For commands that hand over workflows; it goes above `with_session`."""


def with_session(command: Callable[..., _R]) -> Callable[..., _R]:
    """Add the common options to a command; it gets a Session as its first argument."""

    @click.option("--home", metavar="DIR", help="Where state is kept (TIPHYS_HOME).")
    @click.option(
        "--database", metavar="URL", help="A Postgres database (TIPHYS_DATABASE), not a file."
    )
    @click.option("-n", "--namespace", metavar="NAME", help="The namespace.")
    @click.option("--no-color", is_flag=True, help="No colours.")
    @functools.wraps(command)
    def wrapped(
        *args: Any,
        home: str | None,
        database: str | None,
        namespace: str | None,
        no_color: bool,
        settings_file: str | None = None,
        runtime: str | None = None,
        **kwargs: Any,
    ) -> _R:
        from tiphys.cli.render.colour import wanted

        settings = load_settings(home, settings_file, runtime, namespace, database)
        session = Session(
            settings=settings,
            namespace=settings.namespace,
            settings_file=settings_file or "",
            colour=wanted(sys.stdout, settings.environ, no_color),
            runtime=runtime or "",
        )
        return command(session, *args, **kwargs)

    return wrapped


def is_asynchronous(
    command: Callable[_P, Coroutine[Any, Any, _R]],
) -> Callable[_P, _R]:
    """Run a coroutine command in an event loop of its own."""

    @functools.wraps(command)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        import asyncio  # lint and expr need none, and start sooner

        from tiphys.library.driving import first_of

        try:
            return asyncio.run(command(*args, **kwargs))
        except BaseExceptionGroup as group:
            raise first_of(group) from group

    return wrapped


# -------------------------------------------------------------------------------------- files


def read_parameters(parameters: Iterable[str], files: Iterable[str]) -> list[tuple[str, str]]:
    """Return the parameters of `-p` and then those of parameter files. Raises UserError."""
    from tiphys.expr.numbers import json_text
    from tiphys.service.mapping import read_mapping
    from tiphys.service.submit import parse_parameters

    found = parse_parameters(parameters)
    for source in read_sources(files):
        document = read_mapping(source.content, source.file, "a parameter file")
        for name, value in document.value.items():
            found.append((name, value if isinstance(value, str) else json_text(value)))
    given: dict[str, str] = {}
    for name, value in found:  # what is given first wins: -p goes before files
        given.setdefault(name, value)
    last = dict(parse_parameters(parameters))
    return list({**given, **last}.items())


def parse_labels(text: str) -> list[tuple[str, str]]:
    """Return "k=v,k2=v2" as pairs. Raises UserError."""
    from tiphys.service.submit import parse_pairs

    return parse_pairs(text)
