"""A command line as Argo's flags are written, as click reads it. Source: spf13/pflag, cobra.

Flags that every verb takes stand anywhere, also before the verb; `--strict=false` turns a flag off;
`-n=team` is `-n team`; `-fp` is `-f -p`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import click

from tiphys.cli.flags import (
    ABSENT,
    CLUSTER_SWITCHES,
    CREDENTIALS,
    EVERYWHERE,
    OURS,
    REFUSED_BY_SERVERS,
)
from tiphys.cli.kinds import invalid

Verb = Callable[[Sequence[str]], click.Command | None]
"""Finds the command of a path of verbs: the whole of it, `cron list`."""
_TRUE: Final = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE: Final = frozenset(("0", "f", "F", "FALSE", "false", "False"))
_OWN: Final = frozenset(("-h", "--help", "--version"))
LOGGING: Final = ("--loglevel", "--log-format", "--verbose", "-v")


@dataclass(frozen=True, slots=True)
class Line:
    """The words for click; and what the flags about logs were given, by their names."""

    words: list[str]
    logging: dict[str, str]


def arranged(words: Sequence[str], verb: Verb, is_remote: bool) -> Line:
    """Return a command line as click reads it. Raises UsageError.

    A line without a known verb is left to click.
    """
    path: list[str] = []
    before: list[str] = []
    rest = [*words]
    command = verb(path)
    while isinstance(command, click.Group) and rest and not _OWN & {rest[0]}:
        if rest[0].startswith("-"):
            count = _length(rest)
            before, rest = [*before, *rest[:count]], rest[count:]
            continue
        found = verb([*path, rest[0]])
        if found is None:
            return Line([*path, *rest], {})
        path, command = [*path, rest.pop(0)], found
    if command is None:
        return Line([*words], {})
    reader = _Reader(command, is_remote)
    reader.read([*before, *rest])
    return Line([*path, *reader.out], reader.logging)


def _length(words: Sequence[str]) -> int:
    """Return how many words a flag before the verb takes."""
    name, mark, _ = words[0].partition("=")
    if mark:
        return 1
    if not name.startswith("--"):
        name = f"-{name[-1]}" if len(name) == 2 or EVERYWHERE.get(name[:2]) is False else name
    has_value = (
        EVERYWHERE.get(name)
        or OURS.get(name)
        or name in CREDENTIALS
        or (name in ABSENT and name not in CLUSTER_SWITCHES)
    )
    return 2 if has_value else 1


@dataclass(slots=True)
class _Reader:
    """Reads the words that follow a verb."""

    command: click.Command
    is_remote: bool
    out: list[str] = field(default_factory=list)
    logging: dict[str, str] = field(default_factory=dict)

    def read(self, words: Sequence[str]) -> None:
        """Take all words. Raises UsageError."""
        left = iter(words)
        for word in left:
            if word == "--":
                self.out += [word, *left]
            elif word.startswith("--"):
                self._long(word, left)
            elif word.startswith("-") and word != "-":
                self._short(word, left)
            else:
                self.out.append(word)

    def _long(self, word: str, left: Iterator[str]) -> None:
        name, mark, value = word.partition("=")
        option = self._option(name)
        if option is None:
            self._foreign(name, value if mark else None, left, word)
        elif option.is_flag and mark:
            self._switch(option, name, value)
        elif option.is_flag or mark:
            self.out.append(word)
        else:
            self.out += [word, *_next(left)]

    def _short(self, word: str, left: Iterator[str]) -> None:
        """Take short flags that are written together; the last one may have a value."""
        for at in range(1, len(word)):
            name, rest = f"-{word[at]}", word[at + 1 :]
            option = self._option(name)
            has_value = EVERYWHERE.get(name) if option is None else not option.is_flag
            if has_value is None:
                self.out.append(f"-{word[at:]}")
                return
            if has_value or rest.startswith("="):
                value = rest.removeprefix("=") if rest else None
                self._with_value(name, option, value, left)
                return
            if option is None:
                self._foreign(name, None, left, name)
            else:
                self.out.append(name)

    def _with_value(
        self, name: str, option: click.Option | None, value: str | None, left: Iterator[str]
    ) -> None:
        if option is None:
            self._foreign(name, value, left, name)
        elif option.is_flag:
            self._switch(option, name, value or "")
        else:
            self.out += [name, *(_next(left) if value is None else [value])]

    def _switch(self, option: click.Option, name: str, value: str) -> None:
        """Turn a flag on or off; what was said of it before counts no more."""
        if value not in _TRUE | _FALSE:
            reason = f'strconv.ParseBool: parsing "{value}": invalid syntax'
            raise invalid(value, option, reason)
        is_on = (value in _TRUE) == (name not in option.secondary_opts)
        spoken = {*option.opts, *option.secondary_opts}
        self.out = [word for word in self.out if word not in spoken]
        if is_on:
            self.out.append(option.opts[0])
        elif option.secondary_opts:
            self.out.append(option.secondary_opts[-1])

    def _foreign(self, name: str, value: str | None, left: Iterator[str], word: str) -> None:
        """Take a flag that the verb does not have. Raises UsageError for one that there is not."""
        if name in LOGGING:
            given = next(left, "") if value is None and EVERYWHERE[name] else value
            self.logging[name] = "true" if given is None else given
        elif name in EVERYWHERE:
            if value is None and EVERYWHERE[name]:
                next(left, None)
        elif name in CREDENTIALS and self.is_remote:
            _ = value if value is not None else next(left, None)
        elif name in ABSENT or name in CREDENTIALS:
            raise click.UsageError(absent(name, self.is_remote))
        else:
            self.out.append(word)

    def _option(self, name: str) -> click.Option | None:
        for option in self.command.params:
            if isinstance(option, click.Option) and name in {
                *option.opts,
                *option.secondary_opts,
            }:
                return option
        return None


def absent(name: str, is_remote: bool) -> str:
    """Return what is said of a flag of Argo's that there is not."""
    if is_remote and name in REFUSED_BY_SERVERS:
        return REFUSED_BY_SERVERS[name]
    why = ABSENT.get(name, ABSENT["--kubeconfig"])
    return f"{name}: {why}"


def _next(left: Iterator[str]) -> list[str]:
    """Return the next word, if there is one; click says what is missing."""
    found = next(left, None)
    return [] if found is None else [found]
