"""What the commands share: their common options, the files they read, the home they open."""

from __future__ import annotations

import errno
import functools
import os
import sys
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from tiphys.errors import Finding, InvalidDocument
from tiphys.settings import RUNTIMES, Settings, load_settings

if TYPE_CHECKING:
    from tiphys.service.documents import Source

_P = ParamSpec("_P")
_R = TypeVar("_R")
_URL_SECONDS = 30
_MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Session:
    """The common options of a command."""

    settings: Settings
    namespace: str
    settings_file: str
    colour: bool


settings_option = click.option(
    "--settings", "settings_file", metavar="FILE", help="A settings file (TIPHYS_SETTINGS)."
)
"""For commands that run jobs or may start an engine that does; it goes above `with_session`."""
runtime_option = click.option("--runtime", type=click.Choice(RUNTIMES), help="Where jobs run.")
"""For commands that hand over workflows; it goes above `with_session`."""


def parameter_option(name: str) -> Callable[[click.decorators.FC], click.decorators.FC]:
    """Return the option `-p`."""
    text = "Set an input parameter of the workflow; can be repeated."
    return click.option("-p", "--parameter", name, multiple=True, metavar="NAME=VALUE", help=text)


def parameter_file_option(name: str) -> Callable[[click.decorators.FC], click.decorators.FC]:
    """Return the option `-f`."""
    text = "Set parameters from a YAML or JSON file of `name: value`; -p goes before it."
    return click.option("-f", "--parameter-file", name, multiple=True, metavar="FILE", help=text)


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

        try:
            return asyncio.run(command(*args, **kwargs))
        except BaseExceptionGroup as group:
            raise first_of(group) from group

    return wrapped


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first single exception of a group."""
    inner = group.exceptions[0]
    return first_of(inner) if isinstance(inner, BaseExceptionGroup) else inner


# -------------------------------------------------------------------------------------- files


def read_sources(files: Iterable[str]) -> list[Source]:
    """Return the content of files, URLs and standard input ("-"). Raises InvalidDocument."""
    from tiphys.service.documents import Source

    found, findings = [], []
    for file in files:
        name = "stdin" if file == "-" else file
        try:
            found.append(Source(name, _content(file)))
        except InvalidDocument as exc:
            findings += exc.findings
    if findings:
        raise InvalidDocument(findings)
    return found


def _content(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    if file.startswith(("http://", "https://")):
        return _download(file)
    try:
        with open(file, "rb") as stream:
            return stream.read()
    except OSError as exc:
        hints = {
            errno.ENOENT: "check the path",
            errno.EISDIR: "name the files in it; only `lint` takes directories",
            errno.EACCES: "you may not read it",
        }
        reason = (exc.strerror or str(exc)).lower()
        finding = Finding(reason, file=file, hint=hints.get(exc.errno or 0, ""))
        raise InvalidDocument([finding]) from exc


def _download(url: str) -> bytes:
    from urllib.error import URLError
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=_URL_SECONDS) as answer:  # noqa: S310 - the scheme was checked
            content: bytes = answer.read(_MAX_BYTES + 1)
    except (URLError, OSError, ValueError) as exc:
        raise InvalidDocument([Finding(f"cannot be fetched: {exc}", file=url)]) from exc
    if len(content) > _MAX_BYTES:
        raise InvalidDocument([Finding("is larger than 64 MiB", file=url)])
    return content


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


def write(text: str) -> None:
    """Write to standard output; a reader that went away is not an error."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
