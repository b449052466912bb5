"""ANSI colours, and when they are wanted.

Differs: Argo colours always, also in pipes; here colours are off when the output is no terminal,
when NO_COLOR is set and when TERM is dumb, so that output can be read by programs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

UNDERLINE, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, DEFAULT = 4, 31, 32, 33, 34, 35, 36, 39

_LOG_COLOURS = (GREEN, YELLOW, BLUE, MAGENTA, CYAN, CYAN + 1)


def paint(text: str, code: int | None, on: bool = True) -> str:
    """Return the text in a colour; as it is without a code or when colours are off."""
    return f"\x1b[{code}m{text}\x1b[0m" if on and code is not None else text


def log_colour(pod: str) -> int:
    """Return the colour of a pod's log lines.

    Source: argo cmd/argo/commands/common/ansi_color_code.go; reference/cli.md 7.
    """
    return _LOG_COLOURS[sum(map(ord, pod)) % len(_LOG_COLOURS)]


def wanted(stream: TextIO, environment: Mapping[str, str], no_color: bool = False) -> bool:
    """Return whether to colour what goes to `stream`; the caller hands in the environment."""
    if no_color or environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    return stream.isatty()
