"""The kinds of values that Argo's flags have: durations as Go writes them, lists.

Source: spf13/pflag; reference/cli.md 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click


def invalid(value: object, param: click.Parameter | None, reason: str) -> click.UsageError:
    """Return the error about a flag's value, in pflag's words."""
    names = ", ".join(param.opts) if param is not None else ""
    return click.UsageError(f'invalid argument "{value}" for "{names}" flag: {reason}')


class OneOf(click.Choice[str]):
    """A choice among forms of output; another one is refused in Argo's words."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the form."""
        if value not in self.choices:
            raise invalid(value, param, f"One of: {'|'.join(self.choices)}")
        return super().convert(value, param, ctx)


class _Duration(click.ParamType[float]):
    """`1h30m`; the value is in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, _: click.Context | None) -> float:
        """Return seconds; what is no duration is refused in Go's words."""
        from tiphys.expr.durations import SECOND, parse_go_duration
        from tiphys.expr.errors import DurationError

        if isinstance(value, int | float):
            return value
        try:
            return parse_go_duration(value) / SECOND
        except DurationError as exc:
            raise invalid(value, param, exc.message) from exc


DURATION = _Duration()


def joined(_: click.Context, __: click.Parameter, values: Sequence[str]) -> str:
    """Return what a flag was given, several times or with commas between, as one text.

    The callback of an option that is `multiple`: one of pflag's kind `strings`.
    """
    return ",".join(values)


def strings(*names: str, **words: Any) -> Callable[[click.decorators.FC], click.decorators.FC]:
    """Return an option of pflag's kind `strings`; its value is one text with commas between."""
    return click.option(*names, multiple=True, callback=joined, **words)
